using Pipeline.Core;

namespace Pipeline.Transform.Coordination.Freshness;

/// <summary>What was last said to be wrong with each table, and whether it still is.</summary>
internal sealed class LastFaults
{
    private readonly Dictionary<TableId, ToldFault> _told = [];
    private readonly Dictionary<TableId, Dictionary<string, Fault>> _now = [];

    public ToldFault? Of(TableId table) => _told.GetValueOrDefault(table);

    public void Recall(TableId table, ToldFault fault) => _told[table] = fault;

    /// <param name="by">Who says so; what others say is not touched.</param>
    /// <param name="fault">Null: nothing is wrong.</param>
    public void Say(TableId table, string by, Fault? fault, DateTimeOffset now)
    {
        if (!_now.TryGetValue(table, out var faults)) _now[table] = faults = new Dictionary<string, Fault>(StringComparer.Ordinal);
        if (fault is null) faults.Remove(by);
        else faults[by] = fault;

        var known = Of(table);
        if (fault is not null && (known is not { EndedAt: null } || (known.Kind, known.Cause) != (fault.Kind, fault.Cause)))
            _told[table] = new ToldFault(known is { EndedAt: null } && known.Kind == fault.Kind ? known.At : now, fault.Kind, fault.Thing, fault.Cause, fault.NextStep);
        else if (faults.Count == 0 && known is { EndedAt: null }) _told[table] = known with { EndedAt = now };
    }
}
