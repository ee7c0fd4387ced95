using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Configuration;
using Akka.Event;
using Pipeline.Testing;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Coordination.Freshness;

namespace Pipeline.Transform.Tests.Coordination.Freshness;

/// <summary>What is said of the page that tells how the tables are, by timers that the test moves.</summary>
public sealed class FreshnessActorSpec
{
    private readonly ConcurrentQueue<string> _said = [];

    [Fact]
    public async Task That_how_the_tables_are_cannot_be_written_is_told_once_with_its_end()
    {
        using var lake = new TestLake(TestGraph.Of("users { from = bronze/app/users, columns { user_id { type = long } }, key = [user_id] }", ""));
        // A directory stands where the object is to be.
        var place = lake.Lake.Store.LocalPath(LakeStatus.Path)!;
        Directory.CreateDirectory(place);
        using var system = ActorSystem.Create("freshness", ConfigurationFactory.ParseString($$"""
            akka.scheduler.implementation = "{{typeof(VirtualScheduler).AssemblyQualifiedName}}"
            akka { loglevel = INFO, stdout-loglevel = OFF, loggers = [], coordinated-shutdown.run-by-actor-system-terminate = off }
            akka { actor.provider = cluster, remote.dot-netty.tcp { hostname = 127.0.0.1, port = 0 } }
            """));
        system.EventStream.Subscribe(system.ActorOf(Props.Create(() => new Ears(_said))), typeof(LogEvent));
        var freshness = system.ActorOf(FreshnessActor.Props(lake.Tables, lake.Graph, [], new FreshnessOptions(), new StandingTables(lake.Time), lake.Time));

        await PassUntilAsync(system, freshness, Unwritten);
        for (var minute = 0; minute < 10; minute++) await PassAsync(system, freshness);
        Directory.Move(place, $"{place}.away");
        await PassUntilAsync(system, freshness, "How the tables are can be written into the lake again");

        Assert.Single(_said, line => line.Contains(Unwritten, StringComparison.Ordinal));
        Assert.NotNull(await LakeStatus.TryReadAsync(lake.Lake.Store, TestContext.Current.CancellationToken));
        await system.Terminate();
    }

    private const string Unwritten = "How the tables are cannot be written into the lake: ";

    private async Task PassUntilAsync(ActorSystem system, IActorRef freshness, string line)
    {
        using var deadline = new CancellationTokenSource(Deadlines.Test);
        while (!_said.Any(said => said.Contains(line, StringComparison.Ordinal)))
        {
            Assert.False(deadline.IsCancellationRequested, $"It never said '{line}', but: {string.Join("; ", _said)}");
            await PassAsync(system, freshness);
        }
    }

    /// <summary>A minute, in which it has its turn.</summary>
    private static async Task PassAsync(ActorSystem system, IActorRef freshness)
    {
        ((VirtualScheduler)system.Scheduler).Advance(TimeSpan.FromMinutes(1));
        await freshness.Ask<ActorIdentity>(new Identify(messageId: null), Timeout.InfiniteTimeSpan, TestContext.Current.CancellationToken);
        await Task.Delay(10, TestContext.Current.CancellationToken);
    }

    private sealed class Ears : ReceiveActor
    {
        public Ears(ConcurrentQueue<string> said) => Receive<LogEvent>(entry => said.Enqueue($"{entry.Message}"));
    }
}
