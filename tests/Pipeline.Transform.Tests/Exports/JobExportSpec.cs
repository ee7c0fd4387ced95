using System.Text;
using Pipeline.Core;
using Pipeline.Transform.Exports;

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

    private static async Task<ExportedTable> ExportAsync(ExportScene scene, string folder)
    {
        using var export = new JobExport(scene.Lake.Tables, scene.Lake.Graph, scene.Lake.Options, scene.Lake.Time, scene.PathOf(folder), Cancel);
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
