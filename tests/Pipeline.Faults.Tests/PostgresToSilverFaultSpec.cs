using System.Globalization;
using Pipeline.Ingest;
using Pipeline.Testing;

namespace Pipeline.Faults.Tests;

/// <summary>
/// Whatever happens to the nodes, the server and what is between them: Silver becomes the tables, row by row, and Bronze
/// holds each committed change once.
/// </summary>
public sealed class PostgresToSilverFaultSpec
{
    private const int KilledBySignal = 137;
    private static readonly bool IsNightly = Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1";

    [Fact]
    public async Task Killed_at_every_step_of_snapshot_and_stream_each_change_arrives_once()
    {
        using var deadline = PostgresScene.Deadline();
        await using var scene = await PostgresScene.StartAsync(deadline.Token, rows: IsNightly ? 40_000 : 15_000);
        var random = new Random(4711);
        // With a slot that no table knows of.
        await using (var first = scene.StartNode(KillPoint.BeforeBeginning))
        {
            await scene.StartWritingAsync(deadline.Token);
            Assert.Equal(KilledBySignal, await first.ExitAsync(deadline.Token));
        }

        foreach (var point in KillPoint.All) await KillAsync(point);
        await using (var reading = scene.StartNode())
        {
            await scene.UntilCapturedAsync(deadline.Token);
            reading.Kill();
        }

        // Behind the snapshot: with a file that is in no commit, and with a commit that the server does not know of.
        for (var round = IsNightly ? 5 : 1; round > 0; round--)
            foreach (var point in IsNightly ? KillPoint.All : [KillPoint.AfterUpload, KillPoint.AfterLogEntry]) await KillAsync(point);

        await using var last = scene.StartNode();
        await EndAsync(scene, last, deadline.Token);
        await scene.AssertVerifiedAsync(deadline.Token);

        async Task KillAsync(string point)
        {
            await using var node = scene.StartNode(string.Create(CultureInfo.InvariantCulture, $"{point}:{random.Next(1, 6)}"));
            Assert.Equal(KilledBySignal, await node.ExitAsync(deadline.Token));
            TestContext.Current.TestOutputHelper?.WriteLine($"killed {point}{(scene.IsSnapshotComplete ? "" : " during the snapshot")}");
        }
    }

    [Fact]
    public async Task Killed_while_Silver_is_made_it_is_made_as_if_nothing_had_happened()
    {
        using var deadline = PostgresScene.Deadline();
        await using var scene = await PostgresScene.StartAsync(deadline.Token);
        var random = new Random(42);
        var isWriting = false;

        for (var kills = IsNightly ? 20 : 3; kills > 0; kills--)
        {
            await using var node = scene.StartNode();
            if (!isWriting) await scene.StartWritingAsync(deadline.Token);
            isWriting = true;
            await scene.UntilWrittenAsync(random.Next(20, 60), deadline.Token);
            var runs = Runs();
            await scene.UntilAsync(() => Task.FromResult(Runs() > runs), deadline.Token);
            node.Kill();
        }

        await using var last = scene.StartNode();
        await EndAsync(scene, last, deadline.Token);
        await scene.AssertVerifiedAsync(deadline.Token);

        long Runs() => PostgresTable.All.Sum(table => scene.Silver(table).Run);
    }

    [Fact]
    public async Task The_server_restarted_crashed_and_cut_off_costs_time_and_nothing_else()
    {
        using var deadline = PostgresScene.Deadline();
        await using var scene = await PostgresScene.StartAsync(deadline.Token);
        await using var node = scene.StartNode();
        await scene.StartWritingAsync(deadline.Token);
        await scene.UntilWrittenAsync(50, deadline.Token);

        await scene.RestartServerAsync(deadline.Token);
        await scene.UntilWrittenAsync(50, deadline.Token);
        await scene.CrashServerAsync(deadline.Token);
        await scene.UntilWrittenAsync(50, deadline.Token);
        await scene.UntilCapturedAsync(deadline.Token);
        scene.Proxy.Cut();
        var cut = TimeProvider.System.GetTimestamp();
        // The length of the cut is what is tried here.
        await Task.Delay(TimeSpan.FromSeconds(IsNightly ? 60 : 4), deadline.Token);
        scene.Proxy.Restore();
        await scene.UntilCapturedAsync(deadline.Token);
        TestContext.Current.TestOutputHelper?.WriteLine($"Everything was captured {TimeProvider.System.GetElapsedTime(cut).TotalSeconds:0.0} s after the cut.");

        await EndAsync(scene, node, deadline.Token);
    }

    [Fact]
    public async Task A_slot_that_someone_else_dropped_halts_as_a_gap_and_says_so()
    {
        using var deadline = PostgresScene.Deadline();
        await using var scene = await PostgresScene.StartAsync(deadline.Token);
        await using var node = scene.StartNode();
        await scene.StartWritingAsync(deadline.Token);
        await scene.UntilWrittenAsync(20, deadline.Token);
        await scene.UntilCapturedAsync(deadline.Token);

        scene.Proxy.Cut();
        await scene.DropSlotAsync(deadline.Token);
        var dropped = await scene.PositionAsync(deadline.Token);
        await scene.UntilWrittenAsync(20, deadline.Token);
        scene.Proxy.Restore();
        await scene.UntilHaltedAsync(node, deadline.Token);
        await scene.UntilWrittenAsync(20, deadline.Token);

        // Whoever looks first finds the slot gone, or its successor.
        Assert.True(node.Log.Contains("it was made anew or moved on by someone else", StringComparison.Ordinal)
            || node.Log.Contains("it was dropped by someone else", StringComparison.Ordinal), node.Log);
        Assert.All(PostgresTable.All, table => Assert.InRange(PostgresScene.SlotPosition(scene.Bronze(table)), 1, dropped));
        await scene.StopWritingAsync();
    }

    [Fact]
    public async Task A_slot_dropped_before_anything_of_it_was_committed_is_a_gap_too()
    {
        using var deadline = PostgresScene.Deadline();
        await using var scene = await PostgresScene.StartAsync(deadline.Token);
        await using (var first = scene.StartNode(KillPoint.AfterLogEntry))
        {
            // With rows of the snapshot, whose changes only this slot has.
            Assert.Equal(KilledBySignal, await first.ExitAsync(deadline.Token));
        }

        await scene.StartWritingAsync(deadline.Token);
        await scene.UntilWrittenAsync(20, deadline.Token);
        await scene.DropSlotAsync(deadline.Token);
        await scene.UntilWrittenAsync(20, deadline.Token);
        await using var node = scene.StartNode();
        await scene.UntilHaltedAsync(node, deadline.Token);

        Assert.Contains("it was made anew or moved on by someone else", node.Log, StringComparison.Ordinal);
        await scene.StopWritingAsync();
    }

    [Fact]
    public async Task A_slot_dropped_before_any_table_knew_of_it_is_a_fresh_start()
    {
        using var deadline = PostgresScene.Deadline();
        await using var scene = await PostgresScene.StartAsync(deadline.Token);
        await using (var first = scene.StartNode(KillPoint.BeforeBeginning))
        {
            await scene.StartWritingAsync(deadline.Token);
            Assert.Equal(KilledBySignal, await first.ExitAsync(deadline.Token));
        }

        await scene.UntilWrittenAsync(20, deadline.Token);
        await scene.DropSlotAsync(deadline.Token);
        await scene.UntilWrittenAsync(20, deadline.Token);
        await using var node = scene.StartNode();
        await scene.UntilCapturedAsync(deadline.Token);
        await scene.UntilWrittenAsync(20, deadline.Token);

        // What was written without a slot came by the snapshot: not as changes.
        await scene.StopWritingAsync();
        await scene.UntilCapturedAsync(deadline.Token);
        await scene.UntilRefinedAsync(deadline.Token);
        foreach (var table in PostgresTable.All) await PostgresOracle.AssertSilverAsync(scene, table, deadline.Token);
        Assert.DoesNotContain(" is halted", node.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_table_truncated_while_it_is_written_is_emptied_in_Silver_too()
    {
        using var deadline = PostgresScene.Deadline();
        await using var scene = await PostgresScene.StartAsync(deadline.Token, rows: 5_000);
        await using var node = scene.StartNode();
        await scene.StartWritingAsync(deadline.Token);

        // Once beside its snapshot, once beside the stream; the partitions through their root.
        await scene.TruncateAsync("accounts", deadline.Token);
        await scene.UntilCapturedAsync(deadline.Token);
        await scene.UntilWrittenAsync(50, deadline.Token);
        await scene.TruncateAsync("accounts, documents, events", deadline.Token);
        await scene.UntilWrittenAsync(50, deadline.Token);

        await EndAsync(scene, node, deadline.Token, new Dictionary<PostgresTable, int> { [PostgresTable.Accounts] = 2, [PostgresTable.Documents] = 1, [PostgresTable.Events] = 1 });
        await scene.AssertVerifiedAsync(deadline.Token);
    }

    [Fact]
    public async Task A_full_disk_is_waited_for_and_then_Silver_is_the_tables()
    {
        using var disk = SmallDisk.TryMount(megabytes: 256);
        Assert.SkipWhen(disk is null, "Mounting a small file system needs root.");
        using var deadline = PostgresScene.Deadline();
        await using var scene = await PostgresScene.StartAsync(deadline.Token, lake: Path.Combine(disk.Path, "lake"));
        await using var node = scene.StartNode();
        await scene.StartWritingAsync(deadline.Token);
        await scene.UntilWrittenAsync(30, deadline.Token);

        disk.Fill();
        await scene.UntilAsync(() => Task.FromResult(node.Log.Contains("no space is left on the disk", StringComparison.Ordinal)), deadline.Token);
        await scene.UntilWrittenAsync(50, deadline.Token);
        disk.Free();
        await scene.UntilWrittenAsync(20, deadline.Token);

        await EndAsync(scene, node, deadline.Token);
    }

    /// <summary>Lets everything arrive, and compares.</summary>
    private static async Task EndAsync(PostgresScene scene, PipelineProcess node, CancellationToken cancellationToken, IReadOnlyDictionary<PostgresTable, int>? truncates = null)
    {
        await scene.StopWritingAsync();
        await scene.UntilCapturedAsync(cancellationToken);
        await scene.UntilRefinedAsync(cancellationToken);
        Assert.Equal(0, await node.StopAsync(cancellationToken));
        await PostgresOracle.AssertAsync(scene, cancellationToken, truncates);
        TestContext.Current.TestOutputHelper?.WriteLine($"{scene.Book.Transactions} transactions committed, {scene.Book.RolledBack.Count} rolled back.");
    }
}
