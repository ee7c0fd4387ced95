using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Hosting;
using Akka.Event;
using Akka.Hosting;
using Akka.Pattern;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Ingest;
using Pipeline.Operations.Options;
using Pipeline.Transform.Coordination;

namespace Pipeline.Operations.Control;

/// <summary>What a node brings to what operators want of it.</summary>
/// <param name="Release">Of its program.</param>
/// <param name="Restart">Called when an operator wants the node started again.</param>
/// <param name="Leave">Called when an operator wants it to end.</param>
/// <param name="Log">How much the node's log tells.</param>
/// <param name="Control">Of the lake; the singleton reads and writes by it where it is on this node.</param>
public sealed record ControlServices(PipelineOptions Options, Lake Lake, LakeControl Control, IReadOnlyList<ISource> Sources, Holds Holds, CoordinatorBoard Board, StandingTables Standing, OutageWatch Outages, string Release, Action Restart, Action Leave, ILogLevels Log, TimeProvider Time);

public static class ControlRegistration
{
    private const string SingletonName = "pipeline-control";

    /// <summary>Of the node's monitor below <c>/user</c>.</summary>
    private const string MonitorName = "control-monitor";

    private static readonly TimeSpan AtStartMax = TimeSpan.FromSeconds(10);

    /// <summary>The pace at which a singleton that has failed is made again; its defects are in the log.</summary>
    private static readonly RetryPolicy Restarting = new() { BackoffMin = TimeSpan.FromSeconds(1), BackoffMax = TimeSpan.FromMinutes(1), Jitter = 0.2 };

    /// <summary>
    /// Has the cluster do what operators want, by a singleton that may be on any node, and this node report to it. Register it behind what
    /// works on this node.
    /// </summary>
    public static AkkaConfigurationBuilder WithControl(this AkkaConfigurationBuilder akka, ControlServices services)
    {
        var (options, lake, time) = (services.Options, services.Lake, services.Time);
        return akka
            .AddControlSerializer()
            .WithSingleton<ControlActor>(SingletonName, (system, registry, _) =>
            {
                var work = new PipelineOrderWork(registry.Get<MedallionCoordinatorActor>(), services.Sources, lake, options.Graph, options.Transform, time);
                var events = new EventRecord(lake, time);
                system.RegisterOnTermination(events.Dispose);
                var log = Logging.GetLogger(system, SingletonName);
                var schedules = new ScheduleWatch(lake, work, time, (table, failure) => log.Warning("Table {0}: whether its time has come cannot be told: {1}", table, Fault.Of($"Table {table}", failure)));
                return Supervised(ControlActor.Props(new ControlSetup(services.Control, new OrderRunner(lake, work, time), schedules, events, NodeNames.Of(Cluster.Get(system).SelfAddress), services.Outages, time)));
            }, new ClusterSingletonOptions())
            .WithActors((system, registry) =>
            {
                var node = NodeNames.Of(Cluster.Get(system).SelfAddress);
                var knows = ConfigurationPrint.OfTables(options);
                var cluster = Cluster.Get(system);
                services.Holds.AwaitComparison(() => cluster.State.Members.Any(member => member.UniqueAddress != cluster.SelfUniqueAddress && member.HasRole(IngestRegistration.Role)));
                var facts = new NodeFacts(node, Convert.ToHexStringLower(Guid.NewGuid().ToByteArray()), services.Release, LakeControl.Whole(time.GetUtcNow()), [.. Cluster.Get(system).SelfRoles.Order(StringComparer.Ordinal)], ConfigurationPrint.Of(options)) { Tables = knows.Length };
                registry.TryGet<IngestMonitorActor>(out var ingest);
                var control = registry.Get<ControlActor>();
                var monitor = system.ActorOf(ControlNodeActor.Props(new ControlNodeSetup(facts, knows, control, ingest, services.Holds, services.Board, services.Standing, services.Outages, services.Restart, services.Leave, services.Log, time)), MonitorName);
                registry.Register<ControlNodeActor>(monitor);
            });
    }

    /// <summary>What operators call a node of the cluster: its host name and port.</summary>
    public static string NameOf(ActorSystem system) => NodeNames.Of(Cluster.Get(system).SelfAddress);

    /// <summary>The door of a node whose actor system has started.</summary>
    public static RunningControl DoorOf(IReadOnlyActorRegistry actors, LakeControl control, TimeProvider time) => new(control, actors.Get<ControlActor>(), actors.Get<ControlNodeActor>(), time);

    /// <summary>
    /// Has a node that starts rest with what operators want held, before it begins. A lake that does not answer soon is not waited for: nothing
    /// can be committed to it meanwhile, and the singleton tells it later.
    /// </summary>
    public static async Task HoldAtStartAsync(this Holds holds, LakeControl control, string node, TimeProvider time, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(AtStartMax, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        if (await Background.RunAsync(async cancel => await control.StateAsync(cancel), either.Token) is Outcome<ControlState>.Done { Value: var state }) holds.Set(HeldWishes.Of(state), node);
        cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>Whatever ends it, it is made again after a pause.</summary>
    private static Props Supervised(Props control) => BackoffSupervisor.Props(
        Backoff.OnStop(control, "control", Restarting.BackoffMin, Restarting.BackoffMax, Restarting.Jitter, maxNrOfRetries: -1).WithDefaultStoppingStrategy());
}
