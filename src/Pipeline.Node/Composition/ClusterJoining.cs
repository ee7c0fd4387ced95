using Akka.Actor;
using Akka.Cluster;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Operations.Options;
using Pipeline.Remoting.Joining;

namespace Pipeline.Node.Composition;

/// <summary>
/// Takes a node into its cluster, as a node of its pipeline. With seed nodes it first asks the lake for its id, for as long as it
/// takes; without, it starts a cluster of its own at once, and others may join it when the lake has answered.
/// </summary>
internal sealed class ClusterJoining(PipelineOptions options, Lake lake, OutageWatch outages, TimeProvider time, ILogger log) : IDisposable
{
    private readonly CancellationTokenSource _stopping = new();

    public PipelineIdentity Identity { get; } = new(options.Name, takesUnnamed: options.Cluster is { IsLoopback: true, Tls: null });

    public void Start(ActorSystem system)
    {
        var cluster = Cluster.Get(system);
        if (options.Cluster.SeedNodes.Count == 0) cluster.Join(cluster.SelfAddress);
        Background.Start(async cancel =>
        {
            Identity.Found(await FindLakeAsync(cancel));
            if (options.Cluster.SeedNodes.Count > 0) cluster.JoinSeedNodes(options.Cluster.SeedNodes.Select(seed => Address.Parse($"{cluster.SelfAddress.Protocol}://{system.Name}@{seed}")));
        }, failure =>
        {
            if (failure is not null) log.LakeUnknown(failure, lake.Store.Location);
        }, _stopping.Token);
    }

    public void Dispose() => _stopping.Cancel();

    private ValueTask<string> FindLakeAsync(CancellationToken cancellationToken) =>
        new LakeQuestion(lake, outages, time).AskAsync(lake.IdAsync, log.LakeRefuses, fault => log.LakeAnswers(fault.Cause), cancellationToken);
}
