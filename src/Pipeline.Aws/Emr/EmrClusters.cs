using Pipeline.Core;

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
    /// <summary>Those in which a cluster runs steps or may run them yet: all but the terminal ones.</summary>
    public static readonly IReadOnlyList<EmrClusterState> Active =
        [EmrClusterState.Starting, EmrClusterState.Bootstrapping, EmrClusterState.Running, EmrClusterState.Waiting, EmrClusterState.Terminating];

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

/// <summary>A cluster as EMR lists it.</summary>
/// <param name="StateReason">Code and words, where EMR says why.</param>
/// <param name="ReadyAt">When it could run steps; null: not yet, or never.</param>
public sealed record EmrClusterSummary(string Id, string Name, EmrClusterState State, string? StateReason, DateTimeOffset? CreatedAt = null, DateTimeOffset? ReadyAt = null, DateTimeOffset? EndedAt = null);

/// <summary>A cluster to be started: a primary instance and others of the same kind. It stays when it has no steps.</summary>
/// <param name="Name">At most 256 characters.</param>
/// <param name="ReleaseLabel">Such as <c>emr-6.15.0</c>.</param>
/// <param name="Instances">With the primary one.</param>
public sealed record NewEmrCluster(string Name, string ReleaseLabel, string InstanceType, int Instances)
{
    /// <summary>Such as <c>Spark</c>.</summary>
    public IReadOnlyList<string> Applications { get; init; } = [];

    /// <summary>The role that EMR itself acts as.</summary>
    public required string ServiceRole { get; init; }

    /// <summary>The profile with the role of the instances.</summary>
    public required string InstanceProfile { get; init; }

    /// <summary>Null: one of the account's default network.</summary>
    public string? SubnetId { get; init; }

    /// <summary>Of the primary instance; null: EMR's own.</summary>
    public string? PrimarySecurityGroup { get; init; }

    /// <summary>Of the others; null: EMR's own.</summary>
    public string? CoreSecurityGroup { get; init; }

    /// <summary>By which EMR reaches instances of a private subnet; null: EMR's own.</summary>
    public string? ServiceSecurityGroup { get; init; }

    /// <summary>Where logs are copied to; null: nowhere.</summary>
    public string? LogUri { get; init; }

    /// <summary>Properties by classification, such as <c>delta-defaults</c>.</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> Configurations { get; init; } = new Dictionary<string, IReadOnlyDictionary<string, string>>(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, string> Tags { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Steps that run at the same time, 1 to 256.</summary>
    public int StepConcurrency { get; init; } = 1;

    /// <summary>It ends when it had nothing to do for so long, 1 min to 7 days; null: it stays until somebody ends it.</summary>
    public TimeSpan? IdleTimeout { get; init; }

    /// <summary>Null: it keeps its size.</summary>
    public EmrScalingLimits? Scaling { get; init; }
}

/// <summary>Between what EMR itself resizes a cluster, in instances beside the primary one.</summary>
/// <param name="CoreMax">At most so many that hold HDFS; the others can leave at any time. Null: all.</param>
public sealed record EmrScalingLimits(int Min, int Max, int? CoreMax = null);

/// <summary>What became of a cluster that was to be started. A refusal is thrown: it was not.</summary>
public abstract record StartClusterOutcome
{
    private StartClusterOutcome()
    {
    }

    public sealed record Started(string ClusterId) : StartClusterOutcome;

    /// <summary>
    /// It was sent, and no answer came: it may be there, or not, or not yet. EMR would start a second one if it were sent again:
    /// whoever gets this looks for it by its name.
    /// </summary>
    public sealed record Unknown(PipelineException Cause) : StartClusterOutcome;
}
