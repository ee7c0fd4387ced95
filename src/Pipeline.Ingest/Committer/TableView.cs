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

    /// <summary>Where a split stands; null if the table has never seen it.</summary>
    long? Position(SplitId split);

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

    public bool Contains(string path) => snapshot.FilesByPath.ContainsKey(path);
}

/// <summary>A table that nobody has made yet.</summary>
public sealed class MissingTableView : ITableView
{
    public static readonly MissingTableView Instance = new();

    public long Version => -1;

    public long? Position(SplitId split) => null;

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
}
