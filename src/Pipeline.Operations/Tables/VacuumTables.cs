using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Maintenance;
using Pipeline.Operations.Inspection;
using Pipeline.Transform.Jobs;

namespace Pipeline.Operations.Tables;

/// <param name="Tables">Null or empty: all of the lake.</param>
/// <param name="Retention">Keeps what was needed within this time; null: the table's own.</param>
/// <param name="IsDryRun">Deletes nothing and counts what it would.</param>
public sealed record VacuumTablesRequest(IReadOnlyCollection<TableId>? Tables, TimeSpan? Retention, bool IsDryRun);

/// <param name="UnreadBy">The tables that have not read all of it yet, for which files are kept.</param>
public sealed record VacuumedTable(TableId Table, VacuumResult Result, IReadOnlyList<TableId> UnreadBy);

public sealed record VacuumTablesResult(IReadOnlyList<VacuumedTable> Tables);

/// <summary>Deletes files that no version within the retention and no Silver table needs, and what killed writers left.</summary>
public static class VacuumTables
{
    /// <exception cref="PipelineException">A table does not exist or cannot be read; those before it are done.</exception>
    public static async Task<VacuumTablesResult> RunAsync(VacuumTablesRequest request, Lake lake, CancellationToken cancellationToken)
    {
        var silver = await LakeInventory.TablesAsync(lake, cancellationToken).Where(id => id.Layer == Layer.Silver).ToListAsync(cancellationToken);
        var pending = await PendingReads.FindAsync(new OpenTables(lake), silver, cancellationToken);
        var tables = new List<VacuumedTable>();
        await foreach (var (id, table) in LakeInventory.OpenAsync(lake, request.Tables, cancellationToken))
        {
            var reads = pending.GetValueOrDefault(id, PendingReads.None);
            var result = await Vacuum.RunAsync(table, new VacuumOptions(request.Retention, request.IsDryRun, reads.Versions, reads.ChangesAfter), cancellationToken);
            tables.Add(new VacuumedTable(id, result, [.. reads.By]));
        }

        return new VacuumTablesResult(tables);
    }
}
