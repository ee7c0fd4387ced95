using System.CommandLine;
using Pipeline.Core;
using Pipeline.Delta.Maintenance;
using Pipeline.Delta.Parquet;
using Pipeline.Node.Cli;
using Pipeline.Operations.Inspection;

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
        var lake = invocation.OpenLake();
        var listing = new Listing("table", "files before", "files after", "bytes before", "bytes after", "version");
        await foreach (var (id, table) in LakeInventory.OpenAsync(lake, parsed.GetValue(_tables), cancellationToken))
        {
            var result = await Compaction.RunAsync(table, new CompactionOptions(new DataFileOptions()), cancellationToken);
            listing.Add(id.ToString(), result.FilesRemoved, result.FilesAdded, result.BytesRemoved, result.BytesAdded, result.Version);
        }

        invocation.Print(listing);
        return ExitCode.Done;
    }
}
