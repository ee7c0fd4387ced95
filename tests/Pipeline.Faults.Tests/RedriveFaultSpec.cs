using Pipeline.Ingest;

namespace Pipeline.Faults.Tests;

/// <summary>Dead letters are re-driven by processes that are killed, beside a node that goes on writing the same table.</summary>
public sealed class RedriveFaultSpec
{
    private const int KilledBySignal = 137;

    /// <summary>Records from the hundredth on are larger, and dead letters by the hundreds.</summary>
    private const int RecordBytesMax = 8;

    [Fact]
    public async Task Killed_at_every_step_and_run_by_two_at_once_beside_a_node_each_record_enters_once()
    {
        using var deadline = KafkaScene.Deadline();
        await using var scene = new KafkaScene();
        await using var node = scene.StartNode(recordBytesMax: RecordBytesMax);
        await scene.UntilProgressAsync(deadline.Token);
        await scene.UntilCaughtUpAsync(deadline.Token);

        foreach (var point in (string[])[KillPoint.AfterWrite, KillPoint.AfterUpload, KillPoint.BeforeLogEntry, KillPoint.AfterLogEntry])
        {
            await scene.UntilProgressAsync(deadline.Token);
            await using var killed = scene.StartRedrive(point);
            Assert.Equal(KilledBySignal, await killed.ExitAsync(deadline.Token));
        }

        await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => scene.StartRedrive().ExitAsync(deadline.Token)));
        await scene.StopProducingAsync();
        await scene.UntilCaughtUpAsync(deadline.Token);
        Assert.Equal(0, await node.StopAsync(deadline.Token));

        // What is not text stays, which the exit code says.
        await using var last = scene.StartRedrive();
        Assert.True(await last.ExitAsync(deadline.Token) == 1, last.Log);
        await scene.AssertRedrivenOnceAsync(deadline.Token);
    }
}
