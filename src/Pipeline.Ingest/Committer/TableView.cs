using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;

namespace Pipeline.Ingest.Committer;

/// <summary>What a committer needs to know of a table's version. Immutable.</summary>
public interface ITableView
{
    /// <summary>-1: there is no table.</summary>
    long Version { get; }

    /// <summary>Where a split stands in its epoch; null if the table has never seen it there.</summary>
    long? Position(SplitId split);

    /// <summary>The epoch in which the table reads a split; 0 of one that it has never seen.</summary>
    int Epoch(SplitId split);

    /// <summary>What is kept beside the split's position.</summary>
    SplitMarks Marks(SplitId split);

    /// <summary>Whether a data file is part of the table.</summary>
    bool Contains(string path);
}

/// <summary>A version of a table in the lake, and the table itself, opened.</summary>
public sealed class SnapshotView(DeltaTable table, Snapshot snapshot) : ITableView
{
    public DeltaTable Table => table;

    public Snapshot Snapshot => snapshot;

    public long Version => snapshot.Version;

    public long? Position(SplitId split) => snapshot.Position(split);

    public int Epoch(SplitId split) => snapshot.Histories.EpochOf(split);

    public SplitMarks Marks(SplitId split) => snapshot.Marks(split);

    public bool Contains(string path) => snapshot.FilesByPath.ContainsKey(path);
}

/// <summary>A table that nobody has made yet.</summary>
public sealed class MissingTableView : ITableView
{
    public static readonly MissingTableView Instance = new();

    public long Version => -1;

    public long? Position(SplitId split) => null;

    public int Epoch(SplitId split) => 0;

    public SplitMarks Marks(SplitId split) => default;

    public bool Contains(string path) => false;
}

internal static class TableViewPositions
{
    /// <summary>The positions of those of <paramref name="splits"/> that the table has seen.</summary>
    public static ImmutableDictionary<SplitId, long> PositionsOf(this ITableView view, IEnumerable<SplitId> splits)
    {
        var positions = ImmutableDictionary.CreateBuilder<SplitId, long>();
        foreach (var split in splits)
            if (view.Position(split) is { } position) positions[split] = position;
        return positions.ToImmutable();
    }

    /// <summary>What is kept beside the positions of those of <paramref name="splits"/> that have something; null: none has.</summary>
    public static ImmutableDictionary<SplitId, SplitMarks>? MarksOf(this ITableView view, IEnumerable<SplitId> splits)
    {
        var marks = splits.Select(split => KeyValuePair.Create(split, view.Marks(split))).Where(pair => pair.Value != default).ToImmutableDictionary();
        return marks.IsEmpty ? null : marks;
    }

    /// <summary>The epochs of those of <paramref name="splits"/> that are not read in the first; null: all are.</summary>
    public static ImmutableDictionary<SplitId, int>? EpochsOf(this ITableView view, IEnumerable<SplitId> splits)
    {
        var epochs = ImmutableDictionary.CreateBuilder<SplitId, int>();
        foreach (var split in splits)
            if (view.Epoch(split) is > 0 and var epoch) epochs[split] = epoch;
        return epochs.Count == 0 ? null : epochs.ToImmutable();
    }
}
