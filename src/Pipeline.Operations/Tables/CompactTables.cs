using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Maintenance;
using Pipeline.Delta.Parquet;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.Tables;

/// <param name="Tables">Null or empty: all of the lake.</param>
public sealed record CompactTablesRequest(IReadOnlyCollection<TableId>? Tables);

public sealed record CompactedTable(TableId Table, CompactionResult Result);

public sealed record CompactTablesResult(IReadOnlyList<CompactedTable> Tables);

/// <summary>Puts small files together. What a table holds does not change.</summary>
public static class CompactTables
{
    /// <exception cref="PipelineException">A table does not exist or cannot be read; those before it are done.</exception>
    public static async Task<CompactTablesResult> RunAsync(CompactTablesRequest request, Lake lake, CancellationToken cancellationToken)
    {
        var tables = new List<CompactedTable>();
        await foreach (var (id, table) in LakeInventory.OpenAsync(lake, request.Tables, cancellationToken))
            tables.Add(new CompactedTable(id, await Compaction.RunAsync(table, new CompactionOptions(new DataFileOptions()), cancellationToken)));
        return new CompactTablesResult(tables);
    }
}
