using Akka.Actor;
using Akka.Cluster.Sharding;
using Akka.Hosting;
using Pipeline.Core;
using Pipeline.Delta;

namespace Pipeline.Ingest.Committer;

/// <summary>The key of the committers' shard region in the actor registry.</summary>
public sealed class BronzeCommitters;

public static class BronzeCommitterRegistration
{
    /// <summary>Starts the shard region with one committer per Bronze table, each made when first spoken to.</summary>
    /// <param name="role">Nodes without this role only send to the committers.</param>
    /// <param name="holds">The node's: committers move away from nodes that operators want drained.</param>
    public static AkkaConfigurationBuilder WithBronzeCommitters(this AkkaConfigurationBuilder builder, Lake lake, IngestOptions options,
        OutageWatch outages, IngestMeter meter, TimeProvider time, string role, Holds holds) =>
        builder.WithActors((system, registry) =>
        {
            var sharding = ClusterSharding.Get(system);
            var settings = ClusterShardingSettings.Create(system).WithRole(role).WithStateStoreMode(StateStoreMode.DData).WithRememberEntities(false)
                // A committer costs a snapshot; opening it again costs a reading of the log.
                .WithPassivateIdleAfter(TimeSpan.Zero);
            registry.Register<BronzeCommitters>(sharding.Start("bronze-committer", table => BronzeCommitterActor.Props(TableId.Parse(table.Replace(TableSeparator, '/')), lake, options, outages, meter, time),
                settings, new TableExtractor(), new DrainedNodes(sharding.DefaultShardAllocationStrategy(settings), holds), PoisonPill.Instance));
        });

    // Entity ids become parts of actor paths.
    private const char TableSeparator = '~';

    private sealed class TableExtractor() : HashCodeMessageExtractor(maxNumberOfShards: 64)
    {
        public override string? EntityId(object message) => (message as IBronzeCommand)?.Table.ToString().Replace('/', TableSeparator);
    }
}
