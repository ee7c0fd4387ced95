using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Tables;

namespace Pipeline.Node.Verbs;

internal sealed class CompactVerb : Verb
{
    private readonly Argument<TableId[]> _tables;

    public CompactVerb() : base("compact", "Put small files together. Safe beside a running pipeline; what a table holds does not change.")
    {
        _tables = Add(TableArgument.CreateMany());
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = invocation.Load();
        var request = new CompactTablesRequest(parsed.GetValue(_tables), id => id.Layer == Layer.Bronze ? options.Ingest.DataFilesOf(id) : options.Transform.DataFilesOf(id));
        var compacted = await CompactTables.RunAsync(request, invocation.OpenLake(), cancellationToken);

        var listing = new Listing("table", "files before", "files after", "bytes before", "bytes after", Column.Id("version"));
        foreach (var (table, result) in compacted.Tables)
            listing.Add(table.ToString(), result.FilesRemoved, result.FilesAdded, result.BytesRemoved, result.BytesAdded, result.Version);
        invocation.Print(listing);
        return invocation.Report(compacted.Failed);
    }
}
