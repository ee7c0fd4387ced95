using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Coordination.Freshness;

/// <summary>
/// Up to which moment of the sources every table of the lake reflects them. A Bronze table reflects the least of what its splits'
/// readers have looked at; a Silver table what its Bronze table reflected in the version that it has read; a Gold table the least of
/// its inputs. Moments are times on a clock that nobody sets, from whatever beginning; before it they are negative.
/// </summary>
/// <remarks>
/// What is not known ages from the beginning. No table goes back: an answer that says less than is known says nothing. Rows that
/// wait in a quarantine hold nobody back.
/// </remarks>
internal sealed class LakeFreshness
{
    private readonly Dictionary<TableId, Known> _tables;
    private readonly IReadOnlyList<TableId> _made;
    private readonly TimeSpan _start;

    /// <param name="bronze">The tables that sources fill.</param>
    /// <param name="made">Silver and Gold tables, each after those that it is made from, and the inputs that make it older.</param>
    /// <param name="start">When nothing was known yet.</param>
    public LakeFreshness(IEnumerable<TableId> bronze, IEnumerable<(TableId Table, IReadOnlyList<TableId> Inputs)> made, TimeSpan start)
    {
        var tables = made.ToList();
        _made = [.. tables.Select(table => table.Table)];
        _tables = bronze.Concat(tables.SelectMany(table => table.Inputs)).Except(_made).Distinct().Select(table => (Table: table, Inputs: (IReadOnlyList<TableId>)[])).Concat(tables)
            .ToDictionary(table => table.Table, table => new Known(table.Inputs));
        _start = start;
    }

    public IEnumerable<TableId> Tables => _tables.Keys;

    public TimeSpan UntilOf(TableId table) => _tables[table].Until ?? _start;

    /// <summary>The version that reflects that; -1: none is known.</summary>
    public long VersionOf(TableId table) => _tables[table].Version;

    /// <summary>What is known for a forecast: of a Bronze table also what waits of the split that makes it as old as it is.</summary>
    /// <param name="sla">What is promised.</param>
    public TableSignals SignalsOf(TableId table, TimeSpan now, TimeSpan sla) => _tables[table].Backlog is { } backlog
        ? new TableSignals(now - UntilOf(table), sla, backlog.End - backlog.Landed, backlog.Landed, backlog.Split)
        : new TableSignals(now - UntilOf(table), sla);

    /// <summary>What was known when this was last written down.</summary>
    public void Recall(TableId table, long version, TimeSpan until)
    {
        if (!_tables.TryGetValue(table, out var known)) return;
        (known.Until, known.Version) = (until, version);
        if (version >= 0) known.Reflections.Add(version, until);
    }

    /// <summary>A reader has looked.</summary>
    public void Looked(BronzeLooked looked, TimeSpan now)
    {
        if (!_tables.TryGetValue(looked.Table, out var known)) return;
        var at = looked.AgeMs is { } age ? now - TimeSpan.FromMilliseconds(Math.Clamp(age, 0, TimeSpan.MaxValue.TotalMilliseconds / 4)) : TimeSpan.MaxValue;
        known.Readers[looked.Reader] = new Reader(looked.Splits, looked.Version, at, now, looked.Backlog);
        known.Listed = looked.Listed ?? known.Listed;

        // One that is not configured any more, or moved, has not been heard for longest.
        var (splits, version, until) = (0, -1L, now);
        SplitBacklog? backlog = null;
        foreach (var reader in known.Readers.Values.OrderByDescending(reader => reader.ToldAt))
        {
            if (splits >= known.Listed) break;
            if (reader.Splits == 0) continue;
            splits += reader.Splits;
            version = Math.Max(version, reader.Version);
            if (reader.Until < until) (until, backlog) = (reader.Until, reader.Backlog);
        }

        known.Backlog = splits > 0 && splits >= known.Listed ? backlog : null;
        if (splits > 0 && splits >= known.Listed && version >= 0) known.Reach(version, until);
    }

    /// <summary>What a table has been made from, as its log or its last run says.</summary>
    public void Made(TableId table, long version, IEnumerable<PinnedInput> inputs)
    {
        if (!_tables.TryGetValue(table, out var known)) return;
        known.IsFailing = false;
        known.Version = version;
        foreach (var input in inputs) known.Read[input.Table] = input.Version;
    }

    /// <summary>A table's run has failed: until one succeeds, or there is nothing to do, it is not taken to reflect more.</summary>
    public void Fails(TableId table, bool isFailing)
    {
        if (_tables.TryGetValue(table, out var known)) known.IsFailing = isFailing;
    }

    /// <summary>Passes on what inputs have been found to reflect.</summary>
    public void Follow(TimeSpan now)
    {
        foreach (var table in _made)
            if (_tables[table] is { IsFailing: false, Version: >= 0 } known && UntilOf(known, now) is { } until) known.Reach(known.Version, until);
        foreach (var (id, input) in _tables)
        {
            var oldest = long.MaxValue;
            foreach (var table in _made)
                if (_tables[table] is var reader && reader.Inputs.Contains(id)) oldest = Math.Min(oldest, reader.Read.GetValueOrDefault(id, -1));
            input.Reflections.Forget(oldest);
        }
    }

    /// <summary>Null: not known of one of the inputs. What is made from nothing is always up to date.</summary>
    private TimeSpan? UntilOf(Known made, TimeSpan now)
    {
        var until = now;
        foreach (var input in made.Inputs)
        {
            if (!made.Read.TryGetValue(input, out var version) || _tables[input].Reflections.Until(version) is not { } reflected) return null;
            if (reflected < until) until = reflected;
        }

        return until;
    }

    private sealed class Known(IReadOnlyList<TableId> inputs)
    {
        public IReadOnlyList<TableId> Inputs { get; } = inputs;

        /// <summary>The moment that the table reflects; null: not known yet.</summary>
        public TimeSpan? Until { get; set; }

        public long Version { get; set; } = -1;

        public bool IsFailing { get; set; }

        public Reflections Reflections { get; } = new();

        /// <summary>The version of each input that it was made from.</summary>
        public Dictionary<TableId, long> Read { get; } = [];

        public Dictionary<string, Reader> Readers { get; } = new(StringComparer.Ordinal);

        /// <summary>The splits that feed it; null: not known.</summary>
        public int? Listed { get; set; }

        public SplitBacklog? Backlog { get; set; }

        public void Reach(long version, TimeSpan until)
        {
            Version = version;
            if (!(until <= Until)) Until = until;
            Reflections.Add(version, Until.Value);
        }
    }

    private readonly record struct Reader(int Splits, long Version, TimeSpan Until, TimeSpan ToldAt, SplitBacklog? Backlog);
}
