using Pipeline.Core;

namespace Pipeline.Aws.EmrServerless;

/// <summary>Where a job run is.</summary>
public enum EmrJobRunState
{
    /// <summary>A state that this program does not know: taken for one in which the job may run.</summary>
    Other,

    Submitted,

    /// <summary>The application runs as many jobs as it may.</summary>
    Queued,

    Pending,

    /// <summary>It waits for the capacity that it needs to begin.</summary>
    Scheduled,

    Running,

    Success,

    Failed,

    /// <summary>It is being cancelled, or has run out of time, and may still run.</summary>
    Cancelling,

    Cancelled,
}

public static class EmrJobRunStates
{
    /// <summary>Whether a job in it never runs again.</summary>
    public static bool IsTerminal(this EmrJobRunState state) => state is EmrJobRunState.Success or EmrJobRunState.Failed or EmrJobRunState.Cancelled;

    /// <summary>Whether a job in it has not begun.</summary>
    public static bool IsWaiting(this EmrJobRunState state) => state is EmrJobRunState.Submitted or EmrJobRunState.Queued or EmrJobRunState.Pending or EmrJobRunState.Scheduled;
}

/// <summary>A Spark job to be started, in one attempt: trying again is the caller's.</summary>
/// <param name="Name">At most 256 characters.</param>
/// <param name="ClientToken">
/// 1 to 64 letters, digits, dots, dashes and underscores. However often a job is started with one, it is one job: the answer is
/// always the same.
/// </param>
/// <param name="ExecutionRoleArn">The role that the job runs as.</param>
/// <param name="EntryPoint">Where the program is.</param>
/// <param name="SparkSubmitParameters">As on a command line of <c>spark-submit</c>; empty: none.</param>
public sealed record NewEmrJobRun(string Name, string ClientToken, string ExecutionRoleArn, string EntryPoint, IReadOnlyList<string> Arguments, string SparkSubmitParameters)
{
    /// <summary>The longest policy that EMR Serverless takes.</summary>
    public const int PolicyLengthMax = 2_048;

    /// <summary>A policy as JSON, at most <see cref="PolicyLengthMax"/> characters: the job has what both it and the role allow. Null: what the role allows.</summary>
    public string? Policy { get; init; }

    /// <summary>How long it may run, in whole minutes; null: AWS's own limit, 12 hours.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Where its logs are written to, an address in S3; null: only where AWS keeps them by itself.</summary>
    public string? LogUri { get; init; }
}

/// <summary>What became of a job that was to be started. Any other refusal is thrown: it was not started.</summary>
public abstract record StartJobOutcome
{
    private StartJobOutcome()
    {
    }

    public sealed record Started(string JobRunId) : StartJobOutcome;

    /// <summary>The account or the application has as many jobs, or as much capacity in use, as it may have. It was not started.</summary>
    public sealed record NoRoom(PipelineException Refusal) : StartJobOutcome;

    /// <summary>Whether it was started is not known; starting it with the same token is safe.</summary>
    public sealed record Unknown(PipelineException Cause) : StartJobOutcome;
}

/// <summary>What a job was billed, or has used.</summary>
/// <param name="StorageGbHours">Beyond the 20 GB that each worker has for nothing.</param>
public sealed record EmrResources(double VcpuHours, double MemoryGbHours, double StorageGbHours);

/// <summary>A job run as it is listed.</summary>
/// <param name="StateDetails">What AWS has to say about the state, at most 256 characters.</param>
public sealed record EmrJobRunSummary(string Id, string Name, EmrJobRunState State, string? StateDetails, DateTimeOffset CreatedAt);

/// <summary>A job run as it is described.</summary>
/// <param name="StateDetails">What AWS has to say about the state, at most 256 characters.</param>
public sealed record EmrJobRun(string Id, string Name, EmrJobRunState State, string? StateDetails, IReadOnlyList<string> Arguments, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>What it costs; null: not known yet, as it comes some time after the end.</summary>
    public EmrResources? Billed { get; init; }

    /// <summary>What it has used of that; null: not known yet.</summary>
    public EmrResources? Used { get; init; }

    /// <summary>Where its logs are written to; null: nowhere in S3.</summary>
    public string? LogUri { get; init; }
}

/// <summary>An application: what jobs run in.</summary>
/// <param name="State">As AWS calls it, e.g. <c>STARTED</c>.</param>
/// <param name="CpuMax">What all its jobs may have together, e.g. <c>400 vCPU</c>; null: no limit of its own.</param>
/// <param name="MemoryMax">As <paramref name="CpuMax"/>, e.g. <c>3000 GB</c>.</param>
public sealed record EmrApplication(string Id, string State, string? StateDetails, string? ReleaseLabel, string? CpuMax, string? MemoryMax);
