using Pipeline.Ingest;
using Pipeline.Testing;
using static Pipeline.Faults.Tests.KafkaScene;

namespace Pipeline.Faults.Tests;

/// <summary>Whatever the storage does to whole nodes, and they die on top of it: each produced offset is there exactly once.</summary>
public sealed class KafkaToFaultyStorageSpec
{
    private const int KilledBySignal = 137;

    private static bool IsNightly => Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1";

    [Fact]
    public async Task A_bucket_that_fails_stalls_loses_answers_and_answers_late_costs_time_and_nothing_else()
    {
        using var deadline = Deadline();
        var lake = await BucketLake.StartAsync(deadline.Token);
        await using var scene = new KafkaScene(lake: lake);
        await using var first = scene.StartNode();
        await scene.UntilProgressAsync(deadline.Token);

        lake.Proxy.Use(new BucketFaults(seed: 4711).Next);
        await UntilAsync(() => lake.Proxy.Injected.Distinct().Count() == BucketFaults.Kinds, deadline.Token);
        await scene.UntilProgressAsync(deadline.Token);
        first.Kill();
        foreach (var point in IsNightly ? KillPoint.All : [])
        {
            await using var node = scene.StartNode($"{point}:3");
            Assert.Equal(KilledBySignal, await node.ExitAsync(deadline.Token));
        }

        await using var last = scene.StartNode();
        await scene.UntilProgressAsync(deadline.Token);
        lake.Proxy.Use(_ => null);

        await scene.AssertEndsExactlyOnceAsync(last, deadline.Token);
    }

    [Fact]
    public async Task A_disk_that_is_full_is_waited_for_also_by_a_node_that_starts_on_it()
    {
        using var disk = SmallDisk.TryMount(megabytes: 64);
        Assert.SkipWhen(disk is null, "Mounting a small file system needs root.");
        using var deadline = Deadline();
        await using var scene = new KafkaScene(lake: new DirectoryLake(Path.Combine(disk.Path, "lake")));
        var node = scene.StartNode();
        await scene.UntilProgressAsync(deadline.Token);

        for (var rounds = IsNightly ? 8 : 1; rounds > 0; rounds--)
        {
            var said = node.Log.Length;
            disk.Fill();
            await node.SaysAsync("no space is left on the disk", deadline.Token, after: said);
            node.Kill();
            node = scene.StartNode();
            await node.SaysAsync("no space is left on the disk", deadline.Token);
            disk.Free();
            await scene.UntilProgressAsync(deadline.Token);
        }

        await scene.AssertEndsExactlyOnceAsync(node, deadline.Token);
    }

    [Fact]
    public async Task Files_that_freshness_makes_are_put_together_so_that_their_number_stays_bounded()
    {
        using var deadline = Deadline();
        await using var scene = new KafkaScene();
        await using var node = scene.StartNode(ingest: "profile = low-latency, compact-interval = 1s, compact-files-min = 4");
        // However slowly they are put together: in the end far more were made than ever were part of the table at once.
        var (made, most) = (0, 0);
        while (made < 400 || made < 3 * most)
        {
            var events = await scene.EventsAsync();
            (made, most) = (events.Added.Count, Math.Max(most, events.Files.Count));
            await Task.Delay(50, deadline.Token);
        }

        await scene.AssertEndsExactlyOnceAsync(node, deadline.Token);
        TestContext.Current.TestOutputHelper?.WriteLine($"Of {made} files at most {most} were part of the table.");
    }
}
