using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.Tables;

public sealed record ListTablesRequest;

/// <summary>A table as its log says it is.</summary>
/// <param name="Rows">Null when a file does not say how many it has.</param>
/// <param name="Age">Since the last commit.</param>
public sealed record TableState(TableId Table, long Version, long? Rows, int Files, long Bytes, DateTimeOffset CommittedAt, TimeSpan Age)
{
    internal static TableState Of(TableId id, Snapshot snapshot, DateTimeOffset now) =>
        new(id, snapshot.Version, snapshot.RowCount, snapshot.FilesByPath.Count, snapshot.Files.Sum(file => file.Size), snapshot.CommittedAt, now.Since(snapshot.CommittedAt));
}

/// <param name="Lake">Where it is.</param>
/// <param name="Tables">By layer, then by name.</param>
/// <param name="Failed">Those whose log cannot be read.</param>
public sealed record ListTablesResult(string Lake, IReadOnlyList<TableState> Tables, IReadOnlyList<FailedTable> Failed);

/// <summary>The tables that a lake has, whatever the configuration says.</summary>
public static class ListTables
{
    /// <exception cref="PipelineException">The lake cannot be listed.</exception>
    public static async Task<ListTablesResult> RunAsync(ListTablesRequest request, Lake lake, TimeProvider time, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var now = time.GetUtcNow();
        var (tables, failed) = (new List<TableState>(), new List<FailedTable>());
        await foreach (var (id, table, fault) in LakeInventory.FindAsync(lake, tables: null, cancellationToken))
        {
            if (table is null)
            {
                failed.Add(fault!);
                continue;
            }

            tables.Add(TableState.Of(id, table.Current, now));
        }

        return new ListTablesResult(lake.Store.Location, tables, failed);
    }
}
