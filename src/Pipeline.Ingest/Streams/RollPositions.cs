using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Ingest.Committer;

namespace Pipeline.Ingest.Streams;

/// <summary>
/// Where one table of a worker stands in the worker's splits: which rows it has already, and how far what has been written
/// since the last roll reaches. No I/O.
/// </summary>
/// <param name="isSparse">The table keeps positions only of splits that brought it rows: the dead-letter table.</param>
internal sealed class RollPositions(bool isSparse)
{
    private readonly Dictionary<SplitId, long?> _startsAt = [];
    private readonly Dictionary<SplitId, long> _skipBelow = [];
    private readonly Dictionary<SplitId, long> _reached = [];
    private readonly HashSet<SplitId> _withRows = [];
    private readonly Dictionary<SplitId, int> _epochs = [];
    private readonly Dictionary<SplitId, SplitMarks> _marks = [];

    public bool HasProgress => _reached.Count > 0;

    /// <summary>Says where the table stands in a split, and where reading starts: rows between are in the table already.</summary>
    /// <param name="epoch">In which the table reads the split.</param>
    public void Start(SplitId split, long? position, long? readFrom, int epoch = 0)
    {
        _startsAt[split] = position;
        if (epoch > 0) _epochs[split] = epoch;
        if (position is { } known && known > (readFrom ?? long.MinValue)) _skipBelow[split] = known;
    }

    /// <summary>The table has the split's rows below this; null: none of those that are read.</summary>
    public long? SkipBelow(SplitId split) => _skipBelow.TryGetValue(split, out var known) ? known : null;

    /// <summary>
    /// Whether a record that is read, perhaps once more, enters as what it is decoded to now. Its table has what it passed; and what was a
    /// dead letter stays one, though nothing else below the letters' position was: their table does not count records.
    /// </summary>
    /// <param name="skipBelow">The record's table has its splits' records below this.</param>
    /// <param name="lettersBelow">The table of dead letters has letters below this, and no others.</param>
    /// <param name="isHeld">Whether one of them is of this record.</param>
    public static bool Enters(long position, long? skipBelow, long? lettersBelow, bool isHeld) =>
        Lacks(position, skipBelow) && (Lacks(position, lettersBelow) || !isHeld);

    /// <summary>Whether the table lacks the row at a position.</summary>
    public static bool Lacks(long position, long? skipBelow) => !(position < skipBelow);

    /// <summary>Rows of the split are in the files that the next roll closes.</summary>
    public void Wrote(SplitId split) => _withRows.Add(split);

    /// <summary>The split has been read up to <paramref name="to"/>.</summary>
    /// <param name="marks">What goes with that position.</param>
    public void Advance(SplitId split, long to, SplitMarks marks = default)
    {
        var isBehind = false;
        if (_skipBelow.TryGetValue(split, out var known))
        {
            isBehind = to <= known;
            if (!isBehind) _skipBelow.Remove(split);
        }

        if (isSparse)
        {
            // Letters that an earlier reading did not see lie below where the table stands: it moves all the same, so that nobody else brings them.
            if (_withRows.Contains(split)) _reached[split] = _startsAt.GetValueOrDefault(split) is { } at && to <= at ? at + 1 : to;
        }
        else if (!isBehind)
        {
            (_reached[split], _marks[split]) = (to, marks);
        }
    }

    /// <summary>What a roll covers; the next one starts behind it.</summary>
    public ImmutableArray<StagedRange> Close()
    {
        var ranges = _reached.Select(pair => new StagedRange(pair.Key, _startsAt.GetValueOrDefault(pair.Key), pair.Value, _epochs.TryGetValue(pair.Key, out var epoch) ? epoch : null, MarksOf(pair.Key))).ToImmutableArray();
        foreach (var (split, to) in _reached) _startsAt[split] = to;
        _reached.Clear();
        _withRows.Clear();
        return ranges;
    }

    private SplitMarks? MarksOf(SplitId split) => _marks.TryGetValue(split, out var marks) && marks != default ? marks : null;
}

/// <summary>A table that is rolled together with the worker's others.</summary>
internal interface IRolledTable
{
    /// <summary>Rows that may be committed.</summary>
    long Rows { get; }

    /// <summary>Whether positions wait that may be committed, with rows or without.</summary>
    bool HasProgress { get; }
}

internal static class RollOrder
{
    /// <summary>
    /// What a roll closes, in the order in which it is to be committed: the dead letters first, so that no position passes
    /// one that is not in the lake.
    /// </summary>
    /// <param name="withIdle">Also tables that have only moved their positions.</param>
    public static IEnumerable<T> ToClose<T>(T? deadLetters, IEnumerable<T> tables, bool withIdle) where T : class, IRolledTable
    {
        if (deadLetters is { Rows: > 0 }) yield return deadLetters;
        foreach (var table in tables)
            if (table.HasProgress && (withIdle || table.Rows > 0)) yield return table;
    }
}
