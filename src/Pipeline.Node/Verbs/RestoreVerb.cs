using System.CommandLine;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Backups;
using Pipeline.Operations.Verification;

namespace Pipeline.Node.Verbs;

internal sealed class RestoreVerb : Verb
{
    private readonly Option<string> _from;
    private readonly Option<int?> _number;

    public RestoreVerb() : base("restore", "Bring a lake back from a place of backups into an empty location in which no node runs, and verify every byte of it. Cut off, it goes on when it is called again.")
    {
        _from = Add(new Option<string>("--from") { Description = "The backups' directory, s3://bucket/prefix, or a location's name.", HelpName = "LOCATION", Required = true });
        _number = Add(new Option<int?>("--backup") { Description = "Which one; otherwise the newest.", HelpName = "NUMBER" });
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var lake = invocation.OpenLake();
        var result = await RestoreLake.RunAsync(new RestoreLakeRequest(parsed.GetValue(_number)), lake, invocation.OpenStore(parsed.GetRequiredValue(_from)), invocation.Context.Time,
            table => invocation.Context.Messages.WriteLine($"{table.Table} is there, version {table.Version}"), cancellationToken);

        var listing = new Listing(Column.Id("backup"), "table", Column.Id("version"), "objects copied", "bytes");
        foreach (var table in result.Tables) listing.Add(result.Number, table.Table.ToString(), table.Version, table.Objects, table.Bytes);
        invocation.Print(listing);
        var verified = await VerifyLake.RunAsync(new VerifyLakeRequest(IsDeep: true), () => null, lake, cancellationToken);
        foreach (var (thing, _, detail, nextStep) in VerificationText.Of(verified).Where(line => !line.Ok)) invocation.Context.Messages.WriteLine($"{thing}: {detail}. {nextStep}");
        invocation.Context.Messages.WriteLine(string.Create(CultureInfo.InvariantCulture, $"The lake is as it was at {result.At.InWords()}. {VerificationText.Verdict(verified)}"));
        invocation.Answer.Take("is_sound", verified.IsSound);
        return verified switch
        {
            { IsCutShort: true } => ExitCode.Failed,
            { IsSound: true } => ExitCode.Done,
            _ => ExitCode.Breached,
        };
    }
}
