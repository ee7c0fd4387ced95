using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Maintenance;
using Pipeline.Delta.Parquet;
using Pipeline.Ingest;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.Tables;

/// <param name="Tables">Null or empty: all of the lake.</param>
/// <param name="Files">How the files of a table are written.</param>
public sealed record CompactTablesRequest(IReadOnlyCollection<TableId>? Tables, Func<TableId, DataFileOptions> Files)
{
    /// <summary>Fewer small files of a partition stay as they are.</summary>
    public int FilesMin { get; init; } = 2;
}

public sealed record CompactedTable(TableId Table, CompactionResult Result);

/// <param name="Failed">The tables that could not be compacted; the others are.</param>
public sealed record CompactTablesResult(IReadOnlyList<CompactedTable> Tables, IReadOnlyList<FailedTable> Failed);

/// <summary>Puts small files together. What a table holds does not change.</summary>
public static class CompactTables
{
    /// <exception cref="PipelineException">The lake cannot be listed.</exception>
    public static async Task<CompactTablesResult> RunAsync(CompactTablesRequest request, Lake lake, CancellationToken cancellationToken)
    {
        var (tables, failed) = (new List<CompactedTable>(), new List<FailedTable>());
        await foreach (var (id, table, unreadable) in LakeInventory.FindAsync(lake, request.Tables, cancellationToken))
        {
            // It is removed when it has taken its place: a commit behind that would bring a part of it back.
            if (id.IsBeingBuilt) continue;
            var (done, fault) = table is null ? (null, unreadable) : await LakeInventory.TryAsync(id, async () =>
                new CompactedTable(id, await Compaction.RunAsync(table, new CompactionOptions(id.Layer == Layer.Bronze ? request.Files(id).For(table.Current.Schema) : request.Files(id), FilesMin: request.FilesMin), cancellationToken)));
            if (done is not null) tables.Add(done);
            else failed.Add(fault!);
        }

        return new CompactTablesResult(tables, failed);
    }
}
