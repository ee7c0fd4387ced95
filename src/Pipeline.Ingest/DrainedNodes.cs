using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Sharding;
using Pipeline.Core;

namespace Pipeline.Ingest;

/// <summary>
/// Keeps shards from nodes that operators want drained, and has those that are there move to the others, all at once: whoever drains a node waits
/// for it. Where no other node can have them, or all others are paused, they stay. Which of the others gets one is decided by <paramref name="among"/>.
/// </summary>
internal sealed class DrainedNodes(IShardAllocationStrategy among, Holds holds) : IActorSystemDependentAllocationStrategy
{
    private Func<Address> _own = () => Address.AllSystems;

    public void Start(ActorSystem system)
    {
        var cluster = Cluster.Get(system);
        _own = () => cluster.SelfAddress;
        if (among is IActorSystemDependentAllocationStrategy dependent) dependent.Start(system);
    }

    public Task<IActorRef> AllocateShard(IActorRef requester, string shardId, IImmutableDictionary<IActorRef, IImmutableList<string>> currentShardAllocations) =>
        among.AllocateShard(requester, shardId, WithWork(currentShardAllocations));

    public Task<IImmutableSet<string>> Rebalance(IImmutableDictionary<IActorRef, IImmutableList<string>> currentShardAllocations, IImmutableSet<string> rebalanceInProgress)
    {
        var (with, drained) = (WithWork(currentShardAllocations), holds.Work.Drained);
        var leaving = currentShardAllocations.Where(region => !with.ContainsKey(region.Key) && drained.Contains(NodeOf(region.Key))).SelectMany(region => region.Value).Except(rebalanceInProgress).ToImmutableHashSet(StringComparer.Ordinal);
        return leaving.IsEmpty ? among.Rebalance(with, rebalanceInProgress) : Task.FromResult<IImmutableSet<string>>(leaving);
    }

    /// <summary>The regions that are to have shards while a node is drained: those of nodes that do not rest, and all where every node does.</summary>
    private IImmutableDictionary<IActorRef, IImmutableList<string>> WithWork(IImmutableDictionary<IActorRef, IImmutableList<string>> regions)
    {
        var work = holds.Work;
        if (work.Drained.IsEmpty) return regions;
        var with = regions.Where(region => !work.Nodes.Contains(NodeOf(region.Key))).ToImmutableDictionary();
        return with.IsEmpty ? regions : with;
    }

    private string NodeOf(IActorRef region)
    {
        var address = region.Path.Address.HasLocalScope ? _own() : region.Path.Address;
        return $"{address.Host}:{address.Port}";
    }
}
