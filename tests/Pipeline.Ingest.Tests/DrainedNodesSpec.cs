using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster.Sharding;
using Pipeline.Core;

namespace Pipeline.Ingest.Tests;

/// <summary>Where shards are put when operators want nodes drained.</summary>
public sealed class DrainedNodesSpec
{
    private static readonly IActorRef One = new Region("10.0.0.1");
    private static readonly IActorRef Other = new Region("10.0.0.2");

    private readonly Holds _holds = new();
    private readonly Among _among = new();

    private DrainedNodes Nodes => new(_among, _holds);

    [Fact]
    public async Task A_drained_node_gets_no_shard()
    {
        Drain("10.0.0.1:4053");

        Assert.Equal(Other, await Nodes.AllocateShard(One, "9", Regions));
        Assert.Equal([Other], _among.Seen);
    }

    [Fact]
    public async Task All_shards_of_a_drained_node_move_but_for_those_that_do_already()
    {
        Drain("10.0.0.1:4053");

        Assert.Equal(["1", "3"], (await Nodes.Rebalance(Regions, ["2"])).Order(StringComparer.Ordinal));
        Assert.Empty(_among.Seen);
    }

    [Fact]
    public async Task What_is_left_is_divided_among_the_others()
    {
        Drain("10.0.0.1:4053");

        Assert.Equal(["4"], await Nodes.Rebalance(Regions.SetItem(One, ImmutableList<string>.Empty), []));
        Assert.Equal([Other], _among.Seen);
    }

    [Fact]
    public async Task Where_every_node_is_drained_shards_stay_where_they_are()
    {
        Drain("10.0.0.1:4053", "10.0.0.2:4053");

        Assert.Equal(["1"], await Nodes.Rebalance(Regions, []));
        Assert.Equal(2, _among.Seen.Count);
        Assert.Contains(await Nodes.AllocateShard(One, "9", Regions), Regions.Keys);
    }

    [Fact]
    public async Task Nothing_moves_to_a_node_that_is_paused_and_nothing_from_it()
    {
        var free = new Region("10.0.0.3");
        var regions = Regions.Add(free, ImmutableList.Create("5", "6", "7", "8"));
        _holds.Set(HeldWork.None with { Nodes = ["10.0.0.1:4053", "10.0.0.2:4053"], Drained = ["10.0.0.1:4053"] }, "10.0.0.3:4053");

        Assert.Equal(free, await Nodes.AllocateShard(One, "9", regions));
        Assert.Equal(["1", "2", "3"], (await Nodes.Rebalance(regions, [])).Order(StringComparer.Ordinal));
        Assert.Equal(["1"], await Nodes.Rebalance(Regions, []));
        Assert.Equal(2, _among.Seen.Count);
    }

    [Fact]
    public async Task A_node_that_is_paused_keeps_its_shards()
    {
        _holds.Set(HeldWork.None with { Nodes = ["10.0.0.1:4053"] }, "10.0.0.2:4053");

        Assert.Equal(["1"], await Nodes.Rebalance(Regions, []));
        Assert.Equal(2, _among.Seen.Count);
    }

    private static IImmutableDictionary<IActorRef, IImmutableList<string>> Regions => ImmutableDictionary<IActorRef, IImmutableList<string>>.Empty
        .Add(One, ImmutableList.Create("1", "2", "3")).Add(Other, ImmutableList.Create("4"));

    private void Drain(params string[] nodes) => _holds.Set(HeldWork.None with { Nodes = [.. nodes], Drained = [.. nodes] }, "10.0.0.2:4053");

    /// <summary>Gives to whoever has least, and takes from the first that has something.</summary>
    private sealed class Among : IShardAllocationStrategy
    {
        public IReadOnlyList<IActorRef> Seen { get; private set; } = [];

        public Task<IActorRef> AllocateShard(IActorRef requester, string shardId, IImmutableDictionary<IActorRef, IImmutableList<string>> currentShardAllocations)
        {
            Seen = [.. currentShardAllocations.Keys];
            return Task.FromResult(currentShardAllocations.MinBy(region => region.Value.Count).Key);
        }

        public Task<IImmutableSet<string>> Rebalance(IImmutableDictionary<IActorRef, IImmutableList<string>> currentShardAllocations, IImmutableSet<string> rebalanceInProgress)
        {
            Seen = [.. currentShardAllocations.Keys];
            return Task.FromResult<IImmutableSet<string>>([currentShardAllocations.SelectMany(region => region.Value).Min(StringComparer.Ordinal)!]);
        }
    }

#pragma warning disable MA0097 // Comparison operators: references are compared for equality only.
    private sealed class Region(string host) : MinimalActorRef
#pragma warning restore MA0097
    {
        public override ActorPath Path { get; } = new RootActorPath(new Address("akka.tcp", "pipeline", host, 4053)) / "system" / "sharding" / "tables";

        public override IActorRefProvider Provider => throw new NotSupportedException();
    }
}
