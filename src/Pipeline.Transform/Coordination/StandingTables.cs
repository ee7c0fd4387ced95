using System.Collections.Concurrent;
using Pipeline.Core;

namespace Pipeline.Transform.Coordination;

/// <summary>
/// Silver and Gold tables that get no further, and why: known on the node that coordinates them, empty on all others. Thread-safe.
/// </summary>
/// <param name="time">By which it is told since when.</param>
public sealed class StandingTables(TimeProvider time)
{
    private readonly ConcurrentDictionary<TableId, (Fault Fault, long Since)> _standing = [];

    /// <summary>Why each stands, and for how long it has.</summary>
    public IReadOnlyList<(TableId Table, Fault Fault, TimeSpan Lasts)> All =>
        [.. _standing.OrderBy(standing => standing.Key, TableId.ByName).Select(standing => (standing.Key, standing.Value.Fault, time.GetElapsedTime(standing.Value.Since)))];

    /// <param name="fault">What its last run has met; null: it goes on, or there is nothing to do.</param>
    internal void Say(TableId table, Fault? fault)
    {
        if (fault is null) _standing.TryRemove(table, out _);
        else _standing.AddOrUpdate(table, _ => (fault, time.GetTimestamp()), (_, known) => (fault, known.Since));
    }

    /// <summary>Another node coordinates from now on.</summary>
    internal void Forget() => _standing.Clear();
}
