using Akka.Actor;
using Pipeline.Core;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Coordination;

/// <summary>Asks the coordinator for <see cref="MedallionStatus"/>.</summary>
public sealed record GetMedallionStatus;

/// <summary>
/// Asks the coordinator of this node to have written into the lake how its tables are, as otherwise once a minute. Answered with
/// <see cref="LakeTold"/> when that has been tried.
/// </summary>
public sealed record TellLake : INoSerializationVerificationNeeded;

public sealed record LakeTold : INoSerializationVerificationNeeded;

/// <summary>Runs a table as soon as a job is free, even when it is stopped or waits after an error. Answer: <see cref="Accepted"/> or <see cref="UnknownTable"/>.</summary>
public sealed record TriggerTable(TableId Table);

/// <summary>
/// Somebody has mended something: every table that has stopped, or waits after an error, is planned again at once. Not answered.
/// </summary>
public sealed record LookAgain;

/// <summary>Starts no more runs of a table until <see cref="ResumeTable"/>; remembered over restarts.</summary>
public sealed record PauseTable(TableId Table);

public sealed record ResumeTable(TableId Table);

/// <summary>Interrupts the run of a table that goes on, if one does; it is planned anew. Answer: <see cref="Accepted"/> or <see cref="UnknownTable"/>.</summary>
public sealed record CancelTable(TableId Table);

public sealed record Accepted(TableId Table);

public sealed record UnknownTable(TableId Table, TableId[] Known);

/// <summary>What a table is doing.</summary>
public enum TableActivity
{
    /// <summary>It reflects all of its inputs, as far as is known.</summary>
    Current,

    /// <summary>Inputs have advanced; it waits for its turn, or it is looked what there is to do.</summary>
    Waiting,

    Running,

    /// <summary>The last run failed; it is tried again later.</summary>
    BackingOff,

    /// <summary>Somebody has to mend something: it is tried again slowly, or when its inputs advance or somebody triggers it.</summary>
    Stopped,

    Paused,
}

/// <summary>One table of <see cref="MedallionStatus"/>.</summary>
/// <param name="Version">The version that the last run made; null before the first.</param>
/// <param name="Rows">Rows of that version.</param>
/// <param name="ReflectsUntil">Every Bronze row committed up to this time is reflected; null before the first run.</param>
/// <param name="PendingRows">New Bronze rows announced and not yet reflected, as far as is known.</param>
/// <param name="Error">Why the last run failed; null when it did not.</param>
public sealed record TableStatus(TableId Table, TableActivity Activity, long Run, long? Version, long? Rows, DateTimeOffset? LastRunAt, TimeSpan? LastTook,
    DateTimeOffset? ReflectsUntil, long PendingRows, DateTimeOffset? PendingSince, int FailedAttempts, string? Error)
{
    /// <summary>The run that goes on; null: none does.</summary>
    public JobPins? Running { get; init; }

    /// <summary>The node that executes it, or has it executed: host and port; null: none does.</summary>
    public string? Runner { get; init; }

    /// <summary>Attempts that have failed since the last run that succeeded; null: none.</summary>
    public FailedBefore? FailedBefore { get; init; }
}

/// <summary>All Silver and Gold tables, Silver first.</summary>
public sealed record MedallionStatus(TableStatus[] Tables);

/// <summary>An input of some table is at this version.</summary>
/// <param name="Rows">New rows; 0 when unknown.</param>
internal sealed record InputSeen(TableId Table, long Version, long Rows, DateTimeOffset CommittedAt) : INoSerializationVerificationNeeded;

/// <summary>What the logs say about the inputs: found by polling.</summary>
internal sealed record InputsPolled(IReadOnlyList<InputSeen> Inputs) : INoSerializationVerificationNeeded
{
    /// <summary>What keeps others from being read, which says nothing about those that are.</summary>
    public IReadOnlyList<Fault> Unreadable { get; init; } = [];
}

/// <summary>The plan of a table is made; null: it has nothing to do.</summary>
internal sealed record JobPlanned(TableId Table, JobPins? Pins) : INoSerializationVerificationNeeded;

/// <summary>A run ended, or could not be planned: with a result, with a fault, or because another run got there first.</summary>
/// <param name="Pins">The run; null: it could not be planned.</param>
/// <param name="Superseded">What the other run did: plan again, nothing is wrong.</param>
/// <param name="IsRuleBroken">Rows break a rule that stops what is made of the table too; null: it is something else, or a node of a release before has run it.</param>
public sealed record JobEnded(TableId Table, JobPins? Pins, JobResult? Result, Fault? Fault, string? Superseded = null, bool? IsRuleBroken = null)
{
    internal static JobEnded Failed(TableId table, JobPins? pins, Exception cause) => cause switch
    {
        JobSupersededException superseded => new JobEnded(table, pins, Result: null, Fault: null, superseded.Message),
        AggregateException { InnerExceptions: [var one] } => Failed(table, pins, one),
        _ => new JobEnded(table, pins, Result: null, Fault.Of($"Table {table}", cause), IsRuleBroken: cause is PipelineException { IsRuleBroken: true } ? true : null),
    };
}

/// <summary>Time has passed.</summary>
internal sealed record Tick : INoSerializationVerificationNeeded
{
    public static readonly Tick Instance = new();
}

/// <summary>What the coordinator remembers. The manifest of each is in <see cref="TransformMessageSerializer"/>.</summary>
public abstract record MedallionEvent(TableId Table, DateTimeOffset At);

/// <summary>A run is decided; written before anything is started, and once more when its execution is known.</summary>
/// <param name="Handle">Its execution: whoever runs it again looks for that first; null: none is known.</param>
public sealed record JobRequested(TableId Table, DateTimeOffset At, JobPins Pins, JobHandle? Handle = null) : MedallionEvent(Table, At);

/// <param name="IsBehind">It left rows of the quarantine for the next run; null: it did not.</param>
public sealed record JobSucceeded(TableId Table, DateTimeOffset At, long Run, long Version, long? Rows, TimeSpan Took, bool? IsBehind = null) : MedallionEvent(Table, At);

/// <param name="IsFinal">Somebody has to mend something: it is tried again slowly.</param>
/// <param name="IsRuleBroken">Rows break a rule that stops what is made of the table too; null: it is something else.</param>
public sealed record JobFailed(TableId Table, DateTimeOffset At, long Run, string Message, bool IsFinal, bool? IsRuleBroken = null) : MedallionEvent(Table, At);

/// <summary>The run's plan no longer holds; the table is planned again.</summary>
public sealed record JobDropped(TableId Table, DateTimeOffset At, long Run, string Reason) : MedallionEvent(Table, At);

/// <summary>The run did not fit into memory, or into the time that a run may take.</summary>
/// <param name="RowsMax">Bronze rows of the table's next run.</param>
public sealed record JobTooLarge(TableId Table, DateTimeOffset At, long Run, long RowsMax, string Reason) : MedallionEvent(Table, At);

public sealed record TablePaused(TableId Table, DateTimeOffset At) : MedallionEvent(Table, At);

public sealed record TableResumed(TableId Table, DateTimeOffset At) : MedallionEvent(Table, At);

/// <summary>Everything remembered, so that older events can go.</summary>
public sealed record MedallionSnapshot(RememberedTable[] Tables);

/// <summary>A table in <see cref="MedallionSnapshot"/>.</summary>
/// <param name="RowsMax">Bronze rows of its next run; null: as many as configured.</param>
/// <param name="Handle">The execution of the running job; null: none is known.</param>
/// <param name="IsRuleBroken">Rows break a rule that stops what is made of it too; null: none is known to.</param>
public sealed record RememberedTable(TableId Table, JobPins? Running, long Run, long? Version, long? Rows, DateTimeOffset? LastRunAt, TimeSpan? LastTook,
    DateTimeOffset? ReflectsUntil, bool IsPaused, long? RowsMax = null, JobHandle? Handle = null, bool? IsRuleBroken = null);
