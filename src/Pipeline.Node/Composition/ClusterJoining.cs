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

    private async ValueTask<string> FindLakeAsync(CancellationToken cancellationToken)
    {
        using var waiter = outages.Waiter();
        string? told = null;
        waiter.Asks();
        var id = await new RetryPolicy().RunAsync(time, lake.IdAsync, cancellationToken, isTransient: failure => failure is PipelineException, onFailure: attempt =>
        {
            var fault = Fault.Of($"Lake {lake.Store.Location}", attempt.Error!);
            if (fault.IsTransient) waiter.Failed(fault);
            else if (fault.Cause != told) log.LakeRefuses(fault);
            told = fault.Cause;
        });
        waiter.Answered();
        return id;
    }
}
