using System.Collections.Immutable;

namespace Pipeline.Emulation.Emr.Serverless;

/// <summary>A job run as EMR Serverless keeps it.</summary>
internal sealed record ServerlessJob
{
    /// <summary>Of all job runs of the account, in the order in which they were started.</summary>
    public required long Number { get; init; }

    public required string Id { get; init; }

    public required string Application { get; init; }

    public required string ClientToken { get; init; }

    /// <summary>The request that it was started with, by which a repeated one is known.</summary>
    public required string Request { get; init; }

    public string? Name { get; init; }

    public required string ExecutionRole { get; init; }

    public required string EntryPoint { get; init; }

    public ImmutableArray<string> Arguments { get; init; } = [];

    public string? Parameters { get; init; }

    public string? Policy { get; init; }

    public string? LogUri { get; init; }

    public long? TimeoutMinutes { get; init; }

    public required string State { get; init; }

    public string Details { get; init; } = "-";

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    public bool HasEnded => State is JobState.Success or JobState.Failed or JobState.Cancelled;

    /// <summary>What its process is given, as a step of a cluster would be.</summary>
    public IReadOnlyList<string> Command => ["spark-submit", .. (Parameters ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries), EntryPoint, .. Arguments];
}

internal static class JobState
{
    public const string Submitted = "SUBMITTED";
    public const string Pending = "PENDING";
    public const string Scheduled = "SCHEDULED";
    public const string Running = "RUNNING";
    public const string Success = "SUCCESS";
    public const string Failed = "FAILED";
    public const string Cancelling = "CANCELLING";
    public const string Cancelled = "CANCELLED";
    public const string Queued = "QUEUED";
}
