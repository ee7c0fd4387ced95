using System.Collections.Immutable;
using Pipeline.Aws.Emr;
using Pipeline.Core;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>Which clusters steps are added to and looked for in. Thread-safe.</summary>
internal interface IStepClusters
{
    /// <summary>The one that takes steps now. Comes back soon: a submission that waits for long comes too late.</summary>
    /// <exception cref="PipelineException">None can be had.</exception>
    ValueTask<CurrentCluster> CurrentAsync(CancellationToken cancellationToken);

    /// <summary>Those that may have steps of ours that have not ended, or were added after a time.</summary>
    ValueTask<ImmutableArray<string>> WithStepsAsync(DateTimeOffset since, CancellationToken cancellationToken);

    /// <summary>The current one takes no steps any more.</summary>
    /// <returns>What people have to mend; null: the next current one is another.</returns>
    PipelineException? Ended(EmrCluster cluster, PipelineException refusal);
}

/// <summary>The cluster that takes steps now.</summary>
internal abstract record CurrentCluster
{
    private CurrentCluster()
    {
    }

    public sealed record Takes(string Id) : CurrentCluster;

    /// <summary>There is none yet.</summary>
    /// <param name="Why">Without a full stop.</param>
    public sealed record None(string Why) : CurrentCluster;
}

/// <summary>A cluster that somebody else has made.</summary>
internal sealed class ConfiguredCluster(EmrStepOptions options) : IStepClusters
{
    private readonly string _id = options.ClusterId ?? throw new InvalidOperationException("No cluster is named.");

    public ValueTask<CurrentCluster> CurrentAsync(CancellationToken cancellationToken) => ValueTask.FromResult<CurrentCluster>(new CurrentCluster.Takes(_id));

    public ValueTask<ImmutableArray<string>> WithStepsAsync(DateTimeOffset since, CancellationToken cancellationToken) => ValueTask.FromResult(ImmutableArray.Create(_id));

    public PipelineException Ended(EmrCluster cluster, PipelineException refusal) =>
        new(FaultKind.Missing, $"EMR cluster {cluster.Id} in {options.Aws.Region}", $"it is {cluster.State} and takes no steps{(cluster.StateReason is { } reason ? $" ({reason.TrimEnd('.')})" : "")}",
            "Start another cluster and write its id into transform.emr.cluster-id.", refusal);
}
