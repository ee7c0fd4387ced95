using Akka.Actor;
using Akka.Cluster.Hosting;
using Akka.Hosting;
using Akka.Pattern;
using Akka.Persistence.Sql;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.DuckDb;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Coordination.Freshness;
using Pipeline.Transform.Coordination.Journal;
using Pipeline.Transform.Coordination.Runners;
using Pipeline.Transform.Engines.DuckDb;
using Pipeline.Transform.Engines.Emr;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform;

public static class TransformRegistration
{
    /// <summary>The role of nodes that run jobs, and on which the coordinator may run.</summary>
    public const string Role = "transform";

    private const string SingletonName = "medallion-coordinator";

    /// <summary>The pace at which a coordinator that has failed is made again; its defects are in the log.</summary>
    private static readonly RetryPolicy Restarting = new() { BackoffMin = TimeSpan.FromSeconds(1), BackoffMax = TimeSpan.FromMinutes(1), Jitter = 0.2 };

    /// <summary>
    /// Keeps the graph's Silver and Gold tables up to date, from one node of the cluster that has the role
    /// <see cref="Role"/>. Needs clustering; register it with the same graph on every such node. The coordinator's proxy
    /// is in the actor registry under <see cref="MedallionCoordinatorActor"/>.
    /// </summary>
    /// <param name="pipeline">The pipeline's name: what is remembered is remembered under it and the lake's id.</param>
    /// <param name="bronze">The tables that sources fill, whichever node reads them.</param>
    /// <param name="outages">The node's: says what is away.</param>
    /// <param name="elsewhere">Engines elsewhere; disposed of with the actor system. Null: there are none.</param>
    /// <param name="standing">Told of the tables whose runs fail, where the coordinator runs; null: nobody asks.</param>
    /// <param name="only">No other table is run, though all are known; null: there are none.</param>
    /// <param name="board">What the node and the coordinator let each other know; null: nothing.</param>
    /// <exception cref="PipelineException">Another node has the journal's file.</exception>
    public static AkkaConfigurationBuilder WithTransform(this AkkaConfigurationBuilder builder, string pipeline, TransformOptions options, Lake lake, TransformGraph graph, FreshnessOptions freshness,
        IReadOnlyCollection<TableId> bronze, OutageWatch outages, TimeProvider time, RemoteEngines? elsewhere = null, StandingTables? standing = null, IReadOnlySet<TableId>? only = null, CoordinatorBoard? board = null)
    {
        DuckDbSession.RemoveLeftovers(options.TempDirectory, time);
        var tables = new OpenTables(lake);
        return builder
            .AddStartup((system, _) => system.RegisterOnTermination(() => elsewhere?.Dispose()))
            .WithTransform(pipeline, options, tables, graph, new JobRunner(tables, new DuckDbEngine(lake.Store, options), options, time, elsewhere?.Runs), outages, time, elsewhere?.Runs, freshness, bronze, standing, only, board);
    }

    /// <param name="remote">Engines elsewhere, which the runner has too; null: there are none.</param>
    internal static AkkaConfigurationBuilder WithTransform(this AkkaConfigurationBuilder builder, string pipeline, TransformOptions options, OpenTables tables, TransformGraph graph,
        IJobRunner runner, OutageWatch outages, TimeProvider time, RemoteRuns? remote = null, FreshnessOptions? freshness = null, IReadOnlyCollection<TableId>? bronze = null,
        StandingTables? standing = null, IReadOnlySet<TableId>? only = null, CoordinatorBoard? board = null)
    {
        var journalLock = JournalFile.Lock(options);
        var watched = new WatchedRunner(runner, outages.Waits);
        var journal = JournalKeeperActor.Props(pipeline, tables.Lake, options, new JournalPlugins(options), outages, time);
        var (planner, limit) = (new JobPlanner(tables, graph, options, time, remote), new TimeLimit(options.JobTimeMax, time));
        var coordinator = MedallionCoordinatorActor.Props(journal, RunnerDirectoryActor.Props(Role),
            FreshnessActor.Props(tables, graph, bronze ?? [], freshness ?? new FreshnessOptions(), standing ?? new StandingTables(time), time, board), tables, graph, planner, options, outages, time, only, board);
        return builder
            .AddTransformSerializer()
            .AddHocon(SqlPersistence.DefaultConfiguration, HoconAddMode.Append)
            .AddStartup((system, _) => system.RegisterOnTermination(() => journalLock?.Dispose()))
            .WithActors((system, registry) => registry.Register<JobRunnersActor>(
                system.ActorOf(JobRunnersActor.Props((pins, handle) => JobRunnerActor.Props(pins, handle, planner, watched, limit, time)), RunnerDirectoryActor.RunnersName)))
            .WithSingleton<MedallionCoordinatorActor>(SingletonName, Supervised(coordinator), new ClusterSingletonOptions { Role = Role });
    }

    /// <summary>
    /// For a node that has not the role <see cref="Role"/>: puts a proxy of the coordinator, which is on another, into the actor
    /// registry under <see cref="MedallionCoordinatorActor"/>.
    /// </summary>
    public static AkkaConfigurationBuilder WithTransformElsewhere(this AkkaConfigurationBuilder builder) => builder
        .AddTransformSerializer()
        .WithSingletonProxy<MedallionCoordinatorActor>(SingletonName, new ClusterSingletonOptions { Role = Role });

    /// <summary>Whatever ends the coordinator, it is made again after a pause.</summary>
    private static Props Supervised(Props coordinator) => BackoffSupervisor.Props(
        Backoff.OnStop(coordinator, "coordinator", Restarting.BackoffMin, Restarting.BackoffMax, Restarting.Jitter, maxNrOfRetries: -1).WithDefaultStoppingStrategy());
}
