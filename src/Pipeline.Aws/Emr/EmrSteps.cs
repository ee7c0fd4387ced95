using Pipeline.Core;

namespace Pipeline.Aws.Emr;

/// <summary>Where a step is.</summary>
public enum EmrStepState
{
    /// <summary>A state that this program does not know: taken for one in which the step may run.</summary>
    Other,

    Pending,

    /// <summary>It is being cancelled, and may still run.</summary>
    CancelPending,

    Running,

    Completed,

    Cancelled,

    Failed,

    /// <summary>The cluster ended before it.</summary>
    Interrupted,
}

public static class EmrStepStates
{
    /// <summary>Those in which a step runs or may run yet: all but the terminal ones.</summary>
    public static readonly IReadOnlyList<EmrStepState> Active = [EmrStepState.Pending, EmrStepState.Running, EmrStepState.CancelPending];

    /// <summary>Whether a step in it never runs again.</summary>
    public static bool IsTerminal(this EmrStepState state) => state is EmrStepState.Completed or EmrStepState.Cancelled or EmrStepState.Failed or EmrStepState.Interrupted;
}

/// <summary>A step to be added. A failed one leaves the others alone (<c>CONTINUE</c>).</summary>
/// <param name="Name">At most 256 characters.</param>
/// <param name="Jar">What the cluster runs, <c>command-runner.jar</c> for a command.</param>
/// <param name="Args">Together with the jar's name at most <see cref="TextLengthMax"/> characters.</param>
public sealed record NewEmrStep(string Name, string Jar, IReadOnlyList<string> Args)
{
    /// <summary>EMR's limit on the texts of one step.</summary>
    public const int TextLengthMax = 10_240;
}

/// <summary>What EMR takes for the cause of a step's failure: a guess.</summary>
/// <param name="Reason">Such as <c>Unknown Error</c>.</param>
/// <param name="LogFile">Where it was found.</param>
public sealed record EmrFailureDetails(string? Reason, string? Message, string? LogFile);

/// <summary>A step as EMR lists it.</summary>
/// <param name="StateReason">Why it is in this state, where EMR says so.</param>
/// <param name="LogUri">Where its log is kept, where it has a place of its own.</param>
public sealed record EmrStep(string Id, string Name, EmrStepState State, IReadOnlyList<string> Args, DateTimeOffset? CreatedAt = null, DateTimeOffset? StartedAt = null,
    DateTimeOffset? EndedAt = null, string? StateReason = null, EmrFailureDetails? Failure = null, string? LogUri = null);

/// <summary>What became of steps that were to be added. Any other refusal is thrown: nothing was added.</summary>
public abstract record AddStepsOutcome
{
    private AddStepsOutcome()
    {
    }

    /// <param name="StepIds">In the order of the steps.</param>
    public sealed record Added(IReadOnlyList<string> StepIds) : AddStepsOutcome;

    /// <summary>The cluster has as many active steps as it may have. Nothing was added.</summary>
    public sealed record NoRoom(PipelineException Refusal) : AddStepsOutcome;

    /// <summary>The cluster is terminating or terminated. Nothing was added.</summary>
    public sealed record ClusterEnded(PipelineException Refusal) : AddStepsOutcome;

    /// <summary>
    /// They were sent, and no answer came: all of them may be there, or none, or none yet. EMR would add them a second time if
    /// they were sent again: whoever gets this looks for them first.
    /// </summary>
    public sealed record Unknown(PipelineException Cause) : AddStepsOutcome;
}

/// <summary>Whether EMR has taken a wish to cancel a step. That it is cancelled is seen in its state, later, and not always.</summary>
/// <param name="Refusal">Null: taken. Else EMR's words, e.g. that it has ended.</param>
public sealed record EmrStepCancellation(string StepId, string? Refusal);

/// <summary>How a running step is ended.</summary>
public enum EmrStepCancellationOption
{
    /// <summary>Like Ctrl-C: it may clean up.</summary>
    SendInterrupt,

    /// <summary>At once.</summary>
    TerminateProcess,
}
