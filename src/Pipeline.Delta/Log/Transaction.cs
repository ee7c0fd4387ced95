using System.Collections.Immutable;
using Apache.Arrow;
using Pipeline.Core;

namespace Pipeline.Delta.Log;

/// <summary>What a commit has read, and so which winners of a race it must yield to.</summary>
public enum Isolation
{
    /// <summary>Read nothing: only metadata, protocol and its own txns can be in its way.</summary>
    BlindAppend,

    /// <summary>Read the files it removes: yields when one of them is removed by another, or when rows were added
    /// (merge and delete look at all rows).</summary>
    ReadTable,

    /// <summary>Moves rows without changing them (compaction): yields only when a file it removes is gone.</summary>
    Rearrange,
}

/// <summary>A position to be moved: the commit succeeds only while the table still holds <paramref name="From"/>.</summary>
/// <param name="AppId">Delta's word for whose position it is: a split's, another table's, or a name that a writer has for its own count.</param>
/// <param name="From">Null: the table holds none yet.</param>
public readonly record struct TxnMove(string AppId, long? From, long To)
{
    public TxnMove(SplitId split, long? from, long to) : this(split, epoch: 0, from, to)
    {
    }

    /// <summary>Of a split in an epoch of the table.</summary>
    public TxnMove(SplitId split, int epoch, long? from, long to) : this(SplitHistory.AppIdOf(split, epoch), from, to)
    {
    }

    /// <summary>To the version of another table that this one reflects.</summary>
    public TxnMove(TableId table, long? from, long to) : this(table.ToString(), from, to)
    {
    }
}

/// <summary>Adds to a count that a table keeps: see <see cref="RowCounts"/>.</summary>
public readonly record struct TxnCount(string AppId, long By);

/// <summary>Everything one commit does. Immutable; <see cref="DeltaTable.CommitAsync"/> writes it.</summary>
public sealed record Transaction(string Operation, Isolation Isolation)
{
    /// <summary>
    /// The version whose files this commit has read; what others committed since is checked against it. Null: whatever is
    /// newest when <see cref="DeltaTable.CommitAsync"/> is called, which is right for blind appends only.
    /// </summary>
    public long? ReadVersion { get; init; }

    public ImmutableArray<AddFile> Adds { get; init; } = [];

    public ImmutableArray<RemoveFile> Removes { get; init; } = [];

    /// <summary>Compare-and-set, re-checked against every commit that won a race.</summary>
    public ImmutableArray<TxnMove> Moves { get; init; } = [];

    /// <summary>The commit succeeds only while the table reads these splits in these epochs; re-checked as <see cref="Moves"/> are.</summary>
    public ImmutableArray<(SplitId Split, int Epoch)> Epochs { get; init; } = [];

    /// <summary>Positions that this commit was made from and leaves alone: compare only, re-checked as <see cref="Moves"/> are.</summary>
    public ImmutableArray<(string AppId, long? At)> Expected { get; init; } = [];

    /// <summary>Numbers beside positions, set without a comparison; those that the table has already are not written again.</summary>
    public ImmutableArray<(string AppId, long Value)> Marks { get; init; } = [];

    /// <summary>Table properties that this commit sets, or with null takes away. Whoever made them of what it read says so by <see cref="ReadVersion"/>: it yields to others that set some.</summary>
    public ImmutableDictionary<string, string?> Properties { get; init; } = ImmutableDictionary<string, string?>.Empty;

    /// <summary>What the commit adds to the table's counts, whatever version it becomes. None: it does not count.</summary>
    public ImmutableArray<TxnCount> Counts { get; init; } = [];

    /// <summary>
    /// The schema this commit's rows need. Columns the table lacks are added (nullable), types are widened where allowed;
    /// anything else is refused with a diff. Null: the table's own.
    /// </summary>
    public Schema? Schema { get; init; }

    /// <summary>The commit takes all of the table's files away, and <see cref="Schema"/> is the table's from then on.</summary>
    public bool ReplacesSchema { get; init; }

    /// <summary>What the table says to people from then on; null: what it says.</summary>
    public TableWords? Words { get; init; }

    /// <summary>For <c>history</c>: what the operation was asked to do.</summary>
    public ImmutableDictionary<string, string> Parameters { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>For <c>history</c>: what it did, e.g. rows written.</summary>
    public ImmutableDictionary<string, string> Metrics { get; init; } = ImmutableDictionary<string, string>.Empty;
}

/// <summary>What became of a commit.</summary>
public abstract record CommitResult
{
    private CommitResult()
    {
    }

    /// <summary>The transaction is version <c>Snapshot.Version</c> of the table.</summary>
    public sealed record Committed(Snapshot Snapshot) : CommitResult;

    /// <summary>
    /// A position is not where the transaction says: another writer has moved it. Not to be rebased; the writer drops its
    /// files and asks again.
    /// </summary>
    public sealed record Refused(string AppId, long? Expected, long? Actual, Snapshot Snapshot) : CommitResult;

    /// <summary>Another commit touched what this one read. The writer reads again and makes a new transaction.</summary>
    public sealed record Conflicted(string Reason, Snapshot Snapshot) : CommitResult;
}
