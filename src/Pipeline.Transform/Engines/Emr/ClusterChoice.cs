using System.Collections.Immutable;
using Pipeline.Aws.Emr;
using Pipeline.Core;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>
/// What the clusters that EMR lists mean for the one that a pipeline shall have: pure functions. A cluster is to <see cref="RemoteRun"/> what an
/// execution is of a run that never ends: claimed, searched for and never started beside another that takes steps.
/// </summary>
internal static class ClusterChoice
{
    /// <summary>All clusters of a pipeline are of use for all its runs, however they were configured when they were started.</summary>
    public const string Document = "cluster";

    /// <summary>After a cluster that has not come up: each costs something, and what keeps it from starting seldom goes by itself.</summary>
    private static readonly RetryPolicy StartAgain = new() { BackoffMin = TimeSpan.FromMinutes(5), BackoffMax = TimeSpan.FromHours(1), Jitter = 0 };

    /// <summary>How far back clusters that have not come up count.</summary>
    public static readonly TimeSpan FailuresMax = TimeSpan.FromDays(1);

    /// <summary>What was drawn for a cluster, out of its name; null: it is none of this pipeline's.</summary>
    /// <param name="name">The pipeline's and the lake's.</param>
    public static string? DrawnOf(string name, string clusterName) =>
        clusterName.StartsWith(name + "/", StringComparison.Ordinal) && clusterName[(name.Length + 1)..] is { Length: > 0 } drawn && drawn.All(char.IsAsciiLetterOrDigit) ? drawn : null;

    /// <summary>
    /// One that takes steps alone: somebody who has copied a cluster in the console has two of a name, and the second ends by itself when it
    /// has nothing to do. Otherwise all that there is.
    /// </summary>
    /// <param name="ours">By what was drawn for them.</param>
    public static ImmutableArray<FoundExecution> Found(IEnumerable<(string Drawn, EmrClusterSummary Cluster)> ours)
    {
        var all = ours.ToList();
        var usable = all.Where(pair => pair.Cluster.State.TakesSteps()).OrderBy(pair => pair.Cluster.CreatedAt).ThenBy(pair => pair.Cluster.Id, StringComparer.Ordinal).Take(1).ToList();
        return [.. (usable.Count > 0 ? usable : all).Select(pair => new FoundExecution(new JobHandle(EmrStepEngine.Named, pair.Drawn, pair.Cluster.Id), StageOf(pair.Cluster.State), Document, pair.Cluster.CreatedAt ?? default))];
    }

    /// <summary>The last cluster if it has not come up, and when another may be started; null: now.</summary>
    public static (EmrClusterSummary Failed, DateTimeOffset Again)? AfterFailure(IEnumerable<EmrClusterSummary> ours, DateTimeOffset now)
    {
        var failures = ours.Where(cluster => cluster.State.IsTerminal() && cluster.EndedAt is not null).OrderByDescending(cluster => cluster.EndedAt)
            .TakeWhile(cluster => cluster is { State: EmrClusterState.TerminatedWithErrors, ReadyAt: null } && now - cluster.EndedAt < FailuresMax).ToList();
        if (failures.Count == 0) return null;
        var again = failures[0].EndedAt!.Value + StartAgain.Delay(failures.Count);
        return again > now ? (failures[0], again) : null;
    }

    private static ExecutionStage StageOf(EmrClusterState state) => state switch
    {
        EmrClusterState.Starting or EmrClusterState.Bootstrapping => ExecutionStage.Pending,
        EmrClusterState.Running or EmrClusterState.Waiting => ExecutionStage.Running,
        EmrClusterState.Terminated or EmrClusterState.TerminatedWithErrors => ExecutionStage.Failed,
        // One that ends, or whose state is not known, takes no steps, and those that it has may write.
        _ => ExecutionStage.Cancelling,
    };
}
