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

/// <param name="Failed">
/// The tables that could not be vacuumed, the others are; and those of which nobody can say what they have read.
/// </param>
public sealed record VacuumTablesResult(IReadOnlyList<VacuumedTable> Tables, IReadOnlyList<FailedTable> Failed);

/// <summary>Deletes files that no version within the retention and no Silver table needs, and what killed writers left.</summary>
public static class VacuumTables
{
    /// <exception cref="PipelineException">The lake cannot be listed.</exception>
    public static async Task<VacuumTablesResult> RunAsync(VacuumTablesRequest request, Lake lake, CancellationToken cancellationToken)
    {
        var silver = await LakeInventory.TablesAsync(lake, cancellationToken).Where(id => id.Layer == Layer.Silver).ToListAsync(cancellationToken);
        var (tables, failed, unknown) = (new List<VacuumedTable>(), new List<FailedTable>(), new List<FailedTable>());
        var pending = await PendingReads.FindAsync(new OpenTables(lake), silver, (id, cause) => unknown.Add(new FailedTable(id, Fault.Of(cause.Thing, cause))), cancellationToken);
        await foreach (var (id, table, unreadable) in LakeInventory.FindAsync(lake, request.Tables, cancellationToken))
        {
            var reads = unknown.Aggregate(pending.GetValueOrDefault(id, PendingReads.None), (reads, reader) => reads.AndUnknown(reader.Table));
            var (result, fault) = table is null ? (null, unreadable) : await LakeInventory.TryAsync(id, async () =>
                await Vacuum.RunAsync(table, new VacuumOptions(request.Retention, request.IsDryRun, reads.Versions, reads.ChangesAfter), cancellationToken));
            if (result is not null) tables.Add(new VacuumedTable(id, result, [.. reads.By]));
            else failed.Add(fault!);
        }

        return new VacuumTablesResult(tables, [.. failed, .. unknown]);
    }
}
