namespace Pipeline.Aws.Emr;

/// <summary>Where a cluster is.</summary>
public enum EmrClusterState
{
    /// <summary>A state that this program does not know: taken for one in which steps may run.</summary>
    Other,

    Starting,

    Bootstrapping,

    Running,

    Waiting,

    /// <summary>Steps may still run.</summary>
    Terminating,

    Terminated,

    TerminatedWithErrors,
}

public static class EmrClusterStates
{
    /// <summary>Whether no step of it runs or will run.</summary>
    public static bool IsTerminal(this EmrClusterState state) => state is EmrClusterState.Terminated or EmrClusterState.TerminatedWithErrors;

    /// <summary>Whether it takes steps.</summary>
    public static bool TakesSteps(this EmrClusterState state) => state is EmrClusterState.Starting or EmrClusterState.Bootstrapping or EmrClusterState.Running or EmrClusterState.Waiting;
}

/// <summary>A cluster as EMR describes it.</summary>
/// <param name="StateReason">Code and words, where EMR says why.</param>
/// <param name="LogUri">Where the logs of its steps are copied to, every few minutes; null: nowhere.</param>
/// <param name="ReleaseLabel">Such as <c>emr-6.15.0</c>.</param>
/// <param name="StepConcurrency">How many of its steps run at the same time.</param>
public sealed record EmrCluster(string Id, string Name, EmrClusterState State, string? StateReason, string? LogUri, string? ReleaseLabel, int StepConcurrency);
