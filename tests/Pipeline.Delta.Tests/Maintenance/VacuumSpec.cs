using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Maintenance;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Reading;
using Pipeline.Delta.Table;
using Pipeline.Testing;

namespace Pipeline.Delta.Tests.Maintenance;

/// <summary>Files get their age from the disk, so the table's clock runs ahead of it.</summary>
public sealed class VacuumSpec : IDisposable
{
    private static readonly VacuumOptions Now = new(TimeSpan.Zero, AllowsShortRetention: true);

    private static readonly string[] Names = ["part-0.parquet", "_SUCCESS", "_temporary/0/part-1.parquet", "p=1/part-2.parquet"];

    private readonly Scratch _scratch = new();
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow().AddDays(30));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Deletes_what_left_the_table_before_the_retention()
    {
        var table = await CompactedAsync();
        var orphan = await TestTables.WriteFileAsync(table, TestTables.Rows(9));

        var early = await Vacuum.RunAsync(table, new VacuumOptions(), Cancel);
        _time.Advance(TimeSpan.FromDays(8));
        var dry = await Vacuum.RunAsync(table, new VacuumOptions(IsDryRun: true), Cancel);
        var filesAfterDryRun = DataFiles();
        var real = await Vacuum.RunAsync(table, new VacuumOptions(), Cancel);

        // Removed by the clock of the table a moment ago; the orphan lies on a disk whose clock is a month behind.
        Assert.Equal([orphan.Path], early.Paths);
        Assert.Equal((2L, 3), (dry.Files, filesAfterDryRun));
        Assert.Equal(dry.Paths, real.Paths);
        Assert.Equal(1, DataFiles());
        Assert.Equal([1, 2], DuckDbRows.Keys(table, table.Current));
    }

    [Fact]
    public async Task Deletes_nothing_that_a_link_leads_to()
    {
        var table = await CompactedAsync();
        using var elsewhere = new ScratchDirectory("elsewhere-");
        var inside = table.Store.LocalPath(table.Path)!;
        File.WriteAllText(Path.Combine(elsewhere, "part-0.parquet"), "not ours");
        File.WriteAllText(Path.Combine(elsewhere, $".part-1.parquet.{Guid.NewGuid():N}.tmp"), "not ours");
        Directory.CreateSymbolicLink(Path.Combine(inside, "elsewhere"), elsewhere);
        Directory.CreateSymbolicLink(Path.Combine(inside, "back"), inside);
        _time.Advance(TimeSpan.FromDays(60));

        var result = await Vacuum.RunAsync(table, Now, Cancel);

        Assert.DoesNotContain(result.Paths, path => path.Contains("elsewhere", StringComparison.Ordinal) || path.Contains("back", StringComparison.Ordinal));
        Assert.Equal((2L, 2), (result.Files, Directory.GetFiles(elsewhere).Length));
        Assert.Equal([1, 2], DuckDbRows.Keys(table, table.Current));
    }

    [Fact]
    public async Task Leaves_alone_what_readers_and_pinned_versions_need()
    {
        var table = await CompactedAsync();
        var before = await table.AtVersionAsync(2, Cancel);
        _time.Advance(TimeSpan.FromDays(8));

        await using (var reading = TableReader.ReadAsync(table, before, new ReadOptions(), Cancel).GetAsyncEnumerator(Cancel))
        {
            Assert.True(await reading.MoveNextAsync());
            Assert.Equal(0, (await Vacuum.RunAsync(table, Now, Cancel)).Files);
        }

        Assert.Equal(0, (await Vacuum.RunAsync(table, Now with { PinnedVersions = [2] }, Cancel)).Files);
        Assert.Equal(1, (await Vacuum.RunAsync(table, Now with { PinnedVersions = [1] }, Cancel)).Files);
        Assert.Equal(1, (await Vacuum.RunAsync(table, Now, Cancel)).Files);
        Assert.Equal([1, 2], DuckDbRows.Keys(table, table.Current));
    }

    [Fact]
    public async Task Leaves_the_files_that_a_reader_of_changes_has_not_got_to()
    {
        var table = await CompactedAsync();
        _time.Advance(TimeSpan.FromDays(8));
        var written = await PathsOfChangesAsync(table);

        var nobody = await Vacuum.RunAsync(table, Now with { IsDryRun = true, ChangesAfter = 2 }, Cancel);
        var second = await Vacuum.RunAsync(table, Now with { IsDryRun = true, ChangesAfter = 1 }, Cancel);
        var all = await Vacuum.RunAsync(table, Now with { ChangesAfter = 0 }, Cancel);

        Assert.Equal(written.Order(StringComparer.Ordinal), nobody.Paths.Order(StringComparer.Ordinal));
        Assert.Equal([written[0]], second.Paths);
        Assert.Empty(all.Paths);
    }

    [Fact]
    public async Task A_reader_of_changes_whose_commits_are_gone_from_the_log_holds_what_is_left()
    {
        var table = await CompactedAsync();
        _time.Advance(TimeSpan.FromDays(8));
        var written = await PathsOfChangesAsync(table);
        await CheckpointWriter.WriteAsync(table.Store, table.Path, table.Current, _time.GetUtcNow(), Cancel);
        foreach (var version in (int[])[0, 1]) File.Delete(Path.Combine(_scratch.Root, "t", "_delta_log", $"{version:D20}.json"));

        var result = await Vacuum.RunAsync(table, Now with { ChangesAfter = 0 }, Cancel);

        Assert.Equal([written[0]], result.Paths);
    }

    [Fact]
    public async Task Refuses_a_retention_below_the_tables()
    {
        var table = await CompactedAsync();

        var refusal = await Assert.ThrowsAsync<PipelineException>(async () => await Vacuum.RunAsync(table, new VacuumOptions(TimeSpan.FromDays(1)), Cancel));

        Assert.Equal(FaultKind.Invalid, refusal.Kind);
        Assert.Contains("delta.deletedFileRetentionDuration of 7.00:00:00", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Leaves_the_log_and_hidden_directories_alone()
    {
        var table = await CompactedAsync();
        Directory.CreateDirectory(Path.Combine(_scratch.Root, "t", "_other"));
        await File.WriteAllTextAsync(Path.Combine(_scratch.Root, "t", "_other", "x.parquet"), "x", Cancel);
        _time.Advance(TimeSpan.FromDays(8));

        var result = await Vacuum.RunAsync(table, Now, Cancel);

        Assert.DoesNotContain(result.Paths, path => path.StartsWith('_'));
        Assert.True(File.Exists(Path.Combine(_scratch.Root, "t", "_other", "x.parquet")));
        Assert.NotNull(await DeltaTable.TryOpenAsync(_scratch.Store(), "t", _time, Cancel));
    }

    [Fact]
    public async Task Deletes_what_a_killed_writer_left_unfinished_and_nothing_while_it_writes()
    {
        var table = await CompactedAsync();
        await File.WriteAllTextAsync(Path.Combine(_scratch.Root, "t", ".part-0.parquet.crc"), "of another writer", Cancel);
        using var writer = await ChildProcess.BeginAsync(WritingProcess.Verb, _scratch.Root);
        var hidden = Hidden();

        var alive = await Vacuum.RunAsync(table, Now with { IsDryRun = true }, Cancel);
        writer.Kill();
        await writer.WaitForExitAsync(Cancel);
        var dry = await Vacuum.RunAsync(table, Now with { IsDryRun = true }, Cancel);
        var afterDryRun = Hidden();
        var real = await Vacuum.RunAsync(table, Now, Cancel);

        Assert.Equal(3, hidden.Count);
        Assert.Equal(hidden, afterDryRun);
        Assert.DoesNotContain(alive.Paths, IsUnfinished);
        Assert.Equal(2, dry.Paths.Count(IsUnfinished));
        Assert.Contains(dry.Paths, path => path.StartsWith("_delta_log/00000000000000000010.checkpoint.parquet (unfinished upload .0", StringComparison.Ordinal));
        Assert.True(dry.Bytes >= 100_000);
        Assert.Equal(dry.Paths, real.Paths);
        Assert.Equal([".part-0.parquet.crc"], Hidden());
        Assert.Equal([1, 2], DuckDbRows.Keys(table, table.Current));
    }

    /// <summary>Nobody has the file open any more, but a clock or a lock may be wrong: a day is given in any case.</summary>
    [Fact]
    public async Task Leaves_an_unfinished_upload_of_the_last_day_whatever_the_retention()
    {
        var table = await CompactedAsync();
        var left = Path.Combine(_scratch.Root, "t", $".part-9.parquet.{Guid.NewGuid():N}.tmp");
        await File.WriteAllTextAsync(left, "half", Cancel);

        File.SetLastWriteTimeUtc(left, _time.GetUtcNow().UtcDateTime.AddHours(-23));
        var young = await Vacuum.RunAsync(table, Now, Cancel);
        _time.Advance(TimeSpan.FromHours(2));
        var old = await Vacuum.RunAsync(table, Now, Cancel);

        Assert.DoesNotContain(young.Paths, IsUnfinished);
        Assert.Single(old.Paths, IsUnfinished);
    }

    [Fact]
    public async Task What_an_execution_has_left_goes_when_it_is_over_and_old_and_never_before() =>
        await Gen.Select(Gen.Select(Gen.Int[0, 20], Gen.Int[0, 3].Select(at => Names[at]), Gen.Int[0, 3]).Array[0, 6], Gen.Int[0, 12], Gen.Int[1, 12], Gen.Int[0, 3])
            .SampleAsync(async given =>
            {
                var (files, retention, longest, open) = given;
                using var scratch = new Scratch();
                var table = await TestTables.OpenAsync(scratch.Store(), time: _time);
                await TestTables.AppendAsync(table, 1);
                var ages = new Dictionary<string, int>(StringComparer.Ordinal);
                foreach (var (days, name, execution) in files)
                {
                    var path = $"x-e{execution}/{name}";
                    ages[path] = days;
                    var file = new FileInfo(Path.Combine(scratch.Root, "t", path));
                    file.Directory!.Create();
                    await File.WriteAllTextAsync(file.FullName, "x", Cancel);
                    file.LastWriteTimeUtc = _time.GetUtcNow().UtcDateTime.AddDays(-days).AddMinutes(-1);
                }

                var options = new VacuumOptions(TimeSpan.FromDays(retention), AllowsShortRetention: true) { ExecutionAgeMin = TimeSpan.FromDays(longest), IsExecutionOpen = execution => execution == $"e{open}" };
                var result = await Vacuum.RunAsync(table, options, Cancel);

                var gone = ages.Where(pair => pair.Value >= retention && pair.Value >= longest && !pair.Key.StartsWith($"x-e{open}/", StringComparison.Ordinal)).Select(pair => pair.Key).Order(StringComparer.Ordinal);
                Assert.Equal(gone, result.Paths.Where(path => path.StartsWith("x-", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
                Assert.Equal(ages.Keys.Except(result.Paths).Order(StringComparer.Ordinal), Directory.GetFiles(Path.Combine(scratch.Root, "t"), "*", SearchOption.AllDirectories)
                    .Select(file => Path.GetRelativePath(Path.Combine(scratch.Root, "t"), file)).Where(path => path.StartsWith("x-", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
                // With its last file a directory goes.
                Assert.DoesNotContain(Directory.GetDirectories(Path.Combine(scratch.Root, "t"), "*", SearchOption.AllDirectories), directory => !Directory.EnumerateFileSystemEntries(directory).Any());
            }, iter: 60);

    [Fact]
    public async Task What_an_execution_has_committed_stays()
    {
        var table = await TestTables.OpenAsync(_scratch.Store(), time: _time);
        var written = await TestTables.WriteFileAsync(table, TestTables.Rows(1));
        var root = Path.Combine(_scratch.Root, "t");
        Directory.CreateDirectory(Path.Combine(root, "x-e1"));
        File.Move(Path.Combine(root, written.Path), Path.Combine(root, "x-e1", "part-0.parquet"));
        await File.WriteAllTextAsync(Path.Combine(root, "x-e1", "part-1.parquet"), "x", Cancel);
        await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Adds = [written with { Path = "x-e1/part-0.parquet" }] });

        var result = await Vacuum.RunAsync(table, Now with { ExecutionAgeMin = TimeSpan.FromDays(1) }, Cancel);

        Assert.Equal(["x-e1/part-1.parquet"], result.Paths);
        Assert.Equal([1], DuckDbRows.Keys(table, table.Current));
    }

    [Fact]
    public async Task The_log_keeps_every_version_inside_its_retention()
    {
        var table = await TestTables.OpenAsync(_scratch.Store(), time: TimeProvider.System,
            configuration: new Dictionary<string, string> { ["delta.checkpointInterval"] = "5", ["delta.logRetentionDuration"] = "interval 10 days" });
        for (var key = 1; key <= 12; key++)
        {
            await TestTables.AppendAsync(table, key);
            await table.PendingCheckpoint;
        }

        SetAge(0, 7, TimeSpan.FromDays(20));
        SetAge(8, 12, TimeSpan.FromDays(2));

        var deleted = await LogCleanup.RunAsync(table.Handle, table.Current, Cancel);

        // 7 was the newest ten days ago: it is rebuilt from the checkpoint of 5.
        Assert.Equal(5, deleted.Deleted);
        Assert.Null(table.CheckpointFailure);
        for (var version = 5; version <= 12; version++)
            Assert.Equal(version, (await table.AtVersionAsync(version, Cancel)).FilesByPath.Count);
        var gone = await Assert.ThrowsAsync<PipelineException>(async () => await table.AtVersionAsync(4, Cancel));
        Assert.Equal(FaultKind.Missing, gone.Kind);
        Assert.Contains("version 4 can no longer be read: the oldest is 5", gone.Message, StringComparison.Ordinal);
    }

    /// <summary>Two files, made one by a compaction in version 3.</summary>
    private async Task<DeltaTable> CompactedAsync()
    {
        var table = await TestTables.OpenAsync(_scratch.Store(), time: _time);
        await TestTables.AppendAsync(table, 1);
        await TestTables.AppendAsync(table, 2);
        await Compaction.RunAsync(table, new CompactionOptions(new DataFileOptions()), Cancel);
        return table;
    }

    /// <summary>The files of the two appends, in their order.</summary>
    private static async Task<List<string>> PathsOfChangesAsync(DeltaTable table)
    {
        var paths = new List<string>();
        await foreach (var (_, actions) in table.ChangesAsync(0, 2, Cancel)) paths.AddRange(actions.OfType<AddFile>().Select(add => add.Path));
        return paths;
    }

    private static bool IsUnfinished(string path) => path.Contains("(unfinished upload ", StringComparison.Ordinal);

    private List<string> Hidden() => [.. Directory.EnumerateFiles(_scratch.Root, ".*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None })
        .Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    private int DataFiles() => Directory.GetFiles(Path.Combine(_scratch.Root, "t"), "*.parquet").Length;

    private void SetAge(long fromVersion, long upToVersion, TimeSpan age)
    {
        foreach (var file in Directory.GetFiles(Path.Combine(_scratch.Root, "t", "_delta_log"), "0*"))
        {
            var version = long.Parse(Path.GetFileName(file)[..20]);
            if (version >= fromVersion && version <= upToVersion) File.SetLastWriteTimeUtc(file, TimeProvider.System.GetUtcNow().UtcDateTime - age);
        }
    }
}
