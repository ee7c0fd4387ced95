using System.Collections.Immutable;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Ingest.Committer;

namespace Pipeline.Ingest.Worker;

/// <summary>
/// What one roll of a worker's open files asks of committers: stages in the order in which they must be committed, the
/// dead-letter table's first.
/// </summary>
public sealed record Roll(ImmutableArray<StageFiles> Stages)
{
    /// <summary>Timestamp of the first record that was written; null: there was none.</summary>
    public long? Since { get; init; }
}

/// <summary>Where a reading starts in one split.</summary>
/// <param name="From">The smallest position of its tables; null when one of them has none: from the beginning.</param>
/// <param name="Tables">Where each table of the split stands, the dead-letter table included; null: no position yet.</param>
public sealed record SplitStart(Split Split, long? From, ImmutableDictionary<TableId, long?> Tables)
{
    /// <summary>The epochs of the tables that do not read the split in the first.</summary>
    public ImmutableDictionary<TableId, int> Epochs { get; init; } = ImmutableDictionary<TableId, int>.Empty;

    /// <inheritdoc cref="SplitPosition.End"/>
    public long? End { get; init; }

    /// <inheritdoc cref="SplitPosition.OrderTimeMax"/>
    public long? OrderTimeMax { get; init; }

    /// <summary>What goes with <see cref="From"/>.</summary>
    public SplitMarks Marks { get; init; }

    /// <summary>What each table that the split feeds holds beside its place, by its name.</summary>
    public ImmutableDictionary<string, SplitMarks>? TableMarks { get; init; }

    /// <summary>Where each table stands that the split feeds, by its name.</summary>
    internal IReadOnlyDictionary<string, long?> Places => Split.Tables.ToDictionary(name => name, name => Tables.GetValueOrDefault(TableId.Bronze(Split.Id.Source, name)), StringComparer.Ordinal);

    /// <summary>The orders in which the rows of those tables are, where they are not of the epoch that they are read in.</summary>
    public ImmutableDictionary<TableId, int> Orders { get; init; } = ImmutableDictionary<TableId, int>.Empty;

    /// <summary>In which the table reads the split.</summary>
    public int EpochOf(TableId table) => Epochs.GetValueOrDefault(table);

    /// <summary>What the table's rows of the split say of that.</summary>
    public RowEpoch RowsOf(TableId table) => RowEpoch.Of(EpochOf(table), Orders.TryGetValue(table, out var order) ? order : null);
}

/// <summary>In which epochs a version of a table reads a worker's splits.</summary>
/// <param name="Epochs">Of the splits that are read in another epoch than 0.</param>
public sealed record LoggedEpochs(long Version, ImmutableDictionary<SplitId, int> Epochs)
{
    /// <summary>Of those whose rows are of the order of another epoch than that, see <see cref="SplitHistory.Order"/>.</summary>
    public ImmutableDictionary<SplitId, int> Orders { get; init; } = ImmutableDictionary<SplitId, int>.Empty;

    internal static LoggedEpochs Of(Snapshot snapshot, IEnumerable<Split> splits)
    {
        var known = splits.Select(split => (split.Id, History: snapshot.Histories.Find(split.Id))).Where(split => split.History is { Epoch: > 0 }).ToList();
        return new LoggedEpochs(snapshot.Version, known.ToImmutableDictionary(split => split.Id, split => split.History!.Epoch))
        {
            Orders = known.Where(split => split.History!.Order is not null).ToImmutableDictionary(split => split.Id, split => split.History!.Order!.Value),
        };
    }
}

/// <summary>What a worker reacts to. Answers carry the epoch of the reading they belong to; those of an older one are void.</summary>
public abstract record WorkerEvent : INoSerializationVerificationNeeded
{
    private WorkerEvent()
    {
    }

    public sealed record Started : WorkerEvent;

    /// <summary>This worker's share of the splits that exist now; their tables are there and can be written.</summary>
    public sealed record Located(long Epoch, ImmutableArray<Split> Splits) : WorkerEvent
    {
        public OpenedTables Tables { get; init; } = OpenedTables.None;

        /// <summary>All splits that feed the worker's own table, whoever reads them.</summary>
        public int Listed { get; init; }

        /// <summary>Why the worker's own table cannot take its rows, while other tables of these splits are fed; null: it can.</summary>
        public Fault? Unfit { get; init; }

        /// <summary>What the tables' logs say of these splits; a table that is not there is left out.</summary>
        public ImmutableDictionary<TableId, LoggedEpochs> Logged { get; init; } = ImmutableDictionary<TableId, LoggedEpochs>.Empty;

        /// <summary>Where the reading of these splits ends for now, of those of which it does.</summary>
        public ImmutableDictionary<SplitId, SplitTurn> Ends { get; init; } = ImmutableDictionary<SplitId, SplitTurn>.Empty;

        /// <summary>What their logs say that halts these splits until somebody decides.</summary>
        public ImmutableDictionary<SplitId, Fault> Halted { get; init; } = ImmutableDictionary<SplitId, Fault>.Empty;
    }

    public sealed record LocateFailed(long Epoch, Fault Fault) : WorkerEvent;

    public sealed record PositionsKnown(long Epoch, TableId Table, ImmutableDictionary<SplitId, long> Positions) : WorkerEvent
    {
        /// <summary>Of the table; -1: not known.</summary>
        public long Version { get; init; } = -1;

        /// <summary>Of the splits that are read in another epoch than 0.</summary>
        public ImmutableDictionary<SplitId, int> Epochs { get; init; } = ImmutableDictionary<SplitId, int>.Empty;

        /// <summary>What goes with the positions that have something beside them.</summary>
        public ImmutableDictionary<SplitId, SplitMarks> Marks { get; init; } = ImmutableDictionary<SplitId, SplitMarks>.Empty;
    }

    public sealed record PositionsFailed(long Epoch, Fault Fault) : WorkerEvent;

    /// <summary>No answer of a table's committer for too long.</summary>
    public sealed record AnswerOverdue(long Epoch, TableId Table) : WorkerEvent;

    /// <summary>The graph has closed its open files and waits until they are committed.</summary>
    public sealed record RollClosed(long Epoch, Roll Roll) : WorkerEvent;

    public sealed record Committed(StageCommitted Answer) : WorkerEvent;

    public sealed record Refused(StageRefused Answer) : WorkerEvent;

    public sealed record StageLost(StageFailed Answer) : WorkerEvent;

    public sealed record Acknowledged(long Epoch) : WorkerEvent;

    public sealed record AcknowledgeFailed(long Epoch, Fault Fault) : WorkerEvent;

    /// <summary>The graph is gone and everything it held is released.</summary>
    /// <param name="Fault">Null: it was drained, or its source has ended.</param>
    public sealed record GraphEnded(long Epoch, Fault? Fault) : WorkerEvent;

    /// <summary>No answer to the stage in hand for too long.</summary>
    public sealed record ResendDue : WorkerEvent;

    public sealed record RetryDue : WorkerEvent;

    public sealed record RelistDue : WorkerEvent;

    /// <summary>What is halted may have been mended.</summary>
    public sealed record LookDue : WorkerEvent;

    /// <summary>Reading has gone on for a while.</summary>
    public sealed record ReadQuietly(long Epoch) : WorkerEvent;

    public sealed record DrainOverdue : WorkerEvent;

    /// <summary>Commit what is open and pause.</summary>
    public sealed record DrainAsked : WorkerEvent;

    /// <summary>Commit what is open and end.</summary>
    public sealed record StopAsked : WorkerEvent;

    /// <summary>Go on after a pause or a halt.</summary>
    public sealed record ResumeAsked : WorkerEvent;

    /// <summary>What the answer of a committer means here.</summary>
    internal static WorkerEvent Of(object answer) => answer switch
    {
        PositionsFound found => new PositionsKnown(found.Tag, found.Table, found.Positions) 
        {
            Version = found.Version, Epochs = found.Epochs ?? ImmutableDictionary<SplitId, int>.Empty, Marks = found.Marks ?? ImmutableDictionary<SplitId, SplitMarks>.Empty,
        },
        PositionsUnavailable unavailable => new PositionsFailed(unavailable.Tag, unavailable.Fault),
        StageCommitted committed => new Committed(committed),
        StageRefused refused => new Refused(refused),
        StageFailed failed => new StageLost(failed),
        _ => throw new ArgumentException($"A worker does not understand {answer}.", nameof(answer)),
    };
}

/// <summary>The tables of a worker's splits, by their name in the source.</summary>
public sealed record OpenedTables(ImmutableDictionary<string, BronzeTable> ByName)
{
    public static readonly OpenedTables None = new(ImmutableDictionary.Create<string, BronzeTable>(StringComparer.Ordinal));
}

/// <summary>What a worker's actor has to do.</summary>
public abstract record WorkerEffect
{
    private WorkerEffect()
    {
    }

    /// <summary>
    /// List the splits of this worker and open their tables, but for those that are <paramref name="Known"/>; answer with
    /// Located or LocateFailed.
    /// </summary>
    public sealed record Locate(long Epoch, OpenedTables Known) : WorkerEffect
    {
        /// <summary>The tables that begin anew first.</summary>
        public IReadOnlyList<TableAnew> Anew { get; init; } = [];
    }

    /// <summary>Ask a table's committer; answer with PositionsKnown or PositionsFailed.</summary>
    /// <param name="AtLeast">The version of the table that this worker has seen itself; null: none.</param>
    public sealed record AskPositions(long Epoch, TableId Table, ImmutableArray<SplitId> Splits, long? AtLeast = null) : WorkerEffect;

    /// <summary>Come back with AnswerOverdue. One a table: the newest counts.</summary>
    public sealed record AskAgainAfter(long Epoch, TableId Table, TimeSpan Delay) : WorkerEffect;

    /// <summary>Read, write and roll from there; answer with RollClosed, at last with GraphEnded.</summary>
    public sealed record StartGraph(long Epoch, ImmutableArray<SplitStart> Starts, OpenedTables Tables) : WorkerEffect;

    /// <summary>Stop reading, close what is open; GraphEnded follows when its rolls are committed.</summary>
    public sealed record DrainGraph : WorkerEffect;

    /// <summary>Drop everything; GraphEnded follows.</summary>
    public sealed record AbortGraph : WorkerEffect;

    /// <param name="IsAgain">The same stage has been sent before.</param>
    public sealed record Send(StageFiles Stage, bool IsAgain) : WorkerEffect;

    /// <summary>Count what has become durable.</summary>
    public sealed record CountCommit(StageFiles Stage, StageCommitted Answer) : WorkerEffect;

    /// <summary>Tell that another writer was first.</summary>
    public sealed record TellRefusal(StageRefused Answer) : WorkerEffect;

    /// <summary>Everything below these positions is durable; answer with Acknowledged or AcknowledgeFailed.</summary>
    public sealed record Acknowledge(long Epoch, ImmutableArray<(SplitId Split, long Position)> Positions) : WorkerEffect;

    /// <summary>The roll in hand is committed: the graph may close the next.</summary>
    public sealed record ReleaseRoll : WorkerEffect;

    /// <summary>Files that can never become part of a table.</summary>
    public sealed record DeleteFiles(TableId Table, ImmutableArray<StagedFile> Files) : WorkerEffect;

    public sealed record ResendAfter(TimeSpan Delay) : WorkerEffect;

    /// <param name="Delay">The longest that the pause may be: chance shortens it.</param>
    public sealed record RetryAfter(TimeSpan Delay) : WorkerEffect;

    public sealed record RelistAfter(TimeSpan Delay) : WorkerEffect;

    /// <summary>Come back with LookDue.</summary>
    /// <param name="Delay">The longest that the pause may be: chance shortens it.</param>
    public sealed record LookAfter(TimeSpan Delay) : WorkerEffect;

    /// <summary>Tell that somebody has to act, once for each reason.</summary>
    public sealed record TellHalt(Fault Fault) : WorkerEffect;

    /// <summary>Write it into the logs of the split's tables, so that it holds until somebody decides.</summary>
    public sealed record RecordHalt(Split Split, Fault Fault, long Position) : WorkerEffect;

    /// <summary>Tell that it does not hold any more.</summary>
    public sealed record TellHaltEnded(Fault Fault) : WorkerEffect;

    /// <summary>Tell that new splits are not found any more, or again, while the known ones are read.</summary>
    public sealed record TellListing(Fault Fault, bool IsBack) : WorkerEffect;

    public sealed record DrainWithin(TimeSpan Limit) : WorkerEffect;

    /// <summary>Tell whoever asked that everything open is committed or dropped.</summary>
    public sealed record TellDrained : WorkerEffect;

    public sealed record StopSelf : WorkerEffect;
}
