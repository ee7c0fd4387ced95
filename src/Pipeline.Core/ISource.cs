using Apache.Arrow;
using Microsoft.Extensions.Logging;

namespace Pipeline.Core;

/// <summary>
/// A connected source. Not reading is the backpressure: nothing is fetched ahead beyond the configured byte budget.
/// </summary>
/// <remarks>Errors are <see cref="PipelineException"/>; transient ones may be retried by calling again.</remarks>
public interface ISource : IAsyncDisposable
{
    string Name { get; }

    /// <summary>The configured tables, in configuration order.</summary>
    IReadOnlyList<SourceTable> Tables { get; }

    /// <summary>The schema of a table's chunks: its own columns, then <c>_op</c> and <c>_position</c>.</summary>
    ValueTask<Schema> DescribeAsync(string table, CancellationToken cancellationToken);

    /// <summary>
    /// What the documents in a table's columns hold by schemas that are kept elsewhere, of each column the newest first. Nothing for documents
    /// of which no schema is known.
    /// </summary>
    /// <exception cref="PipelineException">They cannot be asked for.</exception>
    ValueTask<IReadOnlyList<SourceDocument>> DescribeDocumentsAsync(string table, CancellationToken cancellationToken) => ValueTask.FromResult<IReadOnlyList<SourceDocument>>([]);

    /// <summary>All splits that exist now. Called again now and then, so that new ones are found.</summary>
    ValueTask<IReadOnlyList<Split>> ListSplitsAsync(string table, CancellationToken cancellationToken);

    /// <summary>
    /// Reads splits from the given positions until cancelled; an idle source waits. Chunks of one split come in order
    /// and are contiguous; those of different splits interleave. The consumer disposes each chunk.
    /// </summary>
    IAsyncEnumerable<Chunk> ReadAsync(IReadOnlyList<SplitPosition> from, CancellationToken cancellationToken);

    /// <summary>
    /// Whether the source is where tables have left it, asked before splits are read: in both directions. Splits without a position are
    /// asked about where they begin. One answer a split, in their order; another history than the one it was listed with is a fault.
    /// </summary>
    /// <exception cref="PipelineException">The source cannot be reached.</exception>
    ValueTask<IReadOnlyList<SplitStanding>> LookBackAsync(IReadOnlyList<SplitPosition> left, CancellationToken cancellationToken);

    /// <summary>
    /// Asked behind the last chunk that is to be committed, and before it is: returns when all that came of these splits until now
    /// is of the history that they were listed with, whatever has been listed since.
    /// </summary>
    /// <exception cref="PipelineException">It may be of another, or the source cannot be reached.</exception>
    ValueTask ConfirmAsync(IReadOnlyCollection<Split> read, CancellationToken cancellationToken);

    /// <summary>Tells the source that everything below <paramref name="position"/> is durable in the lake.</summary>
    ValueTask AcknowledgeAsync(SplitId split, long position, CancellationToken cancellationToken);

    /// <summary>
    /// The newest look at a split that is being read; null when there is none yet. A source that is away is not looked at: only what
    /// it has answered counts.
    /// </summary>
    SplitLook? LastLook(SplitId split);

    /// <summary>
    /// The position at which a split that is being read ended at the source when it was last heard of; null: not known, or it does not
    /// end at a position. It may be behind the truth, never before it.
    /// </summary>
    long? EndOf(SplitId split) => null;

    /// <summary>
    /// Why rows of a split that is being read may be passed by although nothing fails, which the source cannot decide: a
    /// <see cref="FaultKind.Gap"/> with <see cref="PipelineException.ReadAgainFrom"/>, from where they are read if somebody says so. Null: nothing is known.
    /// </summary>
    PipelineException? DoubtOf(SplitId split) => null;

    /// <summary>Reaches the source and looks at rights and settings; never throws for what it finds.</summary>
    ValueTask<IReadOnlyList<Finding>> CheckAsync(CancellationToken cancellationToken);
}

/// <summary>A table or topic as configured.</summary>
/// <param name="Name">The name in the lake: <c>bronze/SOURCE/Name</c>.</param>
/// <param name="Workers">How many ingest workers share its splits.</param>
/// <param name="RowsMayRepeat">Rows are read again on purpose (an overlap), so Bronze holds some more than once.</param>
public sealed record SourceTable(string Name, int Workers, bool RowsMayRepeat = false)
{
    /// <summary>A position of its splits names one record: no two share it.</summary>
    public bool PositionsNameRecords { get; init; }

    /// <summary>The columns that a delete has a value in; null: whatever rows have, or there are no deletes.</summary>
    public IReadOnlyList<string>? DeletesCarry { get; init; }

    /// <summary>Columns that the source adds to the table's own, and by which rows may be ordered.</summary>
    public IReadOnlyList<string> TechnicalColumns { get; init; } = [];

    /// <summary>Words by which it is chosen, with others: <c>tag:WORD</c>.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>One split feeds it and its source's other tables that say so too: they are read together or not at all.</summary>
    public bool IsReadWithOthers { get; init; }
}

/// <summary>One thing that a check looked at.</summary>
/// <param name="Thing">What was looked at.</param>
/// <param name="Ok">Whether it is as it must be.</param>
/// <param name="Detail">What was found.</param>
/// <param name="NextStep">What to do when not ok, e.g. the SQL that grants a missing right.</param>
public sealed record Finding(string Thing, bool Ok, string Detail, string? NextStep = null)
{
    /// <summary>Why something could not be looked at. A secret that cannot be had is named itself, not what it opens.</summary>
    public static Finding Failed(string thing, PipelineException why) =>
        new(why.Thing.StartsWith("Secret ", StringComparison.Ordinal) ? why.Thing : thing, Ok: false, why.Cause, why.NextStep);
}

/// <summary>What sources get from the node.</summary>
public sealed record SourceServices(TimeProvider Time, ILoggerFactory Logs, ISecretStore Secrets, ISourceOwner Owner)
{
    /// <summary>Told of every wait that may last; by default nobody is.</summary>
    public WaitWatch Waits { get; init; } = WaitWatch.Silent(Time);

    /// <summary>Told of every certificate that is met.</summary>
    public KnownCertificates Certificates { get; init; } = new();
}
