using System.Collections.Immutable;
using System.Text;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Transform.Exports;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Exports;

public sealed class JobExportSpec(ExportScene scene) : IClassFixture<ExportScene>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_same_lake_gives_the_same_bytes_which_do_not_say_where_it_is()
    {
        await scene.ExportAsync("first");
        scene.Lake.Time.Advance(TimeSpan.FromHours(1));
        await scene.ExportAsync("second");

        var (first, second) = (Files(scene.PathOf("first")), Files(scene.PathOf("second")));
        Assert.Equal(first.Keys, second.Keys);
        Assert.All(first, file => Assert.Equal(file.Value, second[file.Key]));
        var lake = Encoding.UTF8.GetBytes(scene.Lake.Lake.Store.Location);
        Assert.All(first, file => Assert.Equal(-1, file.Value.AsSpan().IndexOf(lake)));
    }

    [Fact]
    public async Task A_lake_in_a_bucket_is_copied_too()
    {
        using var lake = new TestLake(scene.Lake.Graph, isRemote: true);
        await lake.AppendAsync("bronze/app/teams", TestLake.BronzeColumns("team_id long"), "SELECT 1 AS team_id, 'r' AS _op, 1 AS _position");
        await lake.RunAsync("silver/teams");
        var folder = scene.PathOf("bucket");

        using (var export = new JobExport(lake.Tables, lake.Graph, lake.Options, lake.Time, folder, Cancel))
            Assert.Equal([1], (await export.AddAsync(TableId.Silver("teams"))).Runs);

        var bronze = (await lake.Lake.TryOpenAsync(TableId.Parse("bronze/app/teams"), Cancel))!;
        var input = bronze.Current.Files.Single().Path;
        Assert.Equal(await lake.Lake.Store.TryGetAsync($"{bronze.Path}/{input}", Cancel), await File.ReadAllBytesAsync(Path.Combine(folder, "lake", bronze.Path, input), Cancel));
        Assert.True(File.Exists(Path.Combine(folder, "expected/silver__teams-1/silver__teams.parquet")));
    }

    [Fact]
    public async Task Runs_of_which_a_file_is_gone_are_left_out_and_no_others()
    {
        var table = (await scene.Lake.Lake.TryOpenAsync(TableId.Gold("per_team"), Cancel))!;
        await WithoutAsync(table.Path, (await table.AtVersionAsync(2, Cancel)).Files.Single().Path, async () =>
        {
            var exported = await scene.ExportAsync("without");

            var perTeam = Assert.Single(exported, table => table.Table == TableId.Gold("per_team"));
            Assert.Equal([1, 3], perTeam.Runs);
            Assert.Equal([new LeftOutRun(2, LeftOutReason.NotKept)], perTeam.LeftOut);
            Assert.All(exported.Where(other => other != perTeam), other => Assert.Empty(other.LeftOut));
        });
    }

    [Fact]
    public async Task A_file_that_the_table_has_now_and_that_is_not_there_is_damage()
    {
        var table = (await scene.Lake.Lake.TryOpenAsync(TableId.Silver("users"), Cancel))!;
        await WithoutAsync(table.Path, table.Current.Files.First().Path, async () =>
        {
            var fault = await Assert.ThrowsAsync<PipelineException>(() => ExportAsync(scene, "damaged"));

            Assert.Equal((FaultKind.Damaged, "Table silver/users"), (fault.Kind, fault.Thing));
        });
    }

    [Fact]
    public async Task Runs_of_another_definition_are_left_out()
    {
        var exported = await scene.ExportAsync("redefined", ExportScene.GraphOf("SELECT user_id, amount FROM silver.users"));

        Assert.Equal([1, 2, 3], Assert.Single(exported, table => table.Table == TableId.Gold("active")).LeftOut.Where(run => run.Reason == LeftOutReason.Redefined).Select(run => run.Run));
        Assert.All(exported.Where(table => table.Table != TableId.Gold("active")), table => Assert.Empty(table.LeftOut));
    }

    [Theory]
    [InlineData("from = bronze/app/users", "from = bronze/app/teams")]
    [InlineData("text { type = string }", "text { type = string }, again { type = string, from = text }")]
    [InlineData("amount { type = \"decimal(12,2)\" }", "amount { type = \"decimal(14,2)\" }")]
    public async Task Runs_of_a_contract_that_read_another_table_or_had_other_columns_are_left_out(string before, string now)
    {
        var exported = await scene.ExportAsync($"contract-{Guid.NewGuid():N}", ExportScene.GraphOf(before: before, now: now));

        Assert.Equal([LeftOutReason.Redefined, LeftOutReason.Redefined, LeftOutReason.Redefined], Assert.Single(exported, table => table.Table == TableId.Silver("users")).LeftOut.Select(run => run.Reason));
        Assert.Empty(Assert.Single(exported, table => table.Table == TableId.Silver("teams")).LeftOut);
    }

    [Fact]
    public async Task Runs_whose_quarantine_is_gone_are_left_out()
    {
        var quarantine = scene.Lake.Lake.Store.LocalPath(TableId.Quarantine("users").ToString())!;
        Directory.Move(quarantine, quarantine + ".away");
        try
        {
            var exported = await scene.ExportAsync("without quarantine");

            Assert.Equal(3, Assert.Single(exported, table => table.Table == TableId.Silver("users")).LeftOut.Count(run => run.Reason == LeftOutReason.NotKept));
            Assert.Empty(Assert.Single(exported, table => table.Table == TableId.Gold("active")).LeftOut);
        }
        finally
        {
            Directory.Move(quarantine + ".away", quarantine);
        }
    }

    [Fact]
    public async Task A_run_that_was_cut_off_between_its_commits_is_left_out()
    {
        await using var other = new ExportScene();
        other.Lake.Jobs.BeforeCommit = table =>
        {
            if (table == TableId.Quarantine("users")) throw new InvalidOperationException("killed");
        };
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await other.InitializeAsync());

        var exported = await ExportAsync(other, "cut off");

        Assert.Empty(exported.Runs);
        Assert.Equal([new LeftOutRun(1, LeftOutReason.NotOver)], exported.LeftOut);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("{\"table\":\"nothing\"}")]
    [InlineData("{\"table\":\"silver/teams\",\"run\":1,\"requestedAt\":\"2026-01-01T00:00:00Z\",\"inputs\":[],\"targets\":[]}")]
    public async Task A_commit_that_does_not_say_which_run_it_was_is_damage_of_its_table(string pins)
    {
        using var lake = new TestLake(scene.Lake.Graph);
        await lake.AppendAsync("silver/users", TestLake.BronzeColumns("user_id long"), "SELECT 1 AS user_id, 'r' AS _op, 1 AS _position");
        var table = (await lake.Lake.TryOpenAsync(TableId.Silver("users"), Cancel))!;
        await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Parameters = ImmutableDictionary<string, string>.Empty.Add(JobPins.Parameter, pins) }, Cancel);

        var fault = await Assert.ThrowsAsync<PipelineException>(() => ExportAsync(lake, scene.PathOf("stranger")));

        Assert.Equal((FaultKind.Damaged, "Table silver/users"), (fault.Kind, fault.Thing));
    }

    private static Task<ExportedTable> ExportAsync(ExportScene scene, string folder) => ExportAsync(scene.Lake, scene.PathOf(folder));

    private static async Task<ExportedTable> ExportAsync(TestLake lake, string folder)
    {
        using var export = new JobExport(lake.Tables, lake.Graph, lake.Options, lake.Time, folder, Cancel);
        return await export.AddAsync(TableId.Silver("users"));
    }

    /// <summary>Does something while a file is not in the lake.</summary>
    private async Task WithoutAsync(string table, string path, Func<Task> act)
    {
        var file = scene.Lake.Lake.Store.LocalPath($"{table}/{path}")!;
        File.Move(file, file + ".away");
        try
        {
            await act();
        }
        finally
        {
            File.Move(file + ".away", file);
        }
    }

    private static SortedDictionary<string, byte[]> Files(string folder) =>
        new(Directory.GetFiles(folder, "*", SearchOption.AllDirectories).ToDictionary(file => Path.GetRelativePath(folder, file), File.ReadAllBytes), StringComparer.Ordinal);
}
