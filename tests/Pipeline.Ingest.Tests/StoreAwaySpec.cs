using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Configuration;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Ingest.Committer;
using Pipeline.Ingest.Worker;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests;

/// <summary>
/// A store that goes away and comes back, with the real worker and committer and time that only this moves: it is asked
/// seldom, one party says so when it should, and nothing is lost.
/// </summary>
public sealed class StoreAwaySpec : IAsyncDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);
    private static readonly TableId Orders = TableId.Bronze("test", "orders");

    private readonly LakeOracle _oracle = new();
    private readonly ScriptedSystem _system = new ScriptedSystem("test").WithTable("orders");
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly ConcurrentQueue<OutageNotice> _said = [];
    private readonly AwayStore _store;
    private readonly OutageWatch _outages;
    private readonly ActorSystem _actors;
    private readonly IngestMeter _meter;
    private readonly IActorRef _committer;
    private readonly IActorRef _worker;
    private readonly SplitId _split;

    public StoreAwaySpec()
    {
        _split = _system.AddSplit("orders/0", "orders");
        _store = new AwayStore(new LocalObjectStore(_oracle.Root));
        _outages = new OutageWatch(_time, _said.Enqueue);
        _actors = ActorSystem.Create("away", ConfigurationFactory.ParseString($$"""
            akka.scheduler.implementation = "{{typeof(VirtualScheduler).AssemblyQualifiedName}}"
            akka.actor.provider = cluster
            akka.remote.dot-netty.tcp { hostname = 127.0.0.1, port = 0 }
            akka.loglevel = OFF
            akka.stdout-loglevel = OFF
            """).WithFallback(ConfigurationFactory.ParseString(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "hocon", "akka.conf")))));
        var lake = new Lake(_store, _time);
        var budget = new ByteBudget(32 << 20);
        _meter = new IngestMeter(budget);
        var options = new IngestOptions { FileAgeMax = TimeSpan.FromMilliseconds(100), CommitInterval = TimeSpan.FromMilliseconds(100), CompactInterval = TimeSpan.FromDays(1) };
        _committer = _actors.ActorOf(BronzeCommitterActor.Props(Orders, lake, options, _outages, _meter, _time), "committer");
        var deadLetters = _actors.ActorOf(BronzeCommitterActor.Props(TableId.DeadLetter("test"), lake, options, _outages, _meter, _time), "dead-letters");
        var committers = _actors.ActorOf(Akka.Actor.Props.Create(() => new ByTable(_committer, deadLetters)));
        var setup = new IngestWorkerSetup(_system.Open(), new SourceTable("orders", 1), lake, committers, Monitor: null, options, budget, _meter, _outages, _time);
        _worker = _actors.ActorOf(IngestWorkerActor.Props(setup, worker: 0), "worker");
    }

    private VirtualScheduler Scheduler => (VirtualScheduler)_actors.Scheduler;

    public async ValueTask DisposeAsync()
    {
        await _actors.Terminate();
        _outages.Dispose();
        _meter.Dispose();
        _oracle.Dispose();
    }

    [Fact]
    public async Task A_store_that_is_away_is_asked_seldom_said_on_time_by_one_and_said_when_it_is_back()
    {
        _system.AppendRows(_split, "orders", 10);
        await PassUntilAsync(() => _system.Acknowledged.GetValueOrDefault(_split) == 10);

        _store.IsAway = true;
        _system.AppendRows(_split, "orders", 10);
        var wentAway = _time.GetUtcNow();
        await PassUntilAsync(() => _said.Count >= 3);
        var missedASecond = _store.Missed / (_time.GetUtcNow() - wentAway).TotalSeconds;
        _store.IsAway = false;
        await PassUntilAsync(() => _system.Acknowledged.GetValueOrDefault(_split) == 20);
        await PassUntilAsync(() => _said.Any(notice => notice.Stage == OutageStage.Returned));

        Assert.InRange(missedASecond, double.Epsilon, 1);
        Assert.Equal([OutageStage.Away, OutageStage.Away, OutageStage.Away, OutageStage.Returned], _said.Select(notice => notice.Stage));
        // Attempts take real time, in which this goes on: the first line may be late, its minutes are not.
        var seconds = _said.Select(notice => notice.Duration.TotalSeconds).ToList();
        Assert.True(seconds[0] >= 10);
        Assert.Equal([60, 60], seconds.Take(3).Zip(seconds.Skip(1), (one, next) => Math.Round(next - one)).Take(2));
        Assert.All(_said, notice => Assert.Equal($"Lake {_store.Location}", notice.Thing));
        Assert.Equal(20, (await _oracle.IdsAsync(Orders)).Distinct(StringComparer.Ordinal).Count());
    }

    private async Task PassUntilAsync(Func<bool> isReached)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (!isReached())
        {
            if (TimeProvider.System.GetElapsedTime(began) > Deadlines.Test) Assert.Fail($"Not reached. Missed: {_store.Missed}. Said: {string.Join("; ", _said)}");
            await PassAsync();
        }
    }

    /// <summary>A step of time, and an answer of each actor: what the step brought about has begun.</summary>
    private async Task PassAsync()
    {
        _time.Advance(Step);
        Scheduler.Advance(Step);
        foreach (var actor in (IActorRef[])[_worker, _committer]) await actor.Ask<ActorIdentity>(new Identify(null), Timeout.InfiniteTimeSpan).WaitAsync(Deadlines.Test);
    }

    /// <summary>In place of the shard region.</summary>
    private sealed class ByTable : ReceiveActor
    {
        public ByTable(IActorRef orders, IActorRef deadLetters) =>
            Receive<IBronzeCommand>(command => (command.Table == Orders ? orders : deadLetters).Forward(command));
    }
}
