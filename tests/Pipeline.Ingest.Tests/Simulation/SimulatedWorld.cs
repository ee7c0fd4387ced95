using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Schemas;
using Pipeline.Delta.Table;
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

    /// <summary>Rows below a table's position and letters below that of their table are skipped, whatever each has.</summary>
    LettersSkippedApart,

    /// <summary>A redrive does not look whether the letter is in the table.</summary>
    RedriveTwice,
}

/// <summary>One row: a record of a split, found in a table.</summary>
/// <param name="History">How often the source had been made anew when the record was read.</param>
internal readonly record struct SimulatedRow(TableId Table, SplitId Split, long Position, int History, bool IsRedriven = false);

/// <summary>
/// The records of a split. A reader of the log below what was acknowledged finds nothing: the source has let it go.
/// </summary>
/// <param name="appearsAt">Before this nobody finds the split.</param>
internal sealed class SimulatedSplit(Split split, int records, int group, TimeSpan appearsAt = default)
{
    /// <summary>Over this time the records come.</summary>
    private static readonly TimeSpan Writes = TimeSpan.FromSeconds(45);

    private TimeSpan _madeAt;

    public Split Split => split;

    public SplitId Id => split.Id;

    public int Records => records;

    /// <summary>Reading can be resumed only at multiples of this.</summary>
    public int Group => group;

    public TimeSpan AppearsAt => appearsAt;

    public long Acknowledged { get; set; }

    /// <summary>Records below this are gone, read or not.</summary>
    public long Expired { get; set; }

    /// <summary>Until then it cannot be read.</summary>
    public TimeSpan BrokenUntil { get; set; }

    /// <summary>Records that an operator gave up.</summary>
    public HashSet<long> GivenUp { get; } = [];

    /// <summary>How many records there are at a time.</summary>
    public int Written(TimeSpan now) => now - _madeAt >= Writes ? records : (int)(records * ((now - _madeAt) / Writes)) / group * group;

    /// <summary>The source is made anew: it has other records at the same positions, and nobody has read any.</summary>
    public void Renew(TimeSpan now)
    {
        (_madeAt, Acknowledged, Expired, BrokenUntil) = (now, 0, 0, TimeSpan.Zero);
        GivenUp.Clear();
    }

    public static bool IsDead(long position, int decoding) => (position * 5 + decoding * 3) % 7 == 3;

    public string TableOf(long position) => split.Tables[(int)(position % 5 % split.Tables.Count)];
}

/// <summary>A version of a table, by which the product's own code decides.</summary>
internal sealed class SimulatedView(Snapshot snapshot) : ITableView
{
    public Snapshot Snapshot => snapshot;

    public long Version => snapshot.Version;

    public long? Position(SplitId split) => snapshot.Position(split);

    public int Epoch(SplitId split) => snapshot.Histories.EpochOf(split);

    public SplitMarks Marks(SplitId split) => snapshot.Marks(split);

    public bool Contains(string path) => snapshot.FilesByPath.ContainsKey(path);
}

/// <summary>
/// A table of the lake without storage: what is committed, refused or in conflict is decided by the code that decides for the lake, and
/// versions are made of the same actions.
/// </summary>
internal sealed class SimulatedTable
{
    private readonly Dictionary<long, CommitEffect> _effects = [];
    private readonly Dictionary<string, TimeSpan> _replaced = new(StringComparer.Ordinal);
    private readonly bool _hasCompareAndSet;

    public SimulatedTable(TableId id, bool hasCompareAndSet)
    {
        Id = id;
        _hasCompareAndSet = hasCompareAndSet;
        var builder = new SnapshotBuilder(id.ToString());
        builder.ApplyCommit(0, DateTimeOffset.UnixEpoch, [ProtocolSupport.Own, new MetadataAction("id", SchemaJson.Write(SchemaOf(0)), [], ImmutableDictionary<string, string>.Empty)]);
        Current = builder.Build();
    }

    public TableId Id { get; }

    public Snapshot Current { get; private set; }

    public SimulatedView View => new(Current);

    /// <summary>Files that compaction has taken out of the table, and when: older versions, and what Silver has yet to read, are made of them.</summary>
    public IReadOnlyDictionary<string, TimeSpan> Replaced => _replaced;

    /// <summary>The columns of the source after so many changes.</summary>
    public static Schema SchemaOf(int changes) => new(Enumerable.Range(0, changes + 1).Select(i => new Field($"c{i}", StringType.Default, nullable: true)), null);

    /// <summary>The schema that a stage brings when the table does not have it.</summary>
    public byte[]? Wanted(int changes)
    {
        var wanted = SchemaOf(changes);
        if (SchemaDifference.Of(Current.Schema, wanted).IsEmpty) return null;
        using var stream = new MemoryStream();
        using (var writer = new ArrowStreamWriter(stream, wanted, leaveOpen: true))
        {
            writer.WriteStart();
            writer.WriteEnd();
        }

        return stream.ToArray();
    }

    /// <param name="start">The version that the writer knows.</param>
    public CommitResult Commit(Transaction transaction, Snapshot start, TimeSpan now)
    {
        if (Find(transaction, start) is { } conflict) return conflict;
        Append(ActionsOf(transaction, now), now);
        return new CommitResult.Committed(Current);
    }

    /// <summary>A commit on its way: it becomes the version that it was written as, or nothing. Null: it is not even sent.</summary>
    public Func<TimeSpan, bool>? Send(Transaction transaction, Snapshot start, TimeSpan now)
    {
        if (Find(transaction, start) is not null) return null;
        var (version, actions) = (Current.Version + 1, ActionsOf(transaction, now));
        return arrival =>
        {
            if (Current.Version + 1 != version) return false;
            Append(actions, arrival);
            return true;
        };
    }

    /// <summary>Keeps the newest commits of the log.</summary>
    /// <returns>Whether there were older ones.</returns>
    public bool CleanUp(int kept)
    {
        var old = _effects.Keys.Where(version => version <= Current.Version - kept).ToList();
        foreach (var version in old) _effects.Remove(version);
        return old.Count > 0;
    }

    private CommitResult? Find(Transaction transaction, Snapshot start)
    {
        var conflicts = new ConflictCheck(Id.ToString(), (version, _) => new(_effects.GetValueOrDefault(version)), _hasCompareAndSet ? transaction : transaction with { Moves = [] }, start);
        var found = conflicts.FindAsync(Current, CancellationToken.None);
        return found.IsCompleted ? found.Result : throw new InvalidOperationException("Nothing is waited for here.");
    }

    private IReadOnlyList<DeltaAction> ActionsOf(Transaction transaction, TimeSpan now) =>
        TransactionActions.Build(Id.ToString(), transaction, Current, Guid.Empty, DateTimeOffset.UnixEpoch + now);

    private void Append(IReadOnlyList<DeltaAction> actions, TimeSpan now)
    {
        var builder = new SnapshotBuilder(Id.ToString(), Current);
        builder.ApplyCommit(Current.Version + 1, DateTimeOffset.UnixEpoch + now, actions);
        Current = builder.Build();
        _effects[Current.Version] = CommitEffect.Of(actions);
        foreach (var remove in actions.OfType<RemoveFile>()) _replaced[remove.Path] = now;
    }
}
