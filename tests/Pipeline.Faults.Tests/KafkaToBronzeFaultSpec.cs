using System.Globalization;
using Confluent.Kafka;
using Pipeline.Emulation.Kafka;
using Pipeline.Ingest;
using Pipeline.Testing;
using static Pipeline.Faults.Tests.KafkaScene;

namespace Pipeline.Faults.Tests;

/// <summary>Whatever happens to the processes and the broker, each produced offset reaches the lake exactly once.</summary>
public sealed class KafkaToBronzeFaultSpec
{
    private const int KilledBySignal = 137;
    private const int TriesMax = 3;
    private static readonly TimeSpan TakeoverMax = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task Killed_at_every_step_of_the_commit_path_it_goes_on_where_the_lake_says()
    {
        using var deadline = Deadline();
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
        using var deadline = Deadline();
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
        using var deadline = Deadline();
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
        using var deadline = Deadline();
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
    public async Task Killed_between_letters_and_rows_and_started_with_another_decoding_each_offset_arrives_once()
    {
        using var deadline = KafkaScene.Deadline();
        await using var scene = new KafkaScene();
        for (var life = 0; life < 6; life++)
        {
            // A few bytes, or all that are there: what was a row is a dead letter, and the other way round.
            await using var killed = scene.StartNode($"{KillPoint.AfterLogEntry}:{1 + life % 3}", recordBytesMax: life % 2 == 0 ? 1 << 20 : 8);
            Assert.Equal(KilledBySignal, await killed.ExitAsync(deadline.Token));
        }

        await using var last = scene.StartNode(recordBytesMax: 8);
        await scene.AssertEndsExactlyOnceAsync(last, deadline.Token);
    }

    /// <summary>
    /// The oldest is killed, which also hosts what decides where work goes. A busy machine may need a second try to be in
    /// time; none may lose a record.
    /// </summary>
    [Fact]
    public async Task When_one_node_of_three_is_killed_the_others_read_all_its_partitions_within_ten_seconds()
    {
        using var deadline = Deadline();
        await using var scene = new KafkaScene(partitions: 6);
        var ports = LoopbackPort.Free(3);
        var nodes = ports.Select(port => (Port: port, Process: Start(scene, port, ports))).ToList();
        await UntilAllSeeAsync(scene, nodes, deadline.Token);

        var takeovers = new List<TimeSpan>();
        while (takeovers.Count < TriesMax && !takeovers.Exists(takeover => takeover <= TakeoverMax))
        {
            await scene.UntilProgressAsync(deadline.Token);
            await scene.UntilCaughtUpAsync(deadline.Token);
            await UntilAllSeeAsync(scene, nodes, deadline.Token);
            var (port, oldest) = nodes[0];
            nodes.RemoveAt(0);
            oldest.Kill();
            var killedAt = TimeProvider.System.GetTimestamp();
            await scene.UntilProgressAsync(deadline.Token);
            takeovers.Add(TimeProvider.System.GetElapsedTime(killedAt));
            nodes.Add((port, Join(scene, port, nodes)));
            await UntilAllSeeAsync(scene, nodes, deadline.Token);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"All partitions moved on so many seconds after the kill: {string.Join(", ", takeovers.Select(takeover => takeover.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture)))}.");
        // The seconds are those of a machine that has time for three nodes.
        Assert.True(takeovers.Exists(takeover => takeover <= TakeoverMax) || MachineLoad.IsHeavy, string.Join(", ", takeovers));
        await scene.StopProducingAsync();
        await scene.UntilCaughtUpAsync(deadline.Token);
        await scene.AssertExactlyOnceAsync(deadline.Token);
    }

    [Fact]
    public async Task A_node_of_three_that_is_frozen_is_given_up_by_the_others_and_ends_when_it_wakes()
    {
        using var deadline = Deadline();
        await using var scene = new KafkaScene(partitions: 6);
        var ports = LoopbackPort.Free(3);
        var nodes = ports.Select(port => (Port: port, Process: Start(scene, port, ports))).ToList();
        await UntilAllSeeAsync(scene, nodes, deadline.Token);
        await scene.UntilProgressAsync(deadline.Token);

        var frozen = nodes[0].Process;
        frozen.Freeze();
        await nodes[1].Process.SaysAsync($"Node 127.0.0.1:{nodes[0].Port} was given up", deadline.Token);
        await scene.UntilProgressAsync(deadline.Token);
        frozen.Thaw();

        Assert.NotEqual(0, await frozen.ExitAsync(deadline.Token));
        Assert.Contains("taken out of the cluster", frozen.Log, StringComparison.Ordinal);
        await scene.StopProducingAsync();
        await scene.UntilCaughtUpAsync(deadline.Token);
        await scene.AssertExactlyOnceAsync(deadline.Token);
    }

    private static PipelineProcess Start(KafkaScene scene, int port, IEnumerable<int> seeds) => scene.StartNode(workers: 6, port: port, seedPorts: seeds);

    /// <summary>A node that comes back does not begin a cluster of its own when the others take long to answer.</summary>
    private static PipelineProcess Join(KafkaScene scene, int port, IEnumerable<(int Port, PipelineProcess Process)> nodes) =>
        Start(scene, port, nodes.Select(node => node.Port).Where(other => other != port));

    /// <summary>
    /// Waits until the nodes see each other. One that stood still until the others gave it up has ended, and is started again, as
    /// whoever runs a service does.
    /// </summary>
    private static async Task UntilAllSeeAsync(KafkaScene scene, List<(int Port, PipelineProcess Process)> nodes, CancellationToken cancellationToken)
    {
        while (nodes.Exists(node => node.Process.HasEnded || !node.Process.Log.Contains($"{nodes.Count} in the cluster", StringComparison.Ordinal)))
        {
            for (var i = 0; i < nodes.Count; i++)
            {
                var (port, process) = nodes[i];
                if (!process.HasEnded) continue;
                Assert.Contains("taken out of the cluster", process.Log, StringComparison.Ordinal);
                nodes[i] = (port, Join(scene, port, nodes));
            }

            await Task.Delay(50, cancellationToken);
        }
    }
}
