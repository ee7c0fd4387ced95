using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Operations.Tables;
using Pipeline.Operations.Verification;
using Pipeline.Testing;
using static Pipeline.Operations.Tests.Verification.WholeLake;

namespace Pipeline.Operations.Tests.Verification;

/// <summary>Whoever does what verification says has a whole lake again.</summary>
public sealed class AdviceSpec
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_file_that_is_restored_is_whole_again()
    {
        using var lake = await CopyAsync();
        await AfterAsync<FileIsMissing>(lake, Remedy.RestoreFileOrTable, async () =>
        {
            var file = (await lake.FilesAsync(Events))[0];
            var backup = await File.ReadAllBytesAsync(file, Cancel);
            File.Delete(file);
            return () => File.WriteAllBytesAsync(file, backup, Cancel);
        });
    }

    [Fact]
    public async Task A_commit_that_is_restored_is_whole_again()
    {
        using var lake = await CopyAsync();
        await AfterAsync<CommitIsMissing>(lake, Remedy.RestoreCommit, async () =>
        {
            var backup = await File.ReadAllBytesAsync(lake.CommitOf(Events, 2), Cancel);
            File.Delete(lake.CommitOf(Events, 2));
            return () => File.WriteAllBytesAsync(lake.CommitOf(Events, 2), backup, Cancel);
        });
    }

    [Fact]
    public async Task A_table_that_is_restored_with_its_log_is_whole_again()
    {
        using var lake = await CopyAsync();
        using var backup = new ScratchDirectory("backup-");
        CopyDirectory(lake.DirectoryOf(Users), backup);
        await AfterAsync<TableIsGone>(lake, Remedy.RestoreTable, () =>
        {
            lake.RemoveTable(Users);
            return Task.FromResult<Func<Task>>(() =>
            {
                CopyDirectory(backup, lake.DirectoryOf(Users));
                return Task.CompletedTask;
            });
        });
    }

    [Fact]
    public async Task A_damaged_checkpoint_is_replaced_with_the_next_commit()
    {
        using var lake = await CopyAsync();
        await AfterAsync<CheckpointIsDamaged>(lake, Remedy.Wait, async () =>
        {
            await LakeDamage.CutFileAsync(Directory.GetFiles(Path.Combine(lake.DirectoryOf(Events), "_delta_log"), "*.checkpoint.parquet").Max()!, 40);
            return async () =>
            {
                await lake.AppendEventsAsync(Event(0, 6, 6, "view"), [(0, 6, 7)]);
                await lake.RunAsync();
            };
        });
    }

    [Fact]
    public async Task A_Gold_table_that_is_gone_is_made_again_by_its_next_run()
    {
        using var lake = await CopyAsync();
        await AfterAsync<TableIsGone>(lake, Remedy.Remake, () =>
        {
            lake.RemoveTable(Totals);
            return Task.FromResult<Func<Task>>(() => lake.RunAsync());
        });
    }

    [Fact]
    public async Task A_Gold_table_that_is_gone_is_made_again_by_a_rebuild()
    {
        using var lake = await CopyAsync();
        await AfterAsync<TableIsGone>(lake, Remedy.Remake, () =>
        {
            lake.RemoveTable(Totals);
            return Task.FromResult<Func<Task>>(() => lake.RebuildAsync(Totals));
        });
    }

    [Fact]
    public async Task A_Silver_table_that_is_gone_is_made_again_by_a_rebuild()
    {
        using var lake = await CopyAsync();
        await AfterAsync<TableIsGone>(lake, Remedy.Remake, () =>
        {
            lake.RemoveTable(SilverUsers);
            return Task.FromResult<Func<Task>>(() => lake.RebuildAsync(SilverUsers));
        });
    }

    [Fact]
    public Task A_key_that_is_there_twice_is_there_once_when_its_table_was_rebuilt() =>
        RebuiltAsync<KeyOccursAgain>([SilverUsers], lake => lake.BySelfAsync(SilverUsers, "WRITE", lake.Append("SELECT * FROM rows LIMIT 1")));

    [Fact]
    public Task Rows_that_were_deleted_are_there_again_when_their_table_was_rebuilt() =>
        RebuiltAsync<FatesDoNotBalance>([SilverEvents], lake => lake.BySelfAsync(SilverEvents, "DELETE", lake.Rewrite(LakeDamage.AllButOne)));

    [Fact]
    public Task Runs_that_nobody_counts_any_more_do_not_matter_when_their_tables_were_rebuilt() =>
        RebuiltAsync<RunsReadOtherRows>([SilverEvents, SilverUsers, SilverOrders], lake => lake.BySelfAsync(Quality, "DELETE", lake.Rewrite("SELECT * FROM rows WHERE run > 1")));

    [Fact]
    public Task A_Gold_table_of_other_values_has_those_of_its_query_when_it_was_rebuilt() =>
        RebuiltAsync<QueryReturnsOthers>([Totals], lake => lake.BySelfAsync(Totals, "UPDATE", lake.WithoutLast()));

    [Fact]
    public Task A_table_whose_input_is_behind_is_made_of_what_there_is_when_it_was_rebuilt() =>
        RebuiltAsync<InputIsBehind>([SilverOrders], async lake =>
        {
            File.Delete(lake.CommitOf(Orders, (await lake.OpenAsync(Orders)).Current.Version));
        });

    [Fact]
    public async Task The_history_shows_what_another_program_has_committed()
    {
        using var lake = await CopyAsync();
        var version = await lake.ByOthersAsync(Users, "WRITE", lake.Append("SELECT * FROM rows LIMIT 1"));

        var flaw = (await lake.VerifyAsync()).Checks.Select(check => check.Found).OfType<OtherCommitChangesData>().Single();
        var shown = (await TableHistory.RunAsync(new TableHistoryRequest(Users, 1), lake.Lake, Cancel)).Commits.Single();

        Assert.Equal((Remedy.KeepAndReport, version, "WRITE"), (flaw.NextStep, flaw.Version, flaw.Operation));
        Assert.Equal((version, "WRITE"), (shown.Version, shown.Operation));
    }

    [Fact]
    public async Task What_a_lake_shall_hold_is_written_again_by_a_node_that_starts()
    {
        using var lake = await CopyAsync();
        await File.WriteAllTextAsync(Path.Combine(lake.Directory, LakeTables.Path), "{", Cancel);
        Assert.Contains(await OfLakeAsync(lake), flaw => flaw is CannotBeRead { Fault.NextStep: "Start a node on the lake, which writes it again." });

        await lake.Tables.WriteAsync(lake.Lake.Store, Cancel);

        Assert.True((await lake.VerifyAsync()).IsSound);
    }

    [Fact]
    public async Task Another_place_is_whole_where_this_one_has_no_tables()
    {
        using var lake = await CopyAsync();
        using var empty = new ScratchDirectory("empty-");
        var nowhere = await VerifyLake.RunAsync(new VerifyLakeRequest(), () => null, new Lake(new LocalObjectStore(empty), lake.Time), Cancel);

        Assert.Equal(Remedy.LookElsewhere, Assert.Single(nowhere.OfLake).NextStep);
        Assert.True((await lake.VerifyAsync()).IsSound);
    }

    private static async Task<IReadOnlyList<Flaw>> OfLakeAsync(WholeLake lake) => (await lake.VerifyAsync()).OfLake;

    /// <param name="tables">Those that are rebuilt.</param>
    private static async Task RebuiltAsync<TFlaw>(TableId[] tables, Func<WholeLake, Task> damageAsync) where TFlaw : Flaw
    {
        using var lake = await CopyAsync();
        await AfterAsync<TFlaw>(lake, Remedy.KeepAndReportOrRemake, async () =>
        {
            await damageAsync(lake);
            return async () =>
            {
                foreach (var table in tables) await lake.RebuildAsync(table);
            };
        });
    }

    /// <param name="damageAsync">Does the damage, and returns what mends it.</param>
    private static async Task AfterAsync<TFlaw>(WholeLake lake, Remedy advice, Func<Task<Func<Task>>> damageAsync) where TFlaw : Flaw
    {
        var mendAsync = await damageAsync();
        Assert.Contains((await lake.VerifyAsync()).Checks, check => check.Found is TFlaw flaw && flaw.NextStep == advice);

        await mendAsync();

        var verified = await lake.VerifyAsync(isDeep: true);
        Assert.True(verified.IsSound, string.Join("\n", verified.Checks.Where(check => !check.IsSound)));
    }
}
