using System.Collections.Concurrent;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Delta.Parquet;
using Pipeline.Operations.Maintenance;
using Pipeline.Operations.Tables;
using Pipeline.Operations.Tests.Verification;
using Pipeline.Testing;
using static Pipeline.Operations.Tests.Verification.WholeLake;

namespace Pipeline.Operations.Tests.Maintenance;

/// <summary>The lake is cared for without anybody's word, and says when.</summary>
public sealed class LakeMaintenanceSpec
{
    private static readonly MaintainLakeRequest Request = new(_ => new DataFileOptions(), FilesMin: 3, VacuumInterval: TimeSpan.FromDays(1));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Small_files_of_every_table_that_runs_write_are_put_together_and_nothing_else_changes()
    {
        using var lake = await CopyAsync();
        for (var more = 0; more < 3; more++)
        {
            await lake.AppendEventsAsync(Event(0, 6 + more, 10 + more, "view"), [(0, 6 + more, 7 + more)]);
            await lake.RunAsync();
        }

        var before = (await lake.OpenAsync(Quality)).Current;
        var round = await MaintainAsync(lake);

        var after = (await lake.OpenAsync(Quality)).Current;
        Assert.Empty(round.Failed);
        Assert.True(before.FilesByPath.Count > 3 && after.FilesByPath.Count == 1, $"{before.FilesByPath.Count} became {after.FilesByPath.Count}");
        Assert.Equal(before.RowCount, after.RowCount);
        Assert.Contains(round.Compacted.Tables, table => table.Table == SilverEvents && table.Result.FilesRemoved > 2);
        Assert.DoesNotContain(round.Compacted.Tables, table => table.Table.Layer == Layer.Bronze);
        Assert.True((await lake.VerifyAsync(isDeep: true)).IsSound);
        await lake.AppendEventsAsync(Event(0, 9, 13, "view"), [(0, 9, 10)]);
        await lake.RunAsync();
        Assert.True((await lake.VerifyAsync()).IsSound);
    }

    [Fact]
    public async Task What_is_being_built_for_another_s_place_is_left_alone_and_is_no_table_that_anybody_waits_for()
    {
        using var lake = await CopyAsync();
        for (var more = 0; more < 3; more++)
        {
            await lake.AppendEventsAsync(Event(0, 6 + more, 10 + more, "view"), [(0, 6 + more, 7 + more)]);
            await lake.RunAsync();
        }

        var (from, to) = (lake.DirectoryOf(SilverEvents), lake.DirectoryOf(SilverEvents) + TableId.RebuildSuffix);
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(to + file[from.Length..])!);
            File.Copy(file, to + file[from.Length..]);
        }

        var round = await MaintainAsync(lake);
        var status = await StatusOfLake.RunAsync(new StatusOfLakeRequest(), lake.Lake, lake.Time, Cancel);

        Assert.Contains(round.Compacted.Tables, table => table.Table == SilverEvents);
        Assert.DoesNotContain(round.Compacted.Tables, table => table.Table.IsBeingBuilt);
        Assert.Contains(status.Tables, table => table.Table == SilverEvents);
        Assert.DoesNotContain(status.Tables, table => table.Table.IsBeingBuilt);
    }

    [Fact]
    public async Task What_nobody_needs_is_deleted_once_a_day_and_the_lake_says_when()
    {
        using var lake = await CopyAsync();
        var unnamed = Path.Combine(lake.DirectoryOf(SilverUsers), "part-00000-11111111-1111-1111-1111-111111111111.c000.snappy.parquet");
        await WriteOldAsync(lake, unnamed);

        var first = await MaintainAsync(lake);
        Assert.False(File.Exists(unnamed));
        await WriteOldAsync(lake, unnamed);
        lake.Time.Advance(TimeSpan.FromHours(23));
        var second = await MaintainAsync(lake);
        Assert.True(File.Exists(unnamed));
        lake.Time.Advance(TimeSpan.FromHours(1));
        var third = await MaintainAsync(lake);

        Assert.False(File.Exists(unnamed));
        Assert.Equal((1, 1, 1), (first.Told.FilesDeleted, second.Told.FilesDeleted, third.Told.FilesDeleted));
        Assert.Null(second.Vacuumed);
        Assert.Equal(third.Told, await LakeMaintenance.TryReadAsync(lake.Lake.Store, Cancel));
        Assert.Equal(lake.Time.GetUtcNow(), third.Told.VacuumedAt);
        Assert.Equal(third.Told, (await StatusOfLake.RunAsync(new StatusOfLakeRequest(), lake.Lake, lake.Time, Cancel)).Maintained);
        Assert.True((await lake.VerifyAsync(isDeep: true)).IsSound);
    }

    [Fact]
    public async Task A_clock_that_is_ten_years_ahead_of_the_store_s_deletes_nothing()
    {
        using var lake = await CopyAsync();
        var young = Path.Combine(lake.DirectoryOf(SilverUsers), "part-00000-11111111-1111-1111-1111-111111111111.c000.snappy.parquet");
        await File.WriteAllTextAsync(young, "about to be committed", Cancel);
        lake.Time.SetUtcNow(TimeProvider.System.GetUtcNow() + TimeSpan.FromDays(3650));

        var round = await MaintainAsync(lake);

        Assert.True(File.Exists(young));
        Assert.Empty(round.Vacuumed!.Tables.SelectMany(table => table.Dropped));
    }

    [Fact]
    public async Task One_table_that_cannot_be_read_keeps_no_other_from_its_care()
    {
        using var lake = await CopyAsync();
        await File.WriteAllTextAsync(lake.CommitOf(SilverUsers, 1), "{", Cancel);

        var round = await MaintainAsync(lake);

        Assert.Equal([SilverUsers], round.Failed.Select(failed => failed.Table).Distinct());
        Assert.Contains(round.Compacted.Tables, table => table.Table == SilverEvents);
        Assert.NotNull(round.Vacuumed);
    }

    [Fact]
    public async Task A_round_follows_however_the_one_before_it_ended()
    {
        var rounds = new ConcurrentQueue<Exception>(
        [
            new PipelineException(FaultKind.Unreachable, "Store", "is away", "Wait."), new InvalidOperationException("a defect"), new TaskCanceledException("a time-out"),
        ]);
        var whole = new TaskCompletionSource();
        using var system = ActorSystem.Create("maintenance", "akka.loglevel = OFF, akka.stdout-loglevel = OFF");

        system.ActorOf(LakeMaintenanceActor.Props(_ =>
        {
            if (rounds.TryDequeue(out var thrown)) throw thrown;
            whole.TrySetResult();
            return Task.FromResult(new MaintainLakeResult(new LakeMaintenance(DateTimeOffset.UnixEpoch, null, 0, 0, 0), new CompactTablesResult([], []), null));
        }, TimeSpan.FromMilliseconds(5)));

        await whole.Task.WaitAsync(Deadlines.Test, Cancel);
    }

    [Fact]
    public async Task What_a_round_has_done_is_measured()
    {
        using var lake = await CopyAsync();
        await WriteOldAsync(lake, Path.Combine(lake.DirectoryOf(SilverUsers), "part-00000-11111111-1111-1111-1111-111111111111.c000.snappy.parquet"));
        using var measured = new Measurements();
        var rounds = 0;
        var over = new TaskCompletionSource();
        using var system = ActorSystem.Create("maintenance", "akka.loglevel = OFF, akka.stdout-loglevel = OFF");

        system.ActorOf(LakeMaintenanceActor.Props(async _ =>
        {
            // The second round begins when the first has been told.
            if (Interlocked.Increment(ref rounds) > 1) over.TrySetResult();
            return await MaintainAsync(lake);
        }, TimeSpan.FromMilliseconds(5)));
        await over.Task.WaitAsync(Deadlines.Test, Cancel);

        Assert.True(measured.Sum(Instruments.MaintainedFiles, "put-together") > 2);
        Assert.Equal(1, measured.Sum(Instruments.MaintainedFiles, "deleted"));
    }

    private static Task<MaintainLakeResult> MaintainAsync(WholeLake lake) =>
        MaintainLake.RunAsync(Request, lake.Lake, ExecutionRemains.Of(lake.Lake, options: null, location => new Delta.Storage.LocalObjectStore(location)), lake.Time, Cancel);

    private static async Task WriteOldAsync(WholeLake lake, string path)
    {
        await File.WriteAllTextAsync(path, "nobody's", Cancel);
        File.SetLastWriteTimeUtc(path, lake.Time.GetUtcNow().UtcDateTime - TimeSpan.FromDays(8));
    }
}
