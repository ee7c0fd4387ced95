using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Ingest.Committer;

namespace Pipeline.Ingest.Tests.Simulation;

/// <summary>What is broken on purpose, to see that the simulation notices.</summary>
internal enum Mutation
{
    None,

    /// <summary>A table takes commits whatever position they start from.</summary>
    NoCompareAndSet,

    /// <summary>The source is told of a position before the rows below it are committed.</summary>
    AcknowledgeBeforeCommit,

    /// <summary>A worker that starts over reads on from where it was, not from where the tables are.</summary>
    ResumeFromMemory,

    /// <summary>A worker commits rows before the dead letters that belong to the same positions.</summary>
    DeadLettersLast,

    /// <summary>A worker deletes the files of a stage whose commit is said to have failed.</summary>
    DeleteAfterFailure,

    /// <summary>A worker deletes the files of every stage that is refused.</summary>
    DeleteAfterAnyRefusal,

    /// <summary>A worker deletes the refused files when the table has moved past the stage's start and it was sent once.</summary>
    DeleteAfterFinalRefusal,
}

/// <summary>One row: a record of a split, found in a table.</summary>
internal readonly record struct SimulatedRow(TableId Table, SplitId Split, long Position);

/// <summary>
/// The records of a split. A reader of the log below what was acknowledged finds nothing: the source has let it go.
/// </summary>
internal sealed class SimulatedSplit(Split split, int records, int group)
{
    public Split Split => split;

    public SplitId Id => split.Id;

    public int Records => records;

    /// <summary>Reading can be resumed only at multiples of this.</summary>
    public int Group => group;

    public long Acknowledged { get; set; }

    public bool IsDead(long position) => position % 7 == 3;

    public string TableOf(long position) => split.Tables[(int)(position % 5 % split.Tables.Count)];
}

/// <summary>A table of the lake: atomic commits with compare-and-set, as the Delta log gives them.</summary>
internal sealed class SimulatedTable(TableId id, bool hasCompareAndSet)
{
    private ImmutableDictionary<string, long> _positions = ImmutableDictionary<string, long>.Empty;
    private ImmutableHashSet<string> _files = [];
    private ImmutableHashSet<string> _replaced = [];
    private long _version = -1;

    public TableId Id => id;

    public ImmutableHashSet<string> Files => _files;

    /// <summary>Files that compaction has taken out of the table: older versions, and what Silver has yet to read, are made of them.</summary>
    public ImmutableHashSet<string> Replaced => _replaced;

    public ITableView View => new Version(_version, _positions, _files);

    public void Create() => _version = Math.Max(_version, 0);

    /// <summary>False: refused.</summary>
    public bool TryCommit(IReadOnlyList<StageFiles> stages)
    {
        var transaction = BronzeCommitterActor.TransactionOf(stages);
        if (hasCompareAndSet && transaction.Moves.Any(move => (_positions.TryGetValue(move.AppId, out var position) ? position : null as long?) != move.From))
            return false;
        foreach (var move in transaction.Moves) _positions = _positions.SetItem(move.AppId, move.To);
        foreach (var add in transaction.Adds) _files = _files.Add(add.Path);
        _version++;
        return true;
    }

    /// <summary>Puts what is there into one file.</summary>
    public void Compact(Func<IEnumerable<string>, string> rewrite)
    {
        if (_files.Count < 2) return;
        _replaced = _replaced.Union(_files);
        _files = [rewrite(_files.Order(StringComparer.Ordinal))];
        _version++;
    }

    private sealed class Version(long version, ImmutableDictionary<string, long> positions, ImmutableHashSet<string> files) : ITableView
    {
        long ITableView.Version => version;

        public long? Position(SplitId split) => positions.TryGetValue(split.ToString(), out var position) ? position : null;

        public int Epoch(SplitId split) => 0;

        public bool Contains(string path) => files.Contains(path);
    }
}
