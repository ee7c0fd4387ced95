using System.Globalization;
using Akka.Actor;
using Akka.Cluster.Sharding;

namespace Pipeline.Ingest.Worker;

/// <summary>
/// A table's workers, each once in the cluster: a shard of its own, on a node that is to have work. Nodes of the release before
/// have the same by Akka's own daemon process, under the same names, and share them with those of this.
/// </summary>
internal static class WorkerShards
{
    /// <summary>Of the daemon process: its settings, and what its types are called.</summary>
    private const string DaemonProcess = "sharded-daemon-process";

    public static void Start(ActorSystem system, IngestWorkerSetup setup, string role)
    {
        var name = $"ingest-{setup.Source.Name}-{setup.Table.Name}";
        var (sharding, settings, config) = (ClusterSharding.Get(system), ShardedDaemonProcessSettings.Create(system), system.Settings.Config.GetConfig($"akka.cluster.{DaemonProcess}.sharding"));
        var shards = ClusterShardingSettings.Create(config, system.Settings.Config.GetConfig(config.GetString("coordinator-singleton")))
            .WithRole(role).WithRememberEntities(false).WithPassivateIdleAfter(TimeSpan.Zero).WithStateStoreMode(StateStoreMode.DData);
        var region = sharding.Start($"{DaemonProcess}-{name}", worker => IngestWorkerActor.Props(setup, int.Parse(worker, CultureInfo.InvariantCulture)), shards, new WorkerExtractor(setup.Table.Workers),
            new DrainedNodes(sharding.DefaultShardAllocationStrategy(shards), setup.Holds), new StopWorker());
        system.ActorOf(WorkersAliveActor.Props(region, setup.Table.Workers, settings.KeepAliveInterval), $"keep-alive-{name}");
    }

    /// <summary>Nothing but its start is sent to a worker through the shards.</summary>
    private sealed class WorkerExtractor(int workers) : HashCodeMessageExtractor(workers)
    {
        public override string? EntityId(object message) => null;

        public override string ShardId(string entityId, object? messageHint = null) => entityId;
    }
}
