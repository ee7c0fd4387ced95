using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Maintenance;
using Pipeline.Delta.Storage;
using Pipeline.Operations.Inspection;
using Pipeline.Transform;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Operations.Tables;

/// <param name="Tables">Null or empty: all of the lake.</param>
/// <param name="Retention">Keeps what was needed within this time; null: the table's own.</param>
/// <param name="IsDryRun">Deletes nothing and counts what it would.</param>
public sealed record VacuumTablesRequest(IReadOnlyCollection<TableId>? Tables, TimeSpan? Retention, bool IsDryRun);

/// <param name="UnreadBy">The tables that have not read all of it yet, for which files are kept.</param>
/// <param name="Dropped">The tables that have not read all of it and for which nothing is kept any more: they have asked for nothing for as long as versions are kept.</param>
public sealed record VacuumedTable(TableId Table, VacuumResult Result, IReadOnlyList<TableId> UnreadBy, IReadOnlyList<TableId> Dropped);

/// <param name="Artifacts">What was deleted of runs that engines elsewhere have executed.</param>
/// <param name="Failed">
/// The tables that could not be vacuumed, the others are; and those of which nobody can say what they have read.
/// </param>
public sealed record VacuumTablesResult(IReadOnlyList<VacuumedTable> Tables, ClearedArtifacts Artifacts, IReadOnlyList<FailedTable> Failed);

/// <summary>What executions leave behind, and how long it stays.</summary>
/// <param name="ArtifactRetention">As <see cref="TransformOptions.ArtifactRetention"/>.</param>
/// <param name="AgeMin">As <see cref="TransformOptions.ExecutionAgeMin"/>.</param>
public sealed record ExecutionRemains(JobArtifacts Artifacts, TimeSpan ArtifactRetention, TimeSpan AgeMin)
{
    /// <param name="open">Opens a directory or an address in S3.</param>
    /// <param name="options">Null: nobody knows what is set up for this lake.</param>
    public static ExecutionRemains Of(Lake lake, TransformOptions? options, Func<string, IObjectStore> open)
    {
        var known = options ?? new TransformOptions();
        return new ExecutionRemains(new JobArtifacts(open(known.ArtifactsOf(lake.Store.Location))), known.ArtifactRetention, options?.ExecutionAgeMin ?? new VacuumOptions().ExecutionAgeMin);
    }
}

/// <summary>Deletes files that no version within the retention and no Silver table needs, what killed writers left, and artifacts of runs that are over.</summary>
public static class VacuumTables
{
    /// <exception cref="PipelineException">The lake or the artifacts cannot be listed, or these are of another lake.</exception>
    public static async Task<VacuumTablesResult> RunAsync(VacuumTablesRequest request, Lake lake, ExecutionRemains remains, TimeProvider time, CancellationToken cancellationToken)
    {
        // Two clocks must agree that something is old. Who only looks writes nothing to ask the other.
        var now = request.IsDryRun ? time.GetUtcNow() : await StoreClock.EarlierAsync(lake.Store, time.GetUtcNow(), cancellationToken);
        var clocks = new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal) { [lake.Store.Location] = now };
        var inLake = await LakeInventory.TablesAsync(lake, cancellationToken).ToListAsync(cancellationToken);
        var (tables, failed, unknown) = (new List<VacuumedTable>(), new List<FailedTable>(), new List<FailedTable>());
        var pending = await PendingReads.FindAsync(new OpenTables(lake), inLake.Where(id => id.Layer != Layer.Bronze), now, (id, cause) => unknown.Add(new FailedTable(id, Fault.Of(cause.Thing, cause))), cancellationToken);
        var lastRuns = await LastRunsAsync(inLake, lake, cancellationToken);
        await remains.Artifacts.RequireOwnAsync(await lake.IdAsync(cancellationToken), isOnlyAsked: true, cancellationToken);
        // Before a table's log is read: what is committed meanwhile is in the log then, and what is begun meanwhile is young.
        var open = await ArtifactRetention.OpenAsync(remains.Artifacts, LastRun, cancellationToken);
        unknown.AddRange(open.Unknown.Select(table => new FailedTable(table.Table, Fault.Of(table.Cause.Thing, table.Cause))));
        await foreach (var (id, table, unreadable) in LakeInventory.FindAsync(lake, request.Tables, cancellationToken))
        {
            var reads = unknown.Aggregate(pending.GetValueOrDefault(id, PendingReads.None), (reads, reader) => reads.AndUnknown(reader.Table));
            var options = new VacuumOptions(request.Retention, request.IsDryRun, reads.Versions, reads.ChangesAfter) { ExecutionAgeMin = remains.AgeMin, IsExecutionOpen = open.Has };
            var (result, fault) = table is null ? (null, unreadable) : await LakeInventory.TryAsync(id, async () => await Vacuum.RunAsync(table, options with { Now = await NowOfAsync(table.Store) }, cancellationToken));
            if (result is not null) tables.Add(new VacuumedTable(id, result, [.. reads.By], [.. reads.Dropped]));
            else failed.Add(fault!);
        }

        var cleared = await ArtifactRetention.ClearAsync(remains.Artifacts, LastRun, id => request.Tables is not { Count: > 0 } wanted || wanted.Contains(id), remains.ArtifactRetention, request.IsDryRun, time, cancellationToken);
        return new VacuumTablesResult(tables, cleared, [.. failed, .. unknown]);

        // A table that lies elsewhere has its times from there.
        async ValueTask<DateTimeOffset> NowOfAsync(IObjectStore store)
        {
            if (request.IsDryRun) return now;
            if (!clocks.TryGetValue(store.Location, out var there)) clocks[store.Location] = there = await StoreClock.EarlierAsync(store, time.GetUtcNow(), cancellationToken);
            return there;
        }

        long? LastRun(TableId table) => lastRuns.TryGetValue(table, out var run) ? run : null;
    }

    /// <summary>Of tables that can be read.</summary>
    private static async Task<Dictionary<TableId, long>> LastRunsAsync(IEnumerable<TableId> tables, Lake lake, CancellationToken cancellationToken)
    {
        Dictionary<TableId, long> runs = [];
        foreach (var id in tables.Where(id => id.Layer != Layer.Bronze))
        {
            // What keeps it from being read is told where it is vacuumed.
            var (table, _) = await LakeInventory.TryAsync(id, () => LakeInventory.OpenAsync(lake, id, cancellationToken));
            if (table?.Current.Position(JobPins.RunAppId) is { } run) runs[id] = run;
        }

        return runs;
    }
}
