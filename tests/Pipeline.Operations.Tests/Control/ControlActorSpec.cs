using System.Diagnostics;
using System.Threading.Channels;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Tests.Storage;
using Pipeline.Operations.Control;
using Pipeline.Testing;

namespace Pipeline.Operations.Tests.Control;

/// <summary>The singleton over a lake in memory, in a cluster of one.</summary>
public sealed class ControlActorSpec : IDisposable
{
    private const string Settings = """
        akka { loglevel = OFF, stdout-loglevel = OFF, actor.provider = cluster, cluster.roles = [ingest], remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0 } }
        """;

    private static readonly TableId Users = TableId.Silver("users");
    private static readonly TableId Bronze = TableId.Bronze("app", "users");

    private readonly ActorSystem _system = ActorSystem.Create("control", Settings);
    private readonly Lake _lake = new(new MemoryStore(), TimeProvider.System);
    private readonly LakeControl _control;

    public ControlActorSpec() => _control = new LakeControl(_lake, new ControlScope([Users, Bronze], []), (_, _) => Task.FromResult<IReadOnlyList<SplitGap>>([]), TimeProvider.System);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _control.Dispose();
        _system.Dispose();
    }

    [Fact]
    public async Task An_order_that_cannot_be_done_for_the_moment_is_begun_again_with_a_look_and_not_at_once()
    {
        await _control.ApplyAsync((await _control.PlanAsync(new ControlCommand(ControlVerb.Trigger, ControlTarget.Of(Users)), Cancel)).Id, "anna", "to see", Cancel);
        var work = new AwayWork();
        using var events = new EventRecord(_lake, TimeProvider.System);
        var started = Stopwatch.GetTimestamp();
        var singleton = _system.ActorOf(ControlActor.Props(new ControlSetup(_control, new OrderRunner(_lake, work, TimeProvider.System), new ScheduleWatch(_lake, work, TimeProvider.System, (_, _) => { }), events,
            "here:1", OutageWatch.Silent(TimeProvider.System), TimeProvider.System)));
        await work.Tried.Reader.ReadAsync(Cancel);

        for (var i = 0; i < 1_000; i++)
        {
            await _control.StateAsync(Cancel);
            await singleton.Ask<PipelinePage>(new GetPipeline(null), Cancel);
        }

        Assert.InRange(1 + work.Tried.Reader.Count, 1, 1 + (int)(Stopwatch.GetElapsedTime(started) / ControlActor.LookEvery));

        work.IsAway = false;
        singleton.Tell(new ControlRecorded(), _system.ActorOf(Props.Empty));
        while ((await _control.StateAsync(Cancel)).Waiting.Any()) await singleton.Ask<PipelinePage>(new GetPipeline(null), Cancel);
    }

    [Fact]
    public async Task A_node_waits_for_those_that_have_not_told_their_tables_but_not_for_one_that_reports_to_nobody()
    {
        var time = new HeldClock(DateTimeOffset.UnixEpoch) { AutoAdvanceAmount = TimeSpan.Zero };
        await JoinAsync();
        using var events = new EventRecord(_lake, time);
        var work = new AwayWork();
        var singleton = _system.ActorOf(ControlActor.Props(new ControlSetup(_control, new OrderRunner(_lake, work, time), new ScheduleWatch(_lake, work, time, (_, _) => { }), events, "here:1", OutageWatch.Silent(time), time)));
        var report = new NodeReport(new NodeFacts("b:1", "1", "1.0.0", DateTimeOffset.UnixEpoch, ["ingest"], "x") { Tables = 1 }, By: null, IsHeld: false, 0, [], []) { Knows = [new KnownTable(TableId.Bronze("app", "users"), "x")] };

        // This process is a node of the cluster too, and has no monitor that tells anything.
        var before = await singleton.Ask<DesiredWork>(report, Cancel);
        time.Advance(TimeSpan.FromSeconds(16));
        DesiredWork after;
        do after = await singleton.Ask<DesiredWork>(report, Cancel);
        while (after.Unlike is null);

        Assert.Equal((null, 0), (before.Unlike, before.Compared!.Length));
        Assert.Equal(["b:1"], after.Compared!);
    }

    [Fact]
    public async Task A_node_of_the_cluster_that_reports_to_nobody_is_told_of_and_that_it_places_work_where_it_is_the_oldest()
    {
        var time = new HeldClock(DateTimeOffset.UnixEpoch) { AutoAdvanceAmount = TimeSpan.Zero };
        var self = await JoinAsync();
        using var events = new EventRecord(_lake, time);
        var singleton = Singleton(events, time);

        var early = await singleton.Ask<PipelinePage>(new GetPipeline(null), Cancel);
        time.Advance(TimeSpan.FromSeconds(16));
        var late = await singleton.Ask<PipelinePage>(new GetPipeline(null), Cancel);
        singleton.Tell(ReportOf(self, DateTimeOffset.UnixEpoch), _system.ActorOf(Props.Empty));
        var heard = await singleton.Ask<PipelinePage>(new GetPipeline(null), Cancel);

        Assert.Empty(early.Silent);
        Assert.Equal([new SilentNode(self, PlacesWork: true)], late.Silent);
        Assert.Empty(heard.Silent);
    }

    [Theory]
    [InlineData(ControlVerb.Restart)]
    [InlineData(ControlVerb.Leave)]
    public async Task An_order_that_a_node_of_a_release_before_would_not_understand_is_refused(ControlVerb verb)
    {
        var time = new HeldClock(DateTimeOffset.UnixEpoch) { AutoAdvanceAmount = TimeSpan.Zero };
        var self = await JoinAsync();
        using var events = new EventRecord(_lake, time);
        var singleton = Singleton(events, time);
        await singleton.Ask<PipelinePage>(new GetPipeline(null), Cancel);
        time.Advance(TimeSpan.FromSeconds(16));

        await ApplyAsync(verb, ControlTarget.Node(self));
        singleton.Tell(new ControlRecorded(), _system.ActorOf(Props.Empty));
        while ((await _control.StateAsync(Cancel)).Waiting.Any()) await singleton.Ask<PipelinePage>(new GetPipeline(null), Cancel);

        var order = Assert.Single((await _control.StateAsync(Cancel)).Orders);
        Assert.Equal(OrderOutcome.Refused, order.Outcome);
        Assert.Contains("of a release that knows no orders", order.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ControlVerb.Restart, false)]
    [InlineData(ControlVerb.Restart, true)]
    [InlineData(ControlVerb.Leave, false)]
    [InlineData(ControlVerb.Leave, true)]
    public async Task An_order_that_ended_before_a_node_was_heard_of_is_said_to_it(ControlVerb verb, bool hasMoved)
    {
        var self = await JoinAsync();
        await ApplyAsync(verb, verb == ControlVerb.Leave ? ControlTarget.Node(self) : ControlTarget.Of(Bronze));
        using var events = new EventRecord(_lake, TimeProvider.System);
        var singleton = Singleton(events);
        while ((await _control.StateAsync(Cancel)).Waiting.Any()) await singleton.Ask<PipelinePage>(new GetPipeline(null), Cancel);
        if (hasMoved)
        {
            await singleton.GracefulStop(TimeSpan.FromMinutes(1));
            singleton = Singleton(events);
        }

        var heard = Channel.CreateUnbounded<object>();
        singleton.Tell(ReportOf(self, DateTimeOffset.UnixEpoch), _system.ActorOf(Props.Create(() => new Ear(heard.Writer))));

        object word;
        do word = await heard.Reader.ReadAsync(Cancel);
        while (word is DesiredWork);
        var order = Assert.Single((await _control.StateAsync(Cancel)).Orders);
        Assert.Equal(verb == ControlVerb.Leave ? (object)new LeaveWork(order.Id, self, order.At) : new RestartWork(order.Id, order.Target, order.At), word);
    }

    [Theory]
    [InlineData(ControlVerb.Down)]
    [InlineData(ControlVerb.Leave)]
    public async Task A_node_that_has_started_since_an_order_about_its_address_is_left_in_peace(ControlVerb verb)
    {
        var self = await JoinAsync();
        using var events = new EventRecord(_lake, TimeProvider.System);
        // One that has just begun does not know yet when the node has started.
        if (verb == ControlVerb.Down) await ApplyAsync(verb, ControlTarget.Node(self));
        var singleton = Singleton(events, new HeldClock(DateTimeOffset.UnixEpoch) { AutoAdvanceAmount = TimeSpan.Zero });

        await singleton.Ask<DesiredWork>(ReportOf(self, TimeProvider.System.GetUtcNow().AddHours(1)), Cancel);
        if (verb == ControlVerb.Leave) await ApplyAsync(verb, ControlTarget.Node(self));
        singleton.Tell(new ControlRecorded(), _system.ActorOf(Props.Empty));
        while ((await _control.StateAsync(Cancel)).Waiting.Any()) await singleton.Ask<PipelinePage>(new GetPipeline(null), Cancel);

        var order = Assert.Single((await _control.StateAsync(Cancel)).Orders);
        Assert.Equal((OrderOutcome.Refused, "the node that is called so now has started since it was given"), (order.Outcome, order.Detail));
        Assert.Equal(Akka.Cluster.MemberStatus.Up, Akka.Cluster.Cluster.Get(_system).SelfMember.Status);
    }

    /// <summary>The name of this process's node, which is up.</summary>
    private async Task<string> JoinAsync()
    {
        var cluster = Akka.Cluster.Cluster.Get(_system);
        var up = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        cluster.RegisterOnMemberUp(() => up.TrySetResult());
        await cluster.JoinAsync(cluster.SelfAddress, Cancel);
        await up.Task.WaitAsync(Cancel);
        while (cluster.SelfMember.Status != Akka.Cluster.MemberStatus.Up) await Task.Yield();
        return NodeNames.Of(cluster.SelfAddress);
    }

    private async Task ApplyAsync(ControlVerb verb, ControlTarget target) =>
        Assert.IsType<Applied.Recorded>(await _control.ApplyAsync((await _control.PlanAsync(new ControlCommand(verb, target), Cancel)).Id, "anna", "to see", Cancel));

    private IActorRef Singleton(EventRecord events, TimeProvider? clock = null)
    {
        var (work, time) = (new AwayWork(), clock ?? TimeProvider.System);
        return _system.ActorOf(ControlActor.Props(new ControlSetup(_control, new OrderRunner(_lake, work, time), new ScheduleWatch(_lake, work, time, (_, _) => { }), events, "here:1", OutageWatch.Silent(time), time)));
    }

    private static NodeReport ReportOf(string node, DateTimeOffset startedAt) => new(new NodeFacts(node, "1", "1.0.0", startedAt, ["ingest"], "x"), By: null, IsHeld: false, 0, [], []);

    private sealed class Ear : ReceiveActor
    {
        public Ear(ChannelWriter<object> heard) => ReceiveAny(message => heard.TryWrite(message));
    }

    private sealed class AwayWork : IOrderWork
    {
        public Channel<TableId> Tried { get; } = Channel.CreateUnbounded<TableId>();

        public bool IsAway { get; set; } = true;

        public async ValueTask TriggerAsync(TableId table, CancellationToken cancellationToken)
        {
            await Tried.Writer.WriteAsync(table, cancellationToken);
            if (IsAway) throw new PipelineException(FaultKind.Unreachable, "The coordinator", "it has not answered", "Look whether it runs.");
        }

        public ValueTask CancelAsync(TableId table, CancellationToken cancellationToken) => throw new InvalidOperationException();

        public ValueTask RebuildAsync(TableId table, CancellationToken cancellationToken) => throw new InvalidOperationException();

        public ValueTask BackfillAsync(TableId table, IReadOnlyList<SplitPart> parts, bool isInOrder, CancellationToken cancellationToken) => throw new InvalidOperationException();

        public ValueTask BackfillAsync(TableId table, CancellationToken cancellationToken) => throw new InvalidOperationException();

        public ValueTask AcceptGapAsync(TableId table, OrderAim aim, CancellationToken cancellationToken) => throw new InvalidOperationException();
    }
}
