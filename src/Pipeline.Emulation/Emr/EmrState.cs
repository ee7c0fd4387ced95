using System.Collections.Immutable;

namespace Pipeline.Emulation.Emr;

/// <summary>A step as EMR keeps it.</summary>
internal sealed record EmrStep
{
    /// <summary>Of all steps of the account, in the order in which they were accepted.</summary>
    public required long Number { get; init; }

    public required string Id { get; init; }

    public required string Cluster { get; init; }

    public required string Name { get; init; }

    public required string Jar { get; init; }

    public string? MainClass { get; init; }

    public ImmutableArray<string> Args { get; init; } = [];

    public ImmutableDictionary<string, string> Properties { get; init; } = ImmutableDictionary<string, string>.Empty;

    public required string ActionOnFailure { get; init; }

    public string? ExecutionRole { get; init; }

    public required string State { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    public string? Change { get; init; }

    public string? FailureReason { get; init; }

    public string? FailureMessage { get; init; }

    public string? LogFile { get; init; }

    /// <summary>The SHA-256 of the document that it is given.</summary>
    public string? Document => Argument(Args, "--sha256");

    public bool IsActive => State is StepState.Pending or StepState.Running or StepState.CancelPending;

    public static string? Argument(IReadOnlyList<string> args, string flag)
    {
        for (var i = 0; i + 1 < args.Count; i++)
            if (args[i] == flag) return args[i + 1];
        return null;
    }
}

/// <summary>A cluster as EMR keeps it.</summary>
internal sealed record EmrCluster
{
    /// <summary>Of all clusters of the account, in the order in which they were started; 0 of a state file of the release before.</summary>
    public long Number { get; init; }

    public required string Id { get; init; }

    public required string Name { get; init; }

    public required string State { get; init; }

    public string? ChangeCode { get; init; }

    public string? Change { get; init; }

    public string? Release { get; init; }

    public string? LogUri { get; init; }

    public string? ServiceRole { get; init; }

    public ImmutableArray<string> Applications { get; init; } = [];

    public ImmutableDictionary<string, string> Tags { get; init; } = ImmutableDictionary<string, string>.Empty;

    public int StepConcurrency { get; init; } = 1;

    /// <summary>Why it will not start; null: it will.</summary>
    public string? StartFailure { get; init; }

    /// <summary>Whether it ends when it has nothing to do.</summary>
    public bool EndsWithoutSteps { get; init; }

    /// <summary>How long it may have nothing to do; null: for ever.</summary>
    public TimeSpan? IdleTimeout { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? ReadyAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    public bool TakesSteps => State is ClusterState.Starting or ClusterState.Bootstrapping or ClusterState.Running or ClusterState.Waiting;

    public bool RunsSteps => State is ClusterState.Running or ClusterState.Waiting;

    public bool HasEnded => State is ClusterState.Terminated or ClusterState.TerminatedWithErrors;
}

internal static class StepState
{
    public const string Pending = "PENDING";
    public const string CancelPending = "CANCEL_PENDING";
    public const string Running = "RUNNING";
    public const string Completed = "COMPLETED";
    public const string Cancelled = "CANCELLED";
    public const string Failed = "FAILED";
    public const string Interrupted = "INTERRUPTED";

    public static readonly ImmutableArray<string> All = [Pending, CancelPending, Running, Completed, Cancelled, Failed, Interrupted];
}

internal static class ClusterState
{
    public const string Starting = "STARTING";
    public const string Bootstrapping = "BOOTSTRAPPING";
    public const string Running = "RUNNING";
    public const string Waiting = "WAITING";
    public const string Terminating = "TERMINATING";
    public const string Terminated = "TERMINATED";
    public const string TerminatedWithErrors = "TERMINATED_WITH_ERRORS";

    public static readonly ImmutableArray<string> All = [Starting, Bootstrapping, Running, Waiting, Terminating, Terminated, TerminatedWithErrors];
}
