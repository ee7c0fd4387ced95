using Pipeline.Core;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Coordination;

/// <summary>
/// When the newest of what the versions of each table have brought happened at its source: announced of Bronze, and passed on from
/// run to run. An announcement that was missed is not made up for: what it would have told is unknown. Not for several threads at once.
/// </summary>
internal sealed class NewestEvents
{
    /// <summary>Versions that are remembered of a table: more than pile up while nothing is wrong.</summary>
    private const int VersionsMax = 1_000;

    private readonly Dictionary<TableId, Queue<(long Version, DateTimeOffset At)>> _byTable = [];

    /// <param name="newestEventAt">Null: the source does not tell.</param>
    public void Announced(TableId table, long version, DateTimeOffset? newestEventAt)
    {
        if (newestEventAt is not { } at) return;
        if (!_byTable.TryGetValue(table, out var versions)) _byTable[table] = versions = new Queue<(long, DateTimeOffset)>();
        versions.Enqueue((version, at));
        if (versions.Count > VersionsMax) versions.Dequeue();
    }

    /// <summary>The newest event that a run has brought into its table, which has it in <paramref name="version"/>; null: unknown, or it brought none.</summary>
    public DateTimeOffset? Brought(JobPins pins, long version)
    {
        var brought = pins.Inputs.SelectMany(input => _byTable.GetValueOrDefault(input.Table, None)
            .Where(seen => seen.Version <= input.Version && seen.Version > (input.After ?? -1)).Select(seen => (DateTimeOffset?)seen.At)).Max();
        Announced(pins.Table, version, brought);
        return brought;
    }

    private static Queue<(long Version, DateTimeOffset At)> None { get; } = new();
}
