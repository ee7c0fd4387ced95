using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Hosting;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Event;
using Akka.Hosting;
using Akka.Remote.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Testing;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Tests.Coordination;

/// <summary>A node of its own: one-member cluster, journal in the lake's directory.</summary>
internal sealed class CoordinatorNode : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private readonly IHost _host;
    private readonly ActorSystem _system;
    private readonly IActorRef _coordinator;
    private readonly SemaphoreSlim _announcements = new(0);
    private readonly IActorRef _subscriber;
    private readonly IActorRef _ears;

    private CoordinatorNode(IHost host)
    {
        _host = host;
        _system = host.Services.GetRequiredService<ActorSystem>();
        _coordinator = ActorRegistry.For(_system).Get<MedallionCoordinatorActor>();
        _ears = _system.ActorOf(Props.Create(() => new Ears()));
        _subscriber = _system.ActorOf(Props.Create(() => new Subscriber(_announcements)));
        DistributedPubSub.Get(_system).Mediator.Tell(new Subscribe(LakeEvents.Topic, _subscriber));
    }

    public static async Task<CoordinatorNode> StartAsync(TestLake lake, IJobRunner engine, OutageWatch? outages = null, string pipeline = "test", Func<TransformOptions, TransformOptions>? change = null,
        Address? seed = null, RemoteRuns? remote = null)
    {
        var options = lake.Options with
        {
            IntervalMin = TimeSpan.Zero, PollInterval = TimeSpan.FromMilliseconds(200),
            JournalConnection = $"Data Source={JournalOf(lake)}",
        };
        options = change?.Invoke(options) ?? options;
        var host = Host.CreateApplicationBuilder();
        host.Logging.ClearProviders();
        host.Services.AddAkka("transform", builder => builder
            .AddHocon("akka.loglevel = INFO, akka.loggers = [], akka.stdout-loglevel = OFF, akka.coordinated-shutdown.exit-clr = off", HoconAddMode.Prepend)
            .WithRemoting("127.0.0.1", 0)
            .WithClustering(new ClusterOptions { Roles = [TransformRegistration.Role] })
            .WithTransform(pipeline, options, lake.Tables, lake.Graph, engine, outages ?? OutageWatch.Silent(lake.Time), lake.Time, remote)
            .AddStartup((system, _) => Cluster.Get(system).Join(seed ?? Cluster.Get(system).SelfAddress)));
        var built = host.Build();
        await built.StartAsync(TestContext.Current.CancellationToken);
        return new CoordinatorNode(built);
    }

    public Address Address => Cluster.Get(_system).SelfAddress;

    /// <summary>Waits until as many nodes are members.</summary>
    public async Task UntilUpAsync(int nodes)
    {
        var up = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var watch = _system.ActorOf(Props.Create(() => new UpWatch(nodes, up)));
        await up.Task.WaitAsync(Deadline, TestContext.Current.CancellationToken);
        _system.Stop(watch);
    }

    public static string JournalOf(TestLake lake) => Path.Combine(lake.Options.TempDirectory, "journal.db");

    /// <summary>Orders something, and waits until it is obeyed.</summary>
    public async Task ObeyAsync(object order) => Assert.IsType<Accepted>(await _coordinator.Ask<object>(order, Deadline));

    public void Publish(object announcement) => DistributedPubSub.Get(_system).Mediator.Tell(new Publish(LakeEvents.Topic, announcement), _subscriber);

    /// <summary>What the coordinator has said so far, without debug.</summary>
    public Task<string[]> SaidAsync() => _ears.Ask<string[]>(Ears.Question, Deadline);

    /// <summary>Asked again when nobody answers: a coordinator that has failed comes again.</summary>
    public async Task<MedallionStatus> StatusAsync()
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (true)
        {
            try
            {
                return await _coordinator.Ask<MedallionStatus>(new GetMedallionStatus(), TimeSpan.FromSeconds(5));
            }
            catch (AskTimeoutException) when (!deadline.IsCancellationRequested)
            {
            }
        }
    }

    /// <summary>Waits until a table has finished a run, woken by what the coordinator announces.</summary>
    public Task UntilAsync(TableId table, long run) => UntilAsync(tables => tables.Single(status => status.Table == table).Run >= run);

    public async Task<MedallionStatus> UntilAsync(Func<TableStatus[], bool> condition)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (true)
        {
            var status = await StatusAsync();
            if (condition(status.Tables)) return status;
            Assert.False(deadline.IsCancellationRequested, string.Join("\n", status.Tables.Select(table => table.ToString())));
            await AnnouncementAsync();
        }
    }

    /// <summary>An announcement, or a moment without one: failures are not announced.</summary>
    private Task AnnouncementAsync() => _announcements.WaitAsync(TimeSpan.FromMilliseconds(250), TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync(CancellationToken.None).WaitAsync(Deadline);
        // One actor that does not come to its end keeps the system for ever.
        await _system.Terminate().WaitAsync(Deadline);
        _host.Dispose();
    }

    private sealed class Subscriber : ReceiveActor
    {
        public Subscriber(SemaphoreSlim heard) => ReceiveAny(_ => heard.Release());
    }

    private sealed class Ears : ReceiveActor
    {
        public const string Question = "what was said?";

        public Ears()
        {
            var said = new List<string>();
            Receive<LogEvent>(line => line.LogClass == typeof(MedallionCoordinatorActor), line => said.Add($"{line.Message}"));
            Receive<string>(_ => Sender.Tell(said.ToArray()));
            ReceiveAny(_ => { });
        }

        protected override void PreStart() => Context.System.EventStream.Subscribe(Self, typeof(LogEvent));
    }

    private sealed class UpWatch : ReceiveActor
    {
        public UpWatch(int nodes, TaskCompletionSource done)
        {
            var members = new HashSet<Address>();
            Receive<ClusterEvent.MemberUp>(up =>
            {
                if (members.Add(up.Member.Address) && members.Count == nodes) done.TrySetResult();
            });
            Cluster.Get(Context.System).Subscribe(Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents, typeof(ClusterEvent.MemberUp));
        }
    }
}
