using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Maintenance;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Places;
using Pipeline.Delta.Storage;
using Pipeline.Operations.Backups;
using Pipeline.Operations.Inspection;
using Pipeline.Operations.Tests.Verification;
using Pipeline.Operations.Verification;
using Pipeline.Testing;
using static Pipeline.Operations.Tests.Verification.WholeLake;

namespace Pipeline.Operations.Tests.Backups;

/// <summary>A lake is copied while it is written, and what is brought back is whole and goes on.</summary>
public sealed class BackupSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("backups-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private LocalObjectStore Place => new(Path.Combine(_directory, "backups"));

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Between_any_two_commits_it_has_versions_that_belong_together_and_that_go_on_to_the_same_rows()
    {
        using var lake = await CopyAsync();
        await AppendAsync(lake);
        var numbers = new List<int> { await BackUpAsync(lake) };
        await lake.RunAsync(_ => numbers.Add(Task.Run(() => BackUpAsync(lake), Cancel).GetAwaiter().GetResult()));
        numbers.Add(await BackUpAsync(lake));
        Assert.True(numbers.Count > 8, $"{numbers.Count}");

        foreach (var number in Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? numbers : numbers.Where((_, i) => i % 3 == 1))
        {
            using var restored = await RestoreAsync(lake, number);
            await AssertWholeAsync(restored);
            await restored.RunAsync();
            await AssertWholeAsync(restored);
            foreach (var table in (TableId[])[SilverEvents, SilverUsers, SilverOrders, Quarantine, DeletedUsers, Totals]) Assert.Equal(await RowsAsync(lake, table), await RowsAsync(restored, table));
        }
    }

    [Fact]
    public async Task While_it_is_written_run_and_put_together_each_backup_is_whole()
    {
        using var lake = await CopyAsync();
        var numbers = new List<int>();
        var writing = Task.Run(async () =>
        {
            for (var round = 0; round < 4; round++)
            {
                await AppendAsync(lake, round);
                await lake.RunAsync();
                foreach (var table in (TableId[])[Events, Users, SilverEvents, Quality]) await Compaction.RunAsync(await lake.OpenAsync(table), new CompactionOptions(new DataFileOptions()), Cancel);
            }
        }, Cancel);
        do numbers.Add(await BackUpAsync(lake));
        while (!writing.IsCompleted);
        await writing;

        foreach (var number in numbers.Take(2).Append(numbers[^1]).Distinct())
        {
            using var restored = await RestoreAsync(lake, number);
            await AssertWholeAsync(restored);
            // It goes on.
            await AppendAsync(restored, round: 9, isNext: true);
            await restored.RunAsync();
            await AssertWholeAsync(restored);
        }
    }

    [Fact]
    public async Task Only_what_has_come_since_is_copied_and_what_was_cut_off_is_gone_on_with()
    {
        using var lake = await CopyAsync();
        await BackUpAsync(lake);
        Assert.Equal(0, (await CopiedAsync(lake)).Objects);

        await AppendAsync(lake);
        var (objects, bytes) = await CopiedAsync(lake);

        // A file and a commit of each of the three tables, and a letter's.
        Assert.InRange(objects, 6, 10);
        Assert.True(bytes > 0);
        var broken = Directory.EnumerateFiles(Path.Combine(_directory, "backups", "tables", "bronze"), "*.parquet", SearchOption.AllDirectories).First();
        File.Delete(broken);
        Assert.Equal(1, (await CopiedAsync(lake)).Objects);
    }

    [Fact]
    public async Task A_restore_that_is_cut_off_goes_on_and_nothing_is_restored_over_what_is_there()
    {
        using var lake = await CopyAsync();
        var number = await BackUpAsync(lake);
        var target = new Lake(new LocalObjectStore(Path.Combine(_directory, "target")), lake.Time);
        var tables = 0;
        await Assert.ThrowsAsync<IOException>(() => RestoreLake.RunAsync(new RestoreLakeRequest(number), target, Place, lake.Time, _ => { if (++tables == 4) throw new IOException("killed"); }, Cancel));

        var result = await RestoreLake.RunAsync(new RestoreLakeRequest(), target, Place, lake.Time, _ => { }, Cancel);

        Assert.Superset(All.ToHashSet(), result.Tables.Select(table => table.Table).ToHashSet());
        Assert.All(result.Tables.Take(4), table => Assert.Equal(0, table.Objects));
        Assert.Equal(await lake.Lake.IdAsync(Cancel), await target.IdAsync(Cancel));
        var refused = await Assert.ThrowsAsync<PipelineException>(() => RestoreLake.RunAsync(new RestoreLakeRequest(), target, Place, lake.Time, _ => { }, Cancel));
        Assert.Equal((FaultKind.Invalid, "it has tables"), (refused.Kind, refused.Cause));
    }

    [Theory]
    [InlineData(99, "_delta_log/00000000000000000099.json")]
    [InlineData(0, "_delta_log/00000000000000000000.json")]
    public async Task A_lake_whose_restore_was_cut_off_gets_no_id_and_a_table_that_was_written_to_meanwhile_is_not_restored_over(long version, string named)
    {
        using var lake = await CopyAsync();
        await BackUpAsync(lake);
        var target = new Lake(new LocalObjectStore(Path.Combine(_directory, "target")), lake.Time);
        await Assert.ThrowsAsync<IOException>(() => RestoreLake.RunAsync(new RestoreLakeRequest(), target, Place, lake.Time, _ => throw new IOException("killed"), Cancel));

        var unfinished = await Assert.ThrowsAsync<PipelineException>(() => target.IdAsync(Cancel).AsTask());
        // A table that is there goes on, or one that is not is begun anew.
        var table = version == 0 ? Orders : (await LakeInventory.TablesAsync(target, Cancel).ToListAsync(Cancel)).Single();
        var path = $"{table}/_delta_log/{version:D20}.json";
        await target.Store.PutAsync(path, "{}"u8.ToArray(), Cancel);
        var refused = await Assert.ThrowsAsync<PipelineException>(() => RestoreLake.RunAsync(new RestoreLakeRequest(), target, Place, lake.Time, _ => { }, Cancel));

        Assert.Contains("Run './pipeline restore' again", unfinished.NextStep, StringComparison.Ordinal);
        Assert.Equal((FaultKind.Invalid, $"Table {table} in {target.Store.Location}"), (refused.Kind, refused.Thing));
        Assert.StartsWith($"its {named} is not the backup's", refused.Cause, StringComparison.Ordinal);
        Assert.Equal("{}"u8.ToArray(), await target.Store.TryGetAsync(path, Cancel));
    }

    [Fact]
    public async Task Another_lake_s_backups_a_table_that_went_another_way_and_a_backup_that_lacks_something_are_said()
    {
        using var lake = await CopyAsync();
        await BackUpAsync(lake);
        await AppendAsync(lake);
        var copy = Path.Combine(_directory, "older");
        CopyDirectory(lake.Directory, copy);
        await AppendAsync(lake, 1);
        await BackUpAsync(lake);

        using var older = CopyOf(copy);
        await AppendAsync(older, 2, isNext: true);
        var astray = (await BackUpLake.RunAsync(older.Lake, Place, older.Time, _ => { }, Cancel)).Failed;
        Assert.Contains(astray, failed => failed.Table == Events && failed.Fault.Cause.Contains("it was restored from an older copy since", StringComparison.Ordinal));
        Assert.All(astray, failed => Assert.True(failed.Table.Layer == Layer.Bronze == failed.Fault.Cause.Contains("it was restored from an older copy since", StringComparison.Ordinal), failed.ToString()));

        File.Delete(Path.Combine(older.Directory, "_pipeline", "lake.json"));
        var another = await Assert.ThrowsAsync<PipelineException>(() => BackUpLake.RunAsync(older.Lake, Place, older.Time, _ => { }, Cancel));
        Assert.Contains("Give each lake a place of its own.", another.NextStep, StringComparison.Ordinal);

        var file = Directory.EnumerateFiles(Path.Combine(_directory, "backups", "tables", "silver"), "*.parquet", SearchOption.AllDirectories).First(path => !path.Contains("_delta_log", StringComparison.Ordinal));
        await File.WriteAllBytesAsync(file, (await File.ReadAllBytesAsync(file, Cancel))[1..], Cancel);
        var number = (await BackupManifest.NumbersAsync(Place, Cancel))[^1];
        var cut = await Assert.ThrowsAsync<PipelineException>(() => RestoreAsync(lake, number));
        Assert.Contains("and the table's log says", cut.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_goes_with_a_table_that_cannot_be_copied_stays_with_it_as_the_backup_before_has_it()
    {
        using var lake = await CopyAsync();
        var before = await BackUpAsync(lake);
        var had = (await lake.OpenAsync(Users)).Current.FilesByPath.Keys;
        await AppendAsync(lake);
        await lake.RunAsync();
        foreach (var file in (await lake.OpenAsync(Users)).Current.FilesByPath.Keys.Except(had, StringComparer.Ordinal)) File.Delete(Path.Combine(lake.DirectoryOf(Users), file));

        var result = await BackUpLake.RunAsync(lake.Lake, Place, lake.Time, _ => { }, Cancel);

        await AssertStayedAsync(before, result, Users, SilverUsers, DeletedUsers, Totals);
        Assert.Contains("its version belongs to one of bronze/app/users, which cannot be backed up", result.Failed.Single(failed => failed.Table == SilverUsers).Fault.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_made_of_a_table_that_cannot_be_read_is_named_and_what_is_made_of_one_that_is_gone_is_not_held_back()
    {
        using var lake = await CopyAsync();
        var before = await BackUpAsync(lake);
        await AppendAsync(lake);
        await lake.RunAsync();
        var log = lake.CommitOf(SilverUsers, (await lake.OpenAsync(SilverUsers)).Current.Version);
        var commit = await File.ReadAllTextAsync(log, Cancel);
        await File.WriteAllTextAsync(log, "no commit", Cancel);

        await AssertStayedAsync(before, await BackUpLake.RunAsync(lake.Lake, Place, lake.Time, _ => { }, Cancel), SilverUsers, DeletedUsers, Totals);

        await File.WriteAllTextAsync(log, commit, Cancel);
        Directory.Move(lake.DirectoryOf(SilverUsers), Path.Combine(_directory, "gone"));
        var gone = await BackUpLake.RunAsync(lake.Lake, Place, lake.Time, _ => { }, Cancel);
        Assert.Empty(gone.Failed);
        Assert.Equal((await lake.OpenAsync(Totals)).Current.Version, gone.Tables.Single(table => table.Table == Totals).Version);
    }

    [Fact]
    public async Task A_history_that_cannot_be_read_is_its_tables_fault_alone()
    {
        using var lake = await CopyAsync();
        var before = await BackUpAsync(lake);
        await AppendAsync(lake);
        await lake.RunAsync();
        var log = lake.CommitOf(Totals, (await lake.OpenAsync(Totals)).Current.Version);
        var commit = await File.ReadAllTextAsync(log, Cancel);
        Assert.Contains("\"job\":\"", commit, StringComparison.Ordinal);
        await File.WriteAllTextAsync(log, commit.Replace("\"job\":\"", "\"job\":\"none", StringComparison.Ordinal), Cancel);

        await AssertStayedAsync(before, await BackUpLake.RunAsync(lake.Lake, Place, lake.Time, _ => { }, Cancel), Totals);
    }

    /// <summary>These tables, and no others, are told as failed, and the backup has them as the one before it.</summary>
    [Fact]
    public async Task Tables_are_brought_back_where_the_configuration_says_then_and_backed_up_from_there()
    {
        using var lake = await CopyAsync();
        await BackUpAsync(lake);
        var (elsewhere, target) = (Path.Combine(_directory, "elsewhere"), Path.Combine(_directory, "placed"));
        var placed = Placed();
        await Assert.ThrowsAsync<IOException>(() => RestoreLake.RunAsync(new RestoreLakeRequest(), placed, Place, lake.Time, _ => throw new IOException("killed"), Cancel));

        await RestoreLake.RunAsync(new RestoreLakeRequest(), Placed(), Place, lake.Time, _ => { }, Cancel);

        Assert.True(Directory.Exists(Path.Combine(elsewhere, Users.ToString(), "_delta_log")));
        Assert.False(Directory.Exists(Path.Combine(target, "bronze", "app")));
        Assert.True(Directory.Exists(Path.Combine(target, SilverUsers.ToString(), "_delta_log")));
        await AssertSoundAsync(Placed());
        // Of a location in use nothing is taken, be it another lake's or the living one's, and nothing is begun.
        foreach (var backups in (IObjectStore[])[OtherBackups(), Place])
        {
            var used = await Assert.ThrowsAsync<PipelineException>(() => RestoreLake.RunAsync(new RestoreLakeRequest(), Placed("another"), backups, lake.Time, _ => { }, Cancel));
            Assert.Equal($"Location internal ({elsewhere})", used.Thing);
            Assert.Contains($"it has tables of the lake {await lake.Lake.IdAsync(Cancel)}, and nothing is restored over what is there", used.Cause, StringComparison.Ordinal);
            Assert.StartsWith("Name other locations", used.NextStep, StringComparison.Ordinal);
            Assert.False(Directory.Exists(Path.Combine(_directory, "another")));
        }


        var (again, plain) = (new LocalObjectStore(Path.Combine(_directory, "again")), new Lake(new LocalObjectStore(Path.Combine(_directory, "plain")), lake.Time));
        Assert.Empty((await BackUpLake.RunAsync(Placed(), again, lake.Time, _ => { }, Cancel)).Failed);
        await RestoreLake.RunAsync(new RestoreLakeRequest(), plain, again, lake.Time, _ => { }, Cancel);
        await AssertSoundAsync(plain);
        Assert.Equal((await lake.OpenAsync(Users)).Current.RowCount, (await plain.TryOpenAsync(Users, Cancel))!.Current.RowCount);

        Lake Placed(string? home = null) => new(new PlacedStore(new LocalObjectStore(home is null ? target : Path.Combine(_directory, home)),
            new TablePlaces(TablePlaces.None.Locations.Add("internal", new NamedLocation("internal", elsewhere, new S3Options())), TablePlaces.None.ByName.Add("bronze/app", "internal")),
            location => new LocalObjectStore(location.Address)), lake.Time);

        // The same tables of a lake with another id.
        LocalObjectStore OtherBackups()
        {
            var copy = Path.Combine(_directory, "other-backups");
            foreach (var file in Directory.EnumerateFiles(Path.Combine(_directory, "backups"), "*", SearchOption.AllDirectories))
            {
                var to = Path.Combine(copy, Path.GetRelativePath(Path.Combine(_directory, "backups"), file));
                Directory.CreateDirectory(Path.GetDirectoryName(to)!);
                File.Copy(file, to);
            }

            foreach (var manifest in Directory.EnumerateFiles(Path.Combine(copy, "_backups"))) File.WriteAllText(manifest, System.Text.RegularExpressions.Regex.Replace(File.ReadAllText(manifest), "\"lake\":\"[^\"]*\"", "\"lake\":\"another\""));
            return new LocalObjectStore(copy);
        }
    }

    private static async Task AssertSoundAsync(Lake lake)
    {
        var verified = await VerifyLake.RunAsync(new VerifyLakeRequest(IsDeep: true), () => null, lake, Cancel);
        Assert.True(verified.IsSound, string.Join("\n", verified.OfLake.Cast<object>().Concat(verified.Checks.Where(check => !check.IsSound))));
    }

    private async Task AssertStayedAsync(int before, BackUpLakeResult result, params TableId[] tables)
    {
        Assert.Equal(tables.ToHashSet(), result.Failed.Select(failed => failed.Table).ToHashSet());
        Assert.Equal(All.Except(tables).ToHashSet(), All.Intersect(result.Tables.Select(table => table.Table)).ToHashSet());
        var (was, now) = (await BackupManifest.ReadAsync(Place, before, Cancel), await BackupManifest.ReadAsync(Place, result.Number, Cancel));
        Assert.Equal(was.Tables.Where(table => tables.Contains(table.Table)).ToHashSet(), now.Tables.Where(table => tables.Contains(table.Table)).ToHashSet());
    }

    private async Task<int> BackUpAsync(WholeLake lake)
    {
        var result = await BackUpLake.RunAsync(lake.Lake, Place, lake.Time, _ => { }, Cancel);
        Assert.Empty(result.Failed);
        return result.Number;
    }

    private async Task<(int Objects, long Bytes)> CopiedAsync(WholeLake lake)
    {
        var result = await BackUpLake.RunAsync(lake.Lake, Place, lake.Time, _ => { }, Cancel);
        return (result.Tables.Sum(table => table.Objects), result.Tables.Sum(table => table.Bytes));
    }

    /// <summary>Into an empty location.</summary>
    private async Task<WholeLake> RestoreAsync(WholeLake lake, int number)
    {
        var target = Path.Combine(_directory, $"restored-{Guid.NewGuid():N}");
        await RestoreLake.RunAsync(new RestoreLakeRequest(number), new Lake(new LocalObjectStore(target), lake.Time), Place, lake.Time, _ => { }, Cancel);
        return CopyOf(target);
    }

    private static async Task AssertWholeAsync(WholeLake lake)
    {
        var verified = await lake.VerifyAsync(isDeep: true);
        Assert.True(verified.IsSound, string.Join("\n", verified.OfLake.Cast<object>().Concat(verified.Checks.Where(check => !check.IsSound))));
    }

    private static async Task<IReadOnlyList<string>> RowsAsync(WholeLake lake, TableId id)
    {
        using var session = lake.OpenSession();
        var table = await lake.OpenAsync(id);
        var columns = table.Current.Schema.FieldsList.Select(field => field.Name).Where(name => name is not ("_ingested_at" or "_quarantined_at" or "_bronze_file" or "_bronze_version")).Order(StringComparer.Ordinal);
        return [.. session.Rows($"SELECT {string.Join(", ", columns.Select(name => $"\"{name}\""))} FROM ({await lake.RowsAsync(session, table)}) ORDER BY ALL").Select(row => string.Join('|', row))];
    }

    /// <summary>New rows of all sources: an update, a delete, a quarantined row, a letter.</summary>
    /// <param name="isNext">Whatever has come before.</param>
    private static async Task AppendAsync(WholeLake lake, int round = 0, bool isNext = false)
    {
        var events = (await lake.OpenAsync(Events)).Current;
        var users = (await lake.OpenAsync(Users)).Current.Position(new SplitId("app", "slot"))!.Value;
        var orders = (await lake.OpenAsync(Orders)).Current.Position(new SplitId("crm", "customer_orders"))!.Value;
        var (zero, one) = (events.Position(Split(0))!.Value, events.Position(Split(1))!.Value);
        var id = 100 + (10 * round) + (isNext ? 500 : 0);
        await lake.AppendEventsAsync(Event(0, zero, id, "view") + Event(0, zero + 1, id + 1, "bad", more: true), [(0, zero, zero + 2), (1, one, one + 1)], [(1, one)]);
        await lake.AppendUsersAsync($"SELECT 1 AS user_id, 'Ada {id}' AS name, 0 AS _sequence, 'u' AS op, {users} AS position UNION ALL SELECT {id}, 'New', 1, 'c', {users} UNION ALL SELECT {id}, NULL, 2, 'd', {users}", users, users + 10);
        await lake.AppendOrdersAsync($"SELECT {id} AS order_id, 1.25 AS total UNION ALL SELECT 1, {id}", orders, orders + 100);
    }
}
