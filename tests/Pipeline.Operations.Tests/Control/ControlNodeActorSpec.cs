using System.Collections.Immutable;
using System.Threading.Channels;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Ingest;
using Pipeline.Operations.Control;
using Pipeline.Operations.Options;
using Pipeline.Transform.Coordination;

namespace Pipeline.Operations.Tests.Control;

/// <summary>A node's monitor, in a cluster of one.</summary>
public sealed class ControlNodeActorSpec : IDisposable
{
    private const string Settings = """
        akka { loglevel = OFF, stdout-loglevel = OFF, actor.provider = cluster, remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0 } }
        """;

    private static readonly TableId Users = TableId.Bronze("app", "users");

    private readonly ActorSystem _system = ActorSystem.Create("node", Settings);
    private readonly Channel<object> _heard = Channel.CreateUnbounded<object>();
    private readonly Holds _holds = new();
    private readonly Levels _levels = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _system.Dispose();

    [Fact]
    public async Task A_node_begins_when_its_configuration_has_been_compared_and_not_before()
    {
        _holds.AwaitComparison(() => true);
        var monitor = Monitor(_system.ActorOf(Props.Create(() => new Listener(_heard.Writer))));
        var report = await FirstAsync<NodeReport>(report => report.Knows.Length > 0);
        Assert.Equal([new KnownTable(Users, "x")], report.Knows);

        await AnswerAsync(monitor, new DesiredWork("s", 1, [], [], [], [], []) { Unlike = null, Compared = [] });
        Assert.True(_holds.Has(Users));
        await AnswerAsync(monitor, new DesiredWork("s", 1, [], [], [], [], []) { Unlike = [new UnlikeTable(Users, ["here:1"], "there:1", UnlikeReason.Otherwise)], Compared = ["here:1"] });
        Assert.True(_holds.Has(Users));
        Assert.False(_holds.Has(TableId.Bronze("app", "orders")));

        // A singleton that has moved and does not know all nodes yet changes nothing.
        await AnswerAsync(monitor, new DesiredWork("t", 1, [], [], [], [], []) { Unlike = null, Compared = [] });
        Assert.True(_holds.Has(Users));
        await AnswerAsync(monitor, new DesiredWork("t", 1, [], [], [], [], []) { Unlike = [], Compared = ["here:1"] });
        Assert.False(_holds.Has(Users));
    }

    [Fact]
    public async Task A_node_that_nobody_answers_goes_on_when_it_is_up_and_has_reported_for_long()
    {
        var cluster = Akka.Cluster.Cluster.Get(_system);
        await cluster.JoinAsync(cluster.SelfAddress, Cancel);
        _holds.AwaitComparison(() => true);
        var monitor = Monitor(_system.ActorOf(Props.Create(() => new Listener(_heard.Writer))));

        await FirstAsync<HoldsChanged>(_ => true);

        Assert.False(_holds.Has(Users));
        // Its own release does know how.
        Assert.Null((await monitor.Ask<SilentLeader>(new GetSilentLeader(), Cancel)).Node);
    }

    [Fact]
    public async Task A_node_that_nobody_answers_though_the_oldest_of_its_cluster_is_there_says_which_that_is_until_it_is_answered()
    {
        using var older = ActorSystem.Create("node", Settings);
        var oldest = Akka.Cluster.Cluster.Get(older).SelfAddress;
        await Akka.Cluster.Cluster.Get(older).JoinAsync(oldest, Cancel);
        await Akka.Cluster.Cluster.Get(_system).JoinAsync(oldest, Cancel);
        var monitor = Monitor(_system.ActorOf(Props.Create(() => new Listener(_heard.Writer))));

        string? leader;
        do leader = (await monitor.Ask<SilentLeader>(new GetSilentLeader(), Cancel)).Node;
        while (leader is null);
        Assert.Equal(NodeNames.Of(oldest), leader);

        var singleton = _system.ActorOf(Props.Create(() => new Listener(_heard.Writer)));
        do
        {
            monitor.Tell(new DesiredWork("s", 1, [], [], [], [], []), singleton);
            leader = (await monitor.Ask<SilentLeader>(new GetSilentLeader(), Cancel)).Node;
        }
        while (leader is not null);
    }

    [Fact]
    public async Task What_a_singleton_that_has_moved_says_again_of_a_source_is_done_of_all_its_tables_and_once()
    {
        var monitor = Monitor(_system.ActorOf(Props.Create(() => new Listener(_heard.Writer))));
        await FirstAsync<NodeReport>(report => report.Tables.Any(table => table.Table == Users));
        var singleton = _system.ActorOf(Props.Create(() => new Listener(_heard.Writer)));
        var (first, second) = (new RestartWork("o1", ControlTarget.Source("app"), DateTimeOffset.UnixEpoch.AddHours(1)), new RestartWork("o2", ControlTarget.Source("app"), DateTimeOffset.UnixEpoch.AddHours(2)));

        monitor.Tell(new DesiredWork("s", 1, [], [], [], [], []), singleton);
        foreach (var order in (RestartWork[])[first, first, second]) monitor.Tell(order, singleton);
        monitor.Tell(new LookAgainAt(Users), singleton);

        var done = 0;
        while (await FirstAsync<object>(message => message is RestartIngest or ResumeIngest) is RestartIngest { Table: var table })
        {
            Assert.Equal(Users, table);
            done++;
        }

        Assert.Equal(2, done);
    }

    [Fact]
    public async Task A_log_tells_what_was_ordered_of_this_node_once_and_nothing_that_cannot_be_read()
    {
        var monitor = Monitor(_system.ActorOf(Props.Create(() => new Listener(_heard.Writer))));
        var singleton = _system.ActorOf(Props.Create(() => new Listener(_heard.Writer)));
        var (here, now) = ("here:1", DateTimeOffset.UnixEpoch.AddHours(1));

        foreach (var work in (LogLevelWork[])[new("o1", here, "debug Pipeline.Ingest 10m", now), new("o1", here, "debug Pipeline.Ingest 10m", now), new("o2", "there:1", "debug", now), new("o3", here, "loud", now), new("o4", here, "debug", DateTimeOffset.UnixEpoch), new("o5", here, "warning", now)])
            monitor.Tell(work, singleton);
        monitor.Tell(new LookAgainAt(Users), singleton);
        await FirstAsync<ResumeIngest>(_ => true);

        Assert.Equal([new LogOrder(LogDetail.Debug, "Pipeline.Ingest", TimeSpan.FromMinutes(10)), new LogOrder(LogDetail.Warning, null, null)], _levels.Taken);
    }

    private IActorRef Monitor(IActorRef listener)
    {
        var facts = new NodeFacts("here:1", "1", "1.0.0", DateTimeOffset.UnixEpoch, ["ingest"], "x") { Tables = 1 };
        return _system.ActorOf(ControlNodeActor.Props(new ControlNodeSetup(facts, [new KnownTable(Users, "x")], listener, listener, _holds, new CoordinatorBoard(_holds), new StandingTables(TimeProvider.System), OutageWatch.Silent(TimeProvider.System), () => { }, () => { }, _levels, TimeProvider.System)
        {
            ReportEvery = TimeSpan.FromMilliseconds(10),
        }));
    }

    /// <summary>It says to who works here that something has changed when it has taken an answer over.</summary>
    private async Task AnswerAsync(IActorRef monitor, DesiredWork answer)
    {
        monitor.Tell(answer, _system.ActorOf(Props.Create(() => new Listener(_heard.Writer))));
        await FirstAsync<HoldsChanged>(_ => true);
    }

    private async Task<T> FirstAsync<T>(Func<T, bool> isIt)
    {
        while (true)
            if (await _heard.Reader.ReadAsync(Cancel) is T message && isIt(message)) return message;
    }

    private sealed class Levels : ILogLevels
    {
        public List<LogOrder> Taken { get; } = [];

        public ImmutableArray<LogLevelLine> Now => [];

        public void Take(LogOrder order) => Taken.Add(order);
    }

    private sealed class Listener : ReceiveActor
    {
        public Listener(ChannelWriter<object> heard) => ReceiveAny(message =>
        {
            if (message is GetIngestStatus) Sender.Tell(new IngestStatus([new Pipeline.Ingest.TableStatus(Users, IngestState.Running, 0, 0, -1, LastFault: null, ImmutableDictionary<SplitId, long>.Empty, NewestEventAt: null, LastCommitAt: null)], 0));
            else heard.TryWrite(message);
        });
    }
}
