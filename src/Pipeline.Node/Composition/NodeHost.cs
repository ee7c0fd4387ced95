using Akka.Actor;
using Akka.Cluster.Hosting;
using Akka.Hosting;
using Akka.Remote.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Ingest;
using Pipeline.Node.Http;
using Pipeline.Node.Http.Access;
using Pipeline.Node.Http.Api;
using Pipeline.Node.Http.Events;
using Pipeline.Operations.Access;
using Pipeline.Operations.Control;
using Pipeline.Operations.Kpis;
using Pipeline.Operations.Maintenance;
using Pipeline.Operations.Options;
using Pipeline.Operations.Planning;
using Pipeline.Operations.Sources;
using Pipeline.Operations.Tables;
using Pipeline.Remoting.Tls;
using Pipeline.Remoting.Wire;
using Pipeline.Telemetry;
using Pipeline.Transform;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Engines.Emr;

namespace Pipeline.Node.Composition;

/// <summary>
/// A node of the service: an actor system in a cluster that ingests and transforms. Stopping it drains it: workers commit
/// what is open, then the node leaves the cluster.
/// </summary>
internal sealed class NodeHost : IAsyncDisposable
{
    // Above the sum of coordinated shutdown's phases in akka.conf.
    private static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(90);

    private readonly IHost _host;
    private readonly OpenSources _sources;
    private readonly NodeOutages _outages;
    private readonly ClusterJoining _joining;
    private readonly LakeRecord _record;
    private readonly NodeTelemetry _telemetry;
    private readonly NodeHttp _http;
    private readonly LakeControl _lakeControl;
    private readonly TaskCompletionSource _restart;
    private readonly TaskCompletionSource _leave;

    private NodeHost(IHost host, TimeProvider time, OpenSources sources, NodeOutages outages, ClusterJoining joining, LakeRecord record, NodeTelemetry telemetry, NodeHttp http, LakeControl lakeControl, TaskCompletionSource restart, TaskCompletionSource leave)
    {
        _host = host;
        _sources = sources;
        _outages = outages;
        _joining = joining;
        _record = record;
        _telemetry = telemetry;
        _http = http;
        _lakeControl = lakeControl;
        _restart = restart;
        _leave = leave;
        Control = ControlRegistration.DoorOf(Actors, lakeControl, time);
        EssentialGone = EssentialActors.FirstGoneAsync(System);
    }

    public ActorSystem System => _host.Services.GetRequiredService<ActorSystem>();

    /// <summary>Where the node is asked.</summary>
    public Uri HttpAddress => _http.Address;

    /// <summary>By which programs of this machine ask it; null: there is no socket.</summary>
    public string? SocketPath => _http.SocketPath;

    /// <summary>What is answered at all, as the server has it.</summary>
    internal IReadOnlyList<RouteEndpoint> Routes => _http.Routes;

    /// <summary>What happens to the tables, for who listens.</summary>
    internal EventFeed Events => _http.Events;

    /// <summary>The token that was made, as there was none; null: there were some, or nobody is to ask over the network.</summary>
    public FirstToken? FirstToken { get; private set; }

    public IReadOnlyActorRegistry Actors => _host.Services.GetRequiredService<ActorRegistry>();

    /// <summary>Done when the actor system has ended, asked to or not.</summary>
    public Task Terminated => System.WhenTerminated;

    /// <summary>Why it must not go on although its actor system does: what it was to join is another pipeline's.</summary>
    public Task<PipelineException> Refused => _joining.Identity.Refused;

    /// <summary>What operators want of the pipeline, through this node.</summary>
    public RunningControl Control { get; }

    /// <summary>Done when an operator wants the node to stop and start again.</summary>
    public Task RestartAsked => _restart.Task;

    /// <summary>Done when an operator wants the node to end.</summary>
    public Task LeaveAsked => _leave.Task;

    /// <inheritdoc cref="EssentialActors.FirstGoneAsync"/>
    public Task<string> EssentialGone { get; }

    /// <summary>Why it does not do its work any more though nobody has told it to end.</summary>
    public async Task<PipelineException> GoneAsync()
    {
        var first = await Task.WhenAny(Refused, EssentialGone, Terminated);
        if (first == Refused) return await Refused;
        return first == EssentialGone
            ? new PipelineException(FaultKind.Defect, "This node", $"its actor {await EssentialGone} has ended, and without it the node does not do its work",
                "The log says why; start it again and it continues where the lake says.")
            : new PipelineException(FaultKind.Invalid, "This node", "it was taken out of the cluster by the others, or its actor system failed",
                "The log says why; start it again and it continues where the lake says.");
    }

    /// <param name="watching">By what time it is said what is away; null: by <paramref name="time"/>.</param>
    /// <param name="only">Other tables are neither read nor made, though they stay of the configuration; null: there are none.</param>
    /// <exception cref="ConfigurationException">The configuration is not one to run a node with.</exception>
    /// <exception cref="PipelineException">What it needs is not there, or the lake is being restored.</exception>
    public static async Task<NodeHost> StartAsync(PipelineOptions options, Lake lake, NodeLoggerFactory logs, TimeProvider time, CancellationToken cancellationToken, TimeProvider? watching = null, IReadOnlySet<TableId>? only = null)
    {
        var secrets = options.Secrets;
        var certificates = await NodeStart.RequireAsync(options, secrets, time, cancellationToken);
        var certificate = await NodeStart.ServerCertificateAsync(options, secrets, time, cancellationToken);
        var log = logs.CreateLogger<NodeHost>();
        var isWeb = options.Cluster.Roles.Contains(NodeRole.Web);
        var tokens = new AccessTokens(options.Http.Access, time);
        foreach (var notice in options.Notes.Notices) log.OldName(notice.Location, notice.Path, notice.Message);
        foreach (var gone in options.Notes.LeftOut) log.LeftOut(gone.Location, gone.Message);
        // It goes on, as it did before anybody asked for another engine.
        foreach (var problem in options.Graph.Unportable) log.NotPortable(problem.Location, problem.Path, problem.Message);
        var outages = new NodeOutages(logs, time, watching ?? time);
        var waits = outages.Watch.Waits;
        lake = lake.Telling(logs, waits);
        var telemetry = new NodeTelemetry(options.Telemetry, MetricSinks.Open(options.Telemetry, new MetricSinkServices(options.Name, time, logs, secrets)), time);
        var certificatesMet = new KnownCertificates(time);
        var sources = OpenSources.Open(options.Sources, new SourceServices(time, logs, secrets, new LakeOwner(options.Name, lake)) { Waits = waits, Certificates = certificatesMet });
        var joining = new ClusterJoining(options, lake, outages.Watch, time, log);
        var standing = new StandingTables(time);
        var events = new EventFeed(time);
        var (holds, restart) = (new Holds(), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        var leave = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var board = new CoordinatorBoard(holds);
        var control = LakeControl.Of(options, lake, sources, time);
        // Beside what else the lake is asked: one that does not answer delays the start once.
        var unfinished = NodeStart.UnfinishedRestoreAsync(lake, time, cancellationToken);
        await OwnPort.CheckAsync(options.Cluster, cancellationToken);
        foreach (var secret in await NodeStart.UnreadSecretsAsync(options, secrets, areFilesOnly: true, cancellationToken)) log.SecretUnread(secret.Thing, secret.Detail, secret.NextStep!);
        await holds.HoldAtStartAsync(control, $"{options.Cluster.Hostname}:{options.Cluster.Port}", time, cancellationToken);
        if (await unfinished is { } refused) throw refused;
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddSingleton<ILoggerFactory>(logs);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = ShutdownTimeout);
        var akkaConfig = await AkkaSettings.ReadAsync(options.AkkaFile, cancellationToken);
        builder.Services.AddAkka("pipeline", akka => akka
            .AddHocon(akkaConfig, HoconAddMode.Prepend)
            .AddHocon($"akka.stdout-logger-class = \"{typeof(NoStandardOutput).AssemblyQualifiedName}\"", HoconAddMode.Prepend)
            .ConfigureLoggers(loggers =>
            {
                loggers.ClearLoggers();
                loggers.AddLoggerFactory();
            })
            .WithCluster(options.Cluster, joining, certificates)
            .WithActors((system, registry) =>
            {
                registry.Register<MembershipActor>(system.ActorOf(Props.Create<MembershipActor>(), "membership"));
                system.ActorOf(Props.Create<DeadNodeActor>(), "dead-nodes");
                system.ActorOf(EventFeedActor.Props(events, time), "event-feed");
            })
            .WithRoles(options, lake, sources, outages.Watch, standing, board, holds, logs, time, only)
            .WithControl(new ControlServices(options, lake, control, sources, holds, board, standing, outages.Watch, NodeHostLog.Version, () => restart.TrySetResult(), () => leave.TrySetResult(), logs.Levels, time))
            .WithTelemetry(telemetry, outages.Watch)
            .AddStartup((system, _) =>
            {
                logs.Levels.Follow(system);
                var meter = new NodeMeter(system, NodeDirectories.Of(options), certificates, certificatesMet, time);
                system.RegisterOnTermination(meter.Dispose);
            }));

        var host = builder.Build();
        await host.StartAsync(cancellationToken);
        var actors = host.Services.GetRequiredService<ActorRegistry>();
        var health = new NodeHealth(host.Services.GetRequiredService<ActorSystem>(), actors, actors.Get<MembershipActor>(), outages.Watch, standing, options, NodeHealth.Patience, only);
        var sessions = new BrowserSessions(options.Http.Access.SessionLifetime, time);
        var services = new ApiServices(options, lake, health, () => telemetry.Collector.Look(options.Name), events, new AccessGate(options.Http, isWeb, tokens, sessions, time), sessions, ControlRegistration.DoorOf(actors, control, time), control, ControlRegistration.NameOf(host.Services.GetRequiredService<ActorSystem>()), logs.Levels, time);
        var web = new NodeHttp(services, certificate, SocketOf(options, log), logs);
        var record = new LakeRecord(options, lake, outages.Watch, time, log);
        record.Start();
        var node = new NodeHost(host, time, sources, outages, joining, record, telemetry, web, control, restart, leave);
        try
        {
            await web.StartAsync(cancellationToken);
            // Who starts it is told of the token once, so the start must have come this far.
            if (isWeb && tokens.IssueFirst() is { } first) node.FirstToken = new FirstToken(first, sessions);
        }
        catch (PipelineException)
        {
            await node.DisposeAsync();
            throw;
        }

        log.SaysHowItIs(node.HttpAddress.GetLeftPart(UriPartial.Authority));
        if (node.SocketPath is { } socket) log.AnswersBySocket(socket);
        return node;
    }

    /// <summary>Null: none can be made here, which keeps the node from no other work.</summary>
    private static string? SocketOf(PipelineOptions options, ILogger log)
    {
        try
        {
            return SocketPlace.Prepare(options);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.NoSocket(SocketPlace.DirectoryOf(options.Http), e.Message.ReplaceLineEndings(" ").TrimEnd('.'));
            return null;
        }
    }

    /// <summary>
    /// Looks at everything of this node's ingest that is halted, at once instead of when its time comes, and so at the Silver and Gold
    /// tables that have failed, whichever node coordinates them.
    /// </summary>
    public void LookAgain()
    {
        if (Actors.TryGet<IngestMonitorActor>(out var monitor)) monitor.Tell(new ResumeIngest(Table: null), ActorRefs.NoSender);
        // Nobody is answered, but only who is of the cluster is obeyed.
        if (Actors.TryGet<MedallionCoordinatorActor>(out var coordinator)) coordinator.Tell(new LookAgain(), coordinator);
    }

    /// <summary>Drains and leaves the cluster; takes as long as the open files need, at most <see cref="ShutdownTimeout"/>.</summary>
    public Task StopAsync() => _host.StopAsync(CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        _joining.Dispose();
        _record.Dispose();
        await StopAsync();
        // Until now it said that the node leaves.
        await _http.DisposeAsync();
        if (_host is IAsyncDisposable host) await host.DisposeAsync();
        await _sources.DisposeAsync();
        _telemetry.Dispose();
        _outages.Dispose();
        _lakeControl.Dispose();
    }
}

internal static class ClusterConfiguration
{
    /// <summary>What this node does; the others of the cluster do the rest.</summary>
    public static AkkaConfigurationBuilder WithRoles(this AkkaConfigurationBuilder akka, PipelineOptions options, Lake lake, OpenSources sources, OutageWatch outages, StandingTables standing, CoordinatorBoard board, Holds holds, ILoggerFactory logs, TimeProvider time, IReadOnlySet<TableId>? only)
    {
        if (options.Cluster.Roles.Contains(NodeRole.Ingest)) akka.WithIngest(options.Ingest, lake, sources, outages, time, only, holds);
        else akka.WithIngestElsewhere();
        if (options.Cluster.Roles.Contains(NodeRole.Transform)) akka.WithTransform(options.Name, options.Transform, lake, options.Graph, options.Freshness, options.BronzeTables, outages, time,
            RemoteEngines.Open(options.Name, options.Transform, lake, location => ObjectStores.Open(location, options.Lake.S3, time), logs, time), standing, only, board)
            .WithSingleton<KpiKeeperActor>("kpi-keeper", KpiKeeperActor.Props(lake, options.Freshness.SlaOf, time), new ClusterSingletonOptions { Role = TransformRegistration.Role })
            .WithSingleton<LakeMaintenanceActor>("lake-maintenance", MaintenanceOf(options, lake, time), new ClusterSingletonOptions { Role = TransformRegistration.Role });
        else akka.WithTransformElsewhere();
        return akka;
    }

    /// <summary>At the pace of Bronze's own compaction; the vacuum once a day.</summary>
    private static Props MaintenanceOf(PipelineOptions options, Lake lake, TimeProvider time) => LakeMaintenanceActor.Props(
        new MaintainLakeRequest(options.Transform.DataFilesOf, options.Ingest.CompactFilesMin, TimeSpan.FromDays(1)), lake,
        ExecutionRemains.Of(lake, options.Transform, location => ObjectStores.Open(location, options.Lake.S3, time)), options.Ingest.CompactInterval, time);

    /// <summary>Joins the seed nodes; without any, this node starts a cluster of its own.</summary>
    /// <param name="certificates">Null: nodes talk in plain text, which only suits one machine.</param>
    public static AkkaConfigurationBuilder WithCluster(this AkkaConfigurationBuilder akka, Operations.Options.ClusterOptions options, ClusterJoining joining, NodeCertificates? certificates)
    {
        akka
            .WithRemoting(options.ListensAt, options.Port, options.Hostname)
            // With it, which is Akka's choice outside Windows, a second process would listen on the same port and get some of the connections.
            .AddHocon("akka.remote.dot-netty.tcp.tcp-reuse-addr = off", HoconAddMode.Prepend)
            .WithClustering(new Akka.Cluster.Hosting.ClusterOptions { Roles = [.. options.Roles.Select(role => role.ToString().ToLowerInvariant())] })
            .WithNarrowWire(joining.Identity)
            .AddStartup((system, _) => joining.Start(system));
        return certificates is null ? akka : akka.WithMutualTls(certificates);
    }
}
