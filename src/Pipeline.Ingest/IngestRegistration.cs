using Akka;
using Akka.Actor;
using Akka.Hosting;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Delta;
using Pipeline.Ingest.Committer;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest;

public static class IngestRegistration
{
    /// <summary>The role of nodes on which workers and committers run.</summary>
    public const string Role = "ingest";

    /// <summary>
    /// Brings every table of <paramref name="sources"/> into the lake's Bronze layer, on the nodes of the cluster that have
    /// the role <see cref="Role"/>. Needs <c>hocon/akka.conf</c> and clustering with that role. Register it with the same
    /// sources on every such node. The node's <see cref="IngestMonitorActor"/> is in the actor registry.
    /// </summary>
    /// <param name="outages">The node's: says what is away.</param>
    /// <param name="only">Nothing is read for other tables; null: there are none.</param>
    /// <param name="holds">The node's: what operators want held; null: nobody wants anything.</param>
    /// <remarks>Coordinated shutdown drains the node's workers before it leaves the cluster.</remarks>
    public static AkkaConfigurationBuilder WithIngest(this AkkaConfigurationBuilder builder, IngestOptions options, Lake lake,
        IReadOnlyList<ISource> sources, OutageWatch outages, TimeProvider time, IReadOnlySet<TableId>? only = null, Holds? holds = null)
    {
        holds ??= new Holds();
        var budget = new ByteBudget(options.BufferBytesMax);
        var meter = new IngestMeter(budget);
        return builder
            .AddIngestSerializer()
            .AddStartup((system, _) => system.RegisterOnTermination(meter.Dispose))
            .WithBronzeCommitters(lake, options, outages, meter, time, Role, holds)
            .WithIngestWorkers(options, lake, sources, budget, meter, outages, time, only, holds);
    }

    /// <summary>For a node that has not the role <see cref="Role"/>: it understands what the others announce.</summary>
    public static AkkaConfigurationBuilder WithIngestElsewhere(this AkkaConfigurationBuilder builder) => builder.AddIngestSerializer();

    /// <summary>The workers alone; they speak to whatever is registered as <see cref="BronzeCommitters"/>.</summary>
    internal static AkkaConfigurationBuilder WithIngestWorkers(this AkkaConfigurationBuilder builder, IngestOptions options, Lake lake,
        IReadOnlyList<ISource> sources, ByteBudget budget, IngestMeter meter, OutageWatch outages, TimeProvider time, IReadOnlySet<TableId>? only, Holds holds) =>
        builder.WithActors((system, registry) =>
        {
            var monitor = system.ActorOf(IngestMonitorActor.Props(budget, meter, holds), "ingest-monitor");
            registry.Register<IngestMonitorActor>(monitor);
            DrainBeforeLeaving(system, monitor, options.DrainTimeout);

            var committers = registry.Get<BronzeCommitters>();
            foreach (var source in sources)
                foreach (var table in source.Tables.Where(table => only?.Contains(TableId.Bronze(source.Name, table.Name)) != false))
                    WorkerShards.Start(system, new IngestWorkerSetup(source, table, lake, committers, monitor, options, budget, meter, outages, time) { Holds = holds }, Role);
        });

    private static void DrainBeforeLeaving(ActorSystem system, IActorRef monitor, TimeSpan timeout) =>
        CoordinatedShutdown.Get(system).AddTask(CoordinatedShutdown.PhaseBeforeClusterShutdown, "drain-ingest", async () =>
        {
            await monitor.Ask<NodeDrained>(new DrainNode(), timeout + TimeSpan.FromSeconds(5));
            return Done.Instance;
        });
}
