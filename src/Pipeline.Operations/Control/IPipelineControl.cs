using Pipeline.Core;

namespace Pipeline.Operations.Control;

/// <summary>What an operator asks for.</summary>
public enum ControlVerb
{
    Pause,

    /// <summary>As <see cref="Pause"/>; what a node has read others read on meanwhile.</summary>
    Drain,

    /// <summary>Ends <see cref="Pause"/> and <see cref="Drain"/>.</summary>
    Resume,

    Schedule,

    /// <summary>Ends <see cref="Schedule"/>.</summary>
    Unschedule,

    Trigger,
    Backfill,
    AcceptGap,
    Redrive,
    Rebuild,
    Restart,

    /// <summary>Has a node commit what is open, leave the cluster and end.</summary>
    Leave,

    /// <summary>Gives a node up that does not answer: others have its work at once.</summary>
    Down,

    /// <summary>Interrupts the run of a table that goes on; it is planned anew.</summary>
    Cancel,

    /// <summary>Has a node's log tell more or less, for as long as is said.</summary>
    LogLevel,

    /// <summary>Has a part of a table read again. A verb of its own: a release that does not know it refuses its plans, and has not all of the table read again.</summary>
    BackfillPart,

    /// <summary>The same of a log, where the part ends and its records keep their order. Whoever asks for a part is given a plan of the one that it is.</summary>
    BackfillInOrder,
}

/// <param name="Value">What goes with the verb, e.g. the times of a schedule, or the part of a table that is read again; null: nothing does.</param>
public sealed record ControlCommand(ControlVerb Verb, ControlTarget Target, string? Value = null);

/// <summary>What a command will change of one thing.</summary>
/// <param name="Thing">A table, a source or a node.</param>
/// <param name="Change">In one word: <c>pauses</c>, <c>resumes</c>, <c>stays-paused</c>, <c>runs</c>, <c>is-cancelled</c>, <c>restarts</c>, <c>leaves</c>, <c>is-given-up</c>, <c>is-rebuilt</c>, <c>gives-up</c>, <c>is-read-again</c>, <c>goes-on</c>, <c>is-scheduled</c>, <c>tells</c>.</param>
/// <param name="By">What has it so: the split that two tables share, the source that is paused; the positions; null: the command itself.</param>
public sealed record ControlChange(string Thing, string Change, string? By = null);

/// <summary>What a command would do, over the state that it was looked at in.</summary>
/// <param name="Id">Names the plan wherever it is applied: it carries the plan itself, whoever keeps it.</param>
/// <param name="IsRecordable">False: the lake is away. Then only what holds work, lets it go on or starts it again can be applied, and is recorded when it is back.</param>
public sealed record Planned(string Id, ControlCommand Command, IReadOnlyList<ControlChange> Changes, bool IsRecordable);

/// <summary>Why a plan was not applied.</summary>
public enum ControlRefusal
{
    /// <summary>No plan has such an id.</summary>
    UnknownPlan,

    /// <summary>What it was made over is not so any more: plan again.</summary>
    Moved,

    /// <summary>Nobody has said why.</summary>
    NoReason,

    /// <summary>It has to be recorded first, and the lake is away.</summary>
    LakeAway,
}

/// <summary>What became of a plan that was to be applied.</summary>
public abstract record Applied
{
    private Applied()
    {
    }

    /// <summary>It stands in the lake, and the running pipeline does it.</summary>
    /// <param name="Id">Of the wish or the order, in <see cref="ControlState"/>.</param>
    public sealed record Recorded(string Id, long Number) : Applied;

    /// <summary>It was applied before: nothing happens again.</summary>
    public sealed record Repeated(string Id) : Applied;

    /// <summary>The nodes that are reached do it; the lake is away, and has it when it is back.</summary>
    public sealed record NotRecordedYet(string Id) : Applied;

    public sealed record Refused(ControlRefusal Reason, Fault Fault) : Applied;
}

/// <summary>
/// What operators want of the pipeline: every door (command line, HTTP) speaks to it through this. A change is planned, and the plan is
/// applied; applied twice, late or over a state that has moved, it changes nothing.
/// </summary>
public interface IPipelineControl
{
    /// <exception cref="PipelineException">The lake's record cannot be read.</exception>
    Task<ControlState> StateAsync(CancellationToken cancellationToken);

    /// <exception cref="PipelineException">There is no such target, the verb is not for it, or what goes with the verb cannot be read.</exception>
    Task<Planned> PlanAsync(ControlCommand command, CancellationToken cancellationToken);

    /// <param name="planId">Of <see cref="Planned"/>; <see cref="ControlPlan.CommandOf"/> tells what it is a plan of.</param>
    /// <param name="who">As the door knows him.</param>
    /// <param name="why">What people read later.</param>
    /// <exception cref="PipelineException">The store refuses what was to be recorded.</exception>
    Task<Applied> ApplyAsync(string planId, string who, string why, CancellationToken cancellationToken);
}
