using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Verification;

namespace Pipeline.Node.Verbs;

internal sealed class VerifyVerb : Verb
{
    private readonly Option<bool> _deep;

    public VerifyVerb() : base("verify", "Prove from the lake that nothing was lost or doubled: tables, logs, files, positions, keys, and a fate for every row.")
    {
        _deep = Add(new Option<bool>("--deep") { Description = "Read every byte of every data file, and compare it with the checksum that was taken when it was written." });
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var verified = await VerifyLake.RunAsync(new VerifyLakeRequest(parsed.GetValue(_deep)), invocation.TryLoad, invocation.OpenLake(), cancellationToken);

        if (invocation.Format == OutputFormat.Table) PrintForPeople(invocation, verified);
        else invocation.Print(VerificationRows.Of(verified));
        invocation.Answer.Take("lake", verified.Lake);
        invocation.Answer.Take("is_sound", verified.IsSound);
        invocation.Context.Messages.WriteLine(VerificationText.Verdict(verified));
        return verified switch
        {
            { IsCutShort: true } => ExitCode.Failed,
            { IsSound: true } => ExitCode.Done,
            _ => ExitCode.Breached,
        };
    }

    private static void PrintForPeople(Invocation invocation, VerifyLakeResult verified)
    {
        var listing = new Listing("thing", "ok", "detail", "next step");
        foreach (var (thing, ok, detail, nextStep) in VerificationText.Of(verified)) listing.Add(thing, ok, detail, nextStep);
        invocation.Print(listing);
    }
}
