using Pipeline.Testing;

namespace Pipeline.Faults.Tests;

/// <summary>The clock of a node, or of the server, is set back by an hour while everything runs: Silver becomes the tables, row by row.</summary>
public sealed class ClockFaultSpec
{
    private static readonly TimeSpan AnHourBack = TimeSpan.FromHours(-1);

    [Fact]
    public async Task A_node_whose_clock_is_set_back_goes_on_as_if_nothing_had_happened()
    {
        using var clock = FakeClock.Create();
        using var deadline = PostgresScene.Deadline();
        await using var scene = await PostgresScene.StartAsync(deadline.Token);
        await ReadingsTable.CreateAsync(scene, deadline.Token);
        await using (var first = scene.StartNode(environment: clock.Environment))
        {
            await scene.StartWritingAsync(deadline.Token);
            await scene.UntilWrittenAsync(30, deadline.Token);
            await scene.UntilCapturedAsync(deadline.Token);
            await scene.UntilRefinedAsync(deadline.Token);

            clock.Move(AnHourBack);
            await scene.UntilWrittenAsync(30, deadline.Token);
            await scene.UntilCapturedAsync(deadline.Token);
            await scene.UntilRefinedAsync(deadline.Token);
            Assert.Equal(2, first.Log.Split("ahead of this node's clock").Length);
            first.Kill();
        }

        // Also one that starts with a lake from its future.
        await using var last = scene.StartNode(environment: clock.Environment);
        await scene.UntilWrittenAsync(30, deadline.Token);
        await EndAsync(scene, last, deadline.Token);
        Assert.True(await IsStampedBackAsync(scene, deadline.Token), "the clock was not moved");
        await scene.AssertVerifiedAsync(deadline.Token);
    }

    [Fact]
    public async Task A_server_whose_clock_is_set_back_is_read_on_as_if_nothing_had_happened()
    {
        using var clock = FakeClock.Create();
        using var deadline = PostgresScene.Deadline();
        await using var scene = await PostgresScene.StartAsync(deadline.Token, serverEnvironment: clock.Environment);
        await ReadingsTable.CreateAsync(scene, deadline.Token);
        await using var node = scene.StartNode();
        await scene.StartWritingAsync(deadline.Token);
        await scene.UntilWrittenAsync(30, deadline.Token);
        await scene.UntilAsync(() => Task.FromResult(LogReplay.Of(Path.Combine(scene.Lake, "bronze", "clocked", "readings")).Positions.Any(pair => pair.Key.StartsWith("clocked/", StringComparison.Ordinal) && pair.Value > 0)), deadline.Token);

        clock.Move(AnHourBack);
        await node.SaysAsync("it was set back", deadline.Token);
        await scene.UntilWrittenAsync(30, deadline.Token);
        await EndAsync(scene, node, deadline.Token);

        Assert.DoesNotContain("is halted", node.Log, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(-10)]
    [InlineData(24 * 60)]
    public async Task Two_nodes_whose_clocks_are_apart_read_each_offset_once_and_go_on_when_one_of_them_is_killed(int minutes)
    {
        using var clock = FakeClock.Create();
        clock.Move(TimeSpan.FromMinutes(minutes));
        using var deadline = KafkaScene.Deadline();
        await using var scene = new KafkaScene();
        var ports = LoopbackPort.Free(2);
        await using var right = scene.StartNode(workers: 4, port: ports[0], seedPorts: [ports[0]]);
        await right.SaysAsync("1 in the cluster", deadline.Token);
        await using var wrong = scene.StartNode(workers: 4, port: ports[1], seedPorts: [ports[0]], environment: clock.Environment);
        await right.SaysAsync("2 in the cluster", deadline.Token);
        await scene.UntilProgressAsync(deadline.Token);
        await scene.UntilCaughtUpAsync(deadline.Token);

        wrong.Kill();
        await scene.UntilProgressAsync(deadline.Token);
        await scene.AssertEndsExactlyOnceAsync(right, deadline.Token);
        Assert.DoesNotContain("is halted", right.Log, StringComparison.Ordinal);
    }

    private static async Task EndAsync(PostgresScene scene, PipelineProcess node, CancellationToken cancellationToken)
    {
        await scene.StopWritingAsync();
        await scene.UntilCapturedAsync(cancellationToken);
        await scene.UntilRefinedAsync(cancellationToken);
        await ReadingsTable.UntilRefinedAsync(scene, cancellationToken);
        Assert.Equal(0, await node.StopAsync(cancellationToken));
        await PostgresOracle.AssertAsync(scene, cancellationToken);
    }

    /// <summary>Whether a later change entered the lake at an earlier time.</summary>
    private static async Task<bool> IsStampedBackAsync(PostgresScene scene, CancellationToken cancellationToken)
    {
        var times = await FileQuery.RowsAsync($"""
            SELECT max(before - _ingested_at) > INTERVAL 30 MINUTE FROM
              (SELECT _ingested_at, max(_ingested_at) OVER (ORDER BY _position) AS before FROM {FileQuery.Relation(scene.Bronze(PostgresTable.Accounts).Files)})
            """, cancellationToken);
        return (bool)times[0][0]!;
    }
}
