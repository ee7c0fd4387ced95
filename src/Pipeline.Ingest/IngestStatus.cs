using System.Collections.Immutable;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest;

/// <summary>How a table's ingest is doing, for people.</summary>
public enum IngestState
{
    Starting,
    Running,

    /// <summary>Something does not answer; tried again with backoff.</summary>
    Retrying,

    /// <summary>Committing what is open before a pause, a move or the end.</summary>
    Draining,

    /// <summary>Paused with nothing open.</summary>
    Paused,

    /// <summary>Stopped by an error that needs somebody to act.</summary>
    Halted,
}

/// <summary>A worker's report: one status for each table that its splits feed.</summary>
public sealed record WorkerReport(ImmutableArray<WorkerStatus> Tables) : INoSerializationVerificationNeeded;

/// <summary>What one worker does for one table.</summary>
/// <param name="Rows">Committed by this worker since it started.</param>
/// <param name="Version">Version of the table's newest commit by this worker; -1 before the first.</param>
/// <param name="Positions">Durable positions by split.</param>
/// <param name="NewestEventAt">When the newest committed record happened at its source.</param>
public sealed record WorkerStatus(TableId Table, int Worker, IngestState State, long Rows, long DeadLetters, long Version, Fault? LastFault,
    ImmutableDictionary<SplitId, long> Positions, DateTimeOffset? NewestEventAt, DateTimeOffset? LastCommitAt)
{
    /// <summary>All that the worker reads, whichever tables they feed; not those that are halted.</summary>
    public ImmutableArray<Split> Splits { get; init; } = [];

    public Halts Halts { get; init; } = Halts.None;
}

/// <summary>One Bronze table as seen by the node that was asked: its workers together.</summary>
public sealed record TableStatus(TableId Table, IngestState State, long Rows, long DeadLetters, long Version, Fault? LastFault,
    ImmutableDictionary<SplitId, long> Positions, DateTimeOffset? NewestEventAt, DateTimeOffset? LastCommitAt)
{
    /// <summary>The workers' reports as one: the worst state, the sum of rows, the newest times.</summary>
    public static TableStatus Of(TableId table, IReadOnlyCollection<WorkerStatus> workers) => new(table,
        workers.Max(worker => worker.State), workers.Sum(worker => worker.Rows), workers.Sum(worker => worker.DeadLetters),
        workers.Max(worker => worker.Version), workers.OrderBy(worker => worker.State).Last().LastFault,
        workers.SelectMany(worker => worker.Positions).Aggregate(ImmutableDictionary<SplitId, long>.Empty,
            (all, pair) => all.SetItem(pair.Key, Math.Max(pair.Value, all.GetValueOrDefault(pair.Key, long.MinValue)))),
        workers.Max(worker => worker.NewestEventAt), workers.Max(worker => worker.LastCommitAt));
}

/// <summary>Asks a node's <see cref="IngestMonitorActor"/>; answered with <see cref="IngestStatus"/>.</summary>
public sealed record GetIngestStatus : INoSerializationVerificationNeeded;

/// <summary>The tables whose workers run on this node, by name, and the memory their chunks hold.</summary>
public sealed record IngestStatus(ImmutableArray<TableStatus> Tables, long BufferBytes) : INoSerializationVerificationNeeded
{
    /// <summary>The same, a worker and table each.</summary>
    public ImmutableArray<WorkerStatus> Workers { get; init; } = [];
}

/// <summary>Drains all workers of this node; answered with <see cref="NodeDrained"/>.</summary>
public sealed record DrainNode : INoSerializationVerificationNeeded;

public sealed record NodeDrained : INoSerializationVerificationNeeded;

/// <summary>Lets halted or paused workers go on: of one table, or of all when <paramref name="Table"/> is null.</summary>
public sealed record ResumeIngest(TableId? Table) : INoSerializationVerificationNeeded;

/// <summary>Commits what is open and begins anew from what the tables say: the workers of one table, or all when <paramref name="Table"/> is null.</summary>
public sealed record RestartIngest(TableId? Table) : INoSerializationVerificationNeeded;

/// <summary>Operators want something else held: see <see cref="Holds"/>.</summary>
public sealed record HoldsChanged : INoSerializationVerificationNeeded;

/// <summary>Commits what is open and pauses: one table, or all when <paramref name="Table"/> is null.</summary>
public sealed record PauseIngest(TableId? Table) : INoSerializationVerificationNeeded;
