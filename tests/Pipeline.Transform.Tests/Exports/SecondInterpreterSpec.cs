using Pipeline.Core;
using Pipeline.Testing.Interpreter;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Exports;

/// <summary>Documents mean the same to an interpreter that shares no code with ours and was written from the page about them.</summary>
public sealed class SecondInterpreterSpec(ExportScene scene) : IClassFixture<ExportScene>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_it_makes_of_exported_jobs_elsewhere_is_what_the_lake_holds()
    {
        await scene.ExportAsync("here");
        Directory.Move(scene.PathOf("here"), scene.PathOf("moved"));

        var (exit, lines) = await (await ProgramAsync()).CompareAsync(scene.PathOf("moved"), Cancel);

        Assert.True(exit == 0, string.Join(Environment.NewLine, lines));
        // Silver: two runs of teams and three of users; Gold: three of each. Three outputs of a Silver run.
        Assert.Matches("^11 documents, 21 outputs, [1-9][0-9] rows, 0 differences$", lines[^1]);
    }

    [Fact]
    public async Task Rows_that_are_expected_and_not_made_are_told()
    {
        await scene.ExportAsync("changed");
        string Expected(int run) => scene.PathOf($"changed/expected/gold__active-{run}/gold__active.parquet");
        File.Copy(Expected(1), Expected(2), overwrite: true);

        var (exit, lines) = await (await ProgramAsync()).CompareAsync(scene.PathOf("changed"), Cancel, "gold/active");

        Assert.Equal(1, exit);
        Assert.Equal(
        [
            "gold/active#1 gold/active: 4 rows expected, 0 missing, 0 strange, 0 columns differ",
            "gold/active#2 gold/active: 4 rows expected, 1 missing, 3 strange, 0 columns differ",
            "gold/active#3 gold/active: 1 rows expected, 0 missing, 0 strange, 0 columns differ",
            "3 documents, 3 outputs, 9 rows, 4 differences",
        ], lines);
    }

    [Fact]
    public async Task Its_answers_pass_the_check_and_what_is_committed_of_them_is_the_same_lake()
    {
        await using var theirs = new ExportScene();
        var engine = new ProgramEngine(await ProgramAsync(), theirs.PathOf(""));
        await theirs.FillAsync(() => RunAllAsync(theirs.Lake, engine));

        foreach (var query in (string[])["* FROM silver.teams", "* FROM silver.users", "* EXCLUDE (_bronze_file) FROM silver.users__quarantine", "* FROM silver.users__deleted", "* FROM silver._quality",
            "* FROM gold.per_team", "* FROM gold.active"])
        {
            var rows = await scene.Lake.RowsAsync($"SELECT {query} ORDER BY ALL");
            Assert.NotEmpty(rows);
            Assert.Equal(rows, await theirs.Lake.RowsAsync($"SELECT {query} ORDER BY ALL"));
        }
    }

    [Theory]
    [InlineData("SELECT 1 AS user_id FROM silver.teams", "Table gold/active: its query returns key (1) 2 times or with a null.")]
    [InlineData("SELECT CAST(text || 'x' AS BIGINT) AS user_id FROM silver.users", "Table gold/active: its query fails on a row (Conversion Error: Could not convert string '3x' to INT64).")]
    public async Task A_run_that_fails_fails_with_the_words_of_the_document(string sql, string words)
    {
        var planner = new JobPlanner(scene.Lake.Tables, ExportScene.GraphOf(sql), scene.Lake.Options, scene.Lake.Time);
        var spec = await planner.ExpandAsync((await planner.PlanAsync(TableId.Gold("active"), Cancel))!, SqlDialect.DuckDb, Cancel);

        var told = new List<string>();
        foreach (var engine in (IJobEngine[])[scene.Lake.Engine, new ProgramEngine(await ProgramAsync(), scene.PathOf(""))])
        {
            var fault = await Assert.ThrowsAsync<PipelineException>(() => new JobRunner(scene.Lake.Tables, engine, scene.Lake.Options, scene.Lake.Time).RunAsync(spec, Cancel));
            Assert.Equal(FaultKind.Invalid, fault.Kind);
            told.Add(fault.Message);
        }

        Assert.StartsWith(words, told[0], StringComparison.Ordinal);
        Assert.Equal(told[0], told[1]);
    }

    private static async Task RunAllAsync(TestLake lake, IJobEngine engine)
    {
        var runner = new JobRunner(lake.Tables, engine, lake.Options, lake.Time);
        for (var ran = true; ran;)
        {
            ran = false;
            foreach (var table in lake.Graph.Tables)
            {
                if (await lake.Planner.PlanAsync(table, Cancel) is not { } pins) continue;
                await runner.RunAsync(await lake.Planner.ExpandAsync(pins, SqlDialect.DuckDb, Cancel), Cancel);
                ran = true;
            }
        }
    }

    private static async Task<JobInterpreter> ProgramAsync()
    {
        var program = await JobInterpreter.TryCreateAsync(Cancel);
        Assert.SkipWhen(program is null, JobInterpreter.Missing);
        return program;
    }
}
