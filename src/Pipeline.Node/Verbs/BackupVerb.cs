using System.CommandLine;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Backups;

namespace Pipeline.Node.Verbs;

internal sealed class BackupVerb : Verb
{
    private readonly Option<string> _to;

    public BackupVerb() : base("backup", "Copy what is new in the lake to a place of backups, and say which versions of its tables belong together. Safe beside a running pipeline; cut off, it goes on when it is called again.") =>
        _to = Add(new Option<string>("--to") { Description = "The backups' directory, s3://bucket/prefix, or a location's name: of this lake alone.", HelpName = "LOCATION", Required = true });

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var result = await BackUpLake.RunAsync(invocation.OpenLake(), invocation.OpenStore(parsed.GetRequiredValue(_to)), invocation.Context.Time,
            table => invocation.Context.Messages.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{table.Table} at version {table.Version}: {Plural.Of(table.Objects, "object")} copied ({Plural.Of(table.Bytes, "byte")})")), cancellationToken);

        var listing = new Listing(Column.Id("backup"), "table", Column.Id("version"), "objects copied", "bytes");
        foreach (var table in result.Tables) listing.Add(result.Number, table.Table.ToString(), table.Version, table.Objects, table.Bytes);
        invocation.Print(listing);
        return invocation.Report(result.Failed);
    }
}
