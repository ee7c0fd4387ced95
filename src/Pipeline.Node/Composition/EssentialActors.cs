using Akka.Actor;
using Akka.Cluster.Sharding;

namespace Pipeline.Node.Composition;

/// <summary>
/// The actors without which a node runs and does not do its work. Their supervisors start them again; one that is gone all the
/// same ends the node, so that whoever runs nodes starts it anew.
/// </summary>
internal static class EssentialActors
{
    private static readonly TimeSpan LeavingIsKnownAfter = TimeSpan.FromSeconds(3);

    private static readonly string[] Names = ["membership", "dead-nodes", "ingest-monitor", "medallion-coordinator", "job-runners", "control-monitor", "pipeline-control"];

    /// <summary>Done, with its path, when one is gone though nobody stops the node.</summary>
    public static async Task<string> FirstGoneAsync(ActorSystem system)
    {
        var guardian = ((ExtendedActorSystem)system).Provider.Guardian;
        var sharding = ClusterSharding.Get(system);
        var actors = Names.Select(guardian.GetSingleChild).Where(actor => !actor.IsNobody()).Cast<IActorRef>().Concat(sharding.ShardTypeNames.Select(sharding.ShardRegion)).ToList();
        var ended = actors.Select(async actor =>
        {
            await actor.WatchAsync();
            return actor;
        }).ToList();
        var gone = await await Task.WhenAny(ended);
        // A node that is taken out of the cluster loses them before it knows why.
        await Task.WhenAny(system.WhenTerminated, Task.Delay(LeavingIsKnownAfter));
        var isLeaving = system.WhenTerminated.IsCompleted || CoordinatedShutdown.Get(system).ShutdownReason is not null || Akka.Cluster.Cluster.Get(system).IsTerminated;
        if (!isLeaving) return gone.Path.ToStringWithoutAddress();

        // A node that leaves takes them with it.
        return await new TaskCompletionSource<string>().Task;
    }
}
