using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Tables;

namespace Pipeline.Node.Verbs;

internal sealed class TablesVerb() : Verb("tables", "List the lake's tables: version, rows, files, bytes, freshness.")
{
    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var found = await ListTables.RunAsync(new ListTablesRequest(), invocation.OpenLake(), invocation.Context.Time, cancellationToken);

        var listing = new Listing("table", Column.Id("version"), "rows", "files", "bytes", ((Column)"committed at").Extra(), Column.Seconds("age"));
        foreach (var table in found.Tables) listing.Add(table.Table.ToString(), table.Version, table.Rows, table.Files, table.Bytes, table.CommittedAt, table.Age);
        if (listing.Count == 0 && found.Failed.Count == 0) invocation.Context.Messages.WriteLine($"The lake {found.Lake} has no tables yet.");
        invocation.Print(listing);
        return invocation.Report(found.Failed);
    }
}
