using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Confluent.Kafka;
using Pipeline.Emulation.Kafka;
using Pipeline.Ingest;
using static Pipeline.Faults.Tests.KafkaScene;

namespace Pipeline.Faults.Tests;

/// <summary>Whatever happens to the processes and the broker, each produced offset reaches the lake exactly once.</summary>
public sealed class KafkaToBronzeFaultSpec
{
    private const int KilledBySignal = 137;

    [Fact]
    public async Task Killed_at_every_step_of_the_commit_path_it_goes_on_where_the_lake_says()
    {
        using var deadline = Deadline(TimeSpan.FromMinutes(4));
        await using var scene = new KafkaScene();
        var random = new Random(4711);

        foreach (var point in KillPoint.All)
        {
            await using var node = scene.StartNode(string.Create(CultureInfo.InvariantCulture, $"{point}:{random.Next(1, 6)}"));
            Assert.Equal(KilledBySignal, await node.ExitAsync(deadline.Token));
        }

        await using var last = scene.StartNode();
        await scene.StopProducingAsync();
        await scene.UntilCaughtUpAsync(deadline.Token);
        Assert.Equal(0, await last.StopAsync(deadline.Token));
        await scene.AssertExactlyOnceAsync(deadline.Token);
    }

    [Fact]
    public async Task A_node_that_was_frozen_until_replaced_is_refused_when_it_wakes()
    {
        using var deadline = Deadline(TimeSpan.FromMinutes(3));
        await using var scene = new KafkaScene();
        await using var frozen = scene.StartNode();
        await scene.UntilProgressAsync(deadline.Token);

        frozen.Freeze();
        await using var replacement = scene.StartNode();
        await scene.UntilProgressAsync(deadline.Token);
        await scene.UntilCaughtUpAsync(deadline.Token);
        frozen.Thaw();
        await UntilAsync(() => frozen.Log.Contains("was refused because another writer moved", StringComparison.Ordinal), deadline.Token);
        await scene.StopProducingAsync();
        await scene.UntilCaughtUpAsync(deadline.Token);

        Assert.Equal(0, await frozen.StopAsync(deadline.Token));
        Assert.Equal(0, await replacement.StopAsync(deadline.Token));
        await scene.AssertExactlyOnceAsync(deadline.Token);
    }

    [Fact]
    public async Task Two_clusters_that_both_own_every_partition_do_not_write_anything_twice()
    {
        using var deadline = Deadline(TimeSpan.FromMinutes(3));
        await using var scene = new KafkaScene();
        await using var one = scene.StartNode();
        await using var two = scene.StartNode();

        await UntilAsync(() => one.Log.Contains("was refused", StringComparison.Ordinal) || two.Log.Contains("was refused", StringComparison.Ordinal), deadline.Token);
        one.Kill();
        await scene.UntilProgressAsync(deadline.Token);
        await scene.StopProducingAsync();
        await scene.UntilCaughtUpAsync(deadline.Token);

        await scene.AssertExactlyOnceAsync(deadline.Token);
    }

    [Fact]
    public async Task Brokers_that_fail_move_and_answer_late_cost_time_and_nothing_else()
    {
        using var deadline = Deadline(TimeSpan.FromMinutes(3));
        await using var scene = new KafkaScene(brokers: 2);
        await using var node = scene.StartNode();
        await scene.UntilProgressAsync(deadline.Token);

        scene.Kafka.TakeDown(2);
        scene.Kafka.FailNext(KafkaRequest.Fetch, ErrorCode.RequestTimedOut, ErrorCode.NotLeaderForPartition, ErrorCode.LeaderNotAvailable, ErrorCode.BrokerNotAvailable);
        scene.Kafka.BringUp(2);
        await scene.UntilProgressAsync(deadline.Token);
        for (var partition = 0; partition < 4; partition++) scene.Kafka.MoveLeader(KafkaScene.Topic, partition, broker: 1 + (partition + 1) % 2);
        scene.Kafka.SetRoundTrip(1, TimeSpan.FromMilliseconds(400));
        await scene.UntilProgressAsync(deadline.Token);
        scene.Kafka.SetRoundTrip(1, TimeSpan.Zero);
        await scene.StopProducingAsync();
        await scene.UntilCaughtUpAsync(deadline.Token);

        Assert.Equal(0, await node.StopAsync(deadline.Token));
        await scene.AssertExactlyOnceAsync(deadline.Token);
    }

    [Fact]
    public async Task When_one_node_of_three_is_killed_the_others_read_on()
    {
        using var deadline = Deadline(TimeSpan.FromMinutes(3));
        await using var scene = new KafkaScene(partitions: 6);
        var seedPort = FreePort();
        var seed = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{seedPort}");
        await using var first = scene.StartNode(workers: 6, port: seedPort, seed: seed);
        await using var second = scene.StartNode(workers: 6, seed: seed);
        await using var third = scene.StartNode(workers: 6, seed: seed);
        await scene.UntilProgressAsync(deadline.Token);
        await scene.UntilCaughtUpAsync(deadline.Token);

        first.Kill();
        var killedAt = TimeProvider.System.GetTimestamp();
        await scene.UntilProgressAsync(deadline.Token);
        await scene.UntilCaughtUpAsync(deadline.Token);
        TestContext.Current.TestOutputHelper?.WriteLine($"All partitions moved on {TimeProvider.System.GetElapsedTime(killedAt).TotalSeconds:0.0} s after the kill.");
        await scene.StopProducingAsync();
        await scene.UntilCaughtUpAsync(deadline.Token);

        await scene.AssertExactlyOnceAsync(deadline.Token);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
