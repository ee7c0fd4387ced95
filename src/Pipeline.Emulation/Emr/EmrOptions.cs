namespace Pipeline.Emulation.Emr;

/// <summary>What the emulated account is like, how quick it is, and how the work of a step is done.</summary>
public sealed record EmrOptions
{
    public TimeProvider Time { get; init; } = TimeProvider.System;

    public EmrLog Log { get; init; } = new();

    /// <summary>Where clusters and steps are kept, so that a killed process goes on with them; null: in memory.</summary>
    public string? StateFile { get; init; }

    public string Region { get; init; } = "eu-central-1";

    public string Account { get; init; } = "000000000000";

    /// <summary>Steps of a cluster that are pending, running or being cancelled, at most.</summary>
    public int ActiveStepsMax { get; init; } = 256;

    /// <summary>The application of EMR Serverless that is there.</summary>
    public string Application { get; init; } = "00emulated00app1";

    /// <summary>Jobs of the application that have workers at once; others are queued.</summary>
    public int ServerlessJobsMax { get; init; } = 16;

    /// <summary>From an accepted step to its start, if there is room for it.</summary>
    public TimeSpan StepStartsAfter { get; init; }

    /// <summary>From an accepted step to its first appearance in a list.</summary>
    public TimeSpan StepShowsAfter { get; init; }

    /// <summary>From a cancellation to when the step is told.</summary>
    public TimeSpan CancelsAfter { get; init; }

    /// <summary>From STARTING to BOOTSTRAPPING, and from there to RUNNING or WAITING.</summary>
    public TimeSpan ClusterStartsAfter { get; init; }

    /// <summary>From an accepted cluster to its first appearance in a list.</summary>
    public TimeSpan ClusterShowsAfter { get; init; }

    /// <summary>From the end of a cluster's last step to TERMINATED.</summary>
    public TimeSpan ClusterEndsAfter { get; init; }

    /// <summary>Does what a step is to do, and ends when nothing of it runs any more, also when it is cancelled.</summary>
    public Func<EmrWork, Task<EmrOutcome>> Work { get; init; } = _ => Task.FromResult(EmrOutcome.Done);

    /// <summary>Waits until nothing runs any more of a step that a former process had begun.</summary>
    public Action<string> EndLeftOver { get; init; } = _ => { };
}

/// <summary>A step that is to be done.</summary>
/// <param name="LogUri">The directory of its logs; null: the cluster keeps none.</param>
/// <param name="Cancelled">Somebody wants it to end.</param>
public sealed record EmrWork(string Cluster, string Step, string Name, string Jar, IReadOnlyList<string> Args, string? LogUri, CancellationToken Cancelled)
{
    /// <summary>The value behind a flag of its arguments; null: it is not there.</summary>
    public string? Argument(string flag) => EmrStep.Argument(Args, flag);
}

/// <summary>How a step's work has ended.</summary>
/// <param name="Reason">EMR's word for a failure that it knows; null: it knows none.</param>
public sealed record EmrOutcome(int ExitCode, string? Reason = null, string? Message = null)
{
    public static readonly EmrOutcome Done = new(0);
}
