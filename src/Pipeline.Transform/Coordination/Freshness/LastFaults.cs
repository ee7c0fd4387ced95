using System.Collections.Immutable;
using Pipeline.Core;

namespace Pipeline.Transform.Coordination.Freshness;

/// <summary>What was last said to be wrong with each table, and whether it still is.</summary>
internal sealed class LastFaults
{
    /// <summary>A day is kept minutes after it is over, or when a node runs again.</summary>
    private static readonly TimeSpan KeptFor = TimeSpan.FromDays(3);

    private const int OutagesMax = 100;

    private readonly Dictionary<TableId, ToldFault> _told = [];
    private readonly Dictionary<TableId, DateTimeOffset> _since = [];
    private readonly Dictionary<TableId, ImmutableArray<ToldOutage>> _outages = [];
    private readonly Dictionary<TableId, Dictionary<string, Fault>> _now = [];

    private readonly Dictionary<(TableId Table, string By), ToldFault> _doubts = [];

    public ToldFault? Of(TableId table) => _told.GetValueOrDefault(table);

    /// <summary>Why its source may have rows that are passed by; null: nobody says so. What was written down by a node before is not: who reads on says it again.</summary>
    public ToldFault? DoubtOf(TableId table) => _doubts.Where(doubt => doubt.Key.Table == table).Select(doubt => doubt.Value).OrderBy(doubt => doubt.At).FirstOrDefault();

    /// <param name="by">Who says so.</param>
    /// <param name="doubt">Null: he has none.</param>
    public void Doubt(TableId table, string by, Fault? doubt, DateTimeOffset now)
    {
        if (doubt is null) _doubts.Remove((table, by));
        else if (!_doubts.TryGetValue((table, by), out var known) || known.Cause != doubt.Cause) _doubts[(table, by)] = new ToldFault(known?.At ?? now, doubt.Kind, doubt.Thing, doubt.Cause, doubt.NextStep);
    }

    /// <summary>What has kept it in the last days and is over.</summary>
    public ImmutableArray<ToldOutage> OutagesOf(TableId table, DateTimeOffset now) =>
        [.. _outages.GetValueOrDefault(table, []).Where(outage => outage.EndedAt > now - KeptFor)];

    public void Recall(TableId table, ToldFault? fault, ImmutableArray<ToldOutage>? outages)
    {
        if (fault is not null) _told[table] = fault;
        if (outages is { IsDefault: false } over) _outages[table] = over;
    }

    /// <param name="by">Who says so; what others say is not touched.</param>
    /// <param name="fault">Null: nothing is wrong.</param>
    public void Say(TableId table, string by, Fault? fault, DateTimeOffset now)
    {
        if (!_now.TryGetValue(table, out var faults)) _now[table] = faults = new Dictionary<string, Fault>(StringComparer.Ordinal);
        if (fault is null) faults.Remove(by);
        else faults[by] = fault;
        if (fault is not null) _since.TryAdd(table, now);

        var known = Of(table);
        if (fault is not null && (known is not { EndedAt: null } || (known.Kind, known.Cause) != (fault.Kind, fault.Cause)))
            _told[table] = new ToldFault(known is { EndedAt: null } && known.Kind == fault.Kind ? known.At : now, fault.Kind, fault.Thing, fault.Cause, fault.NextStep);
        else if (faults.Count == 0 && known is { EndedAt: null })
        {
            _told[table] = known with { EndedAt = now };
            // One that began before this node did is told by what was written down.
            if (!_since.Remove(table, out var since) || known.At < since) since = known.At;
            _outages[table] = [.. OutagesOf(table, now).TakeLast(OutagesMax - 1), new ToldOutage(since, now)];
        }
    }
}
