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

    /// <summary>What the page says and no table of the lake needs.</summary>
    [Fact]
    public async Task What_else_the_page_says_means_the_same_to_it()
    {
        using var lake = new TestLake(TestGraph.Of(""));
        using var session = lake.OpenSession();
        Write("t/x-0/part-[1].parquet", "SELECT CAST(i AS INTEGER) AS id, CAST(i / 4 AS FLOAT) AS ratio, [CAST(i AS VARCHAR), NULL] AS tags, '\\x00\\xFF'::BLOB AS raw, CAST(1.50 AS DECIMAL(5,2)) AS money, "
            + "TIMESTAMPTZ '2026-01-01 00:00:00.000001+00' AS at, 1 AS other FROM range(5) AS r(i)");
        Write("t/x-0/p=1/part 2%20.parquet", "SELECT 7000000000 AS id, DATE '2026-01-02' AS day");
        Write("t/x-0/gone.parquet", "SELECT 'x-0/part-[1].parquet' AS _file, i * 2 AS _file_row FROM range(2) AS r(i)");
        var document = new JobDocument
        {
            Format = 1,
            Dialect = "duckdb",
            Run = new DocumentRun(TableId.Gold("t"), 1),
            Root = lake.Lake.Store.Location,
            Relations =
            [
                new JobRelation("gold.t", "gold/t",
                    [
                        new("id", "long"), new("ratio", "double"), new("tags", "array<string>"), new("raw", "binary"), new("money", "decimal(12,2)"), new("at", "timestamp"), new("day", "date"),
                        new("nowhere", "byte"),
                    ],
                    [new JobFile("x-0/part-[1].parquet", 1, 5), new JobFile("x-0/p=1/part 2%20.parquet", 1, null)]) { Origin = true, LeftOut = "x-0/gone.parquet" },
                new JobRelation("nothing", "gold/t", [new("id", "long")], []) { Origin = true, NeededWhen = "scattered" },
            ],
            Outputs =
            [
                new JobOutput("gold/o", "gold/o", [new("id", "long"), new("name", "string")]) { TargetBytes = 20_000, Order = ["id"] },
                new JobOutput("gold/t", "gold/t", [new("id", "long")]),
            ],
            Steps =
            [
                new FiguresStep("rows", "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (SELECT * FROM gold.t ORDER BY id)", [.. "id ratio tags raw money at day nowhere _file _file_row".Split(' ').Select(name => new JobColumn(name, "string"))]),
                new DefineStep("scattered", "SELECT i * 7919 % 20011 AS id, 'n' || i AS name, 1 AS more FROM range(20000) AS r(i)") { Keep = true },
                new WriteStep("gold/o", "scattered") { As = "written" },
                new FiguresStep("written", "SELECT count(*) AS rows, max(id) AS last, bool_and(name LIKE 'n%') AS named, CAST(NULL AS BOOLEAN) AS unknown FROM written",
                    [new("rows", "long"), new("last", "long"), new("named", "boolean"), new("unknown", "boolean")]),
                new DefineStep("judged", "SELECT id, CAST(name AS INTEGER) AS number FROM written") { Keep = true, Otherwise =
                [
                    new JudgeStep("outcomes", "SELECT row_number() OVER (ORDER BY id) AS _n, id, CASE WHEN id % 6000 = 0 THEN name WHEN id % 2 = 0 THEN '-1' ELSE '1' END AS number FROM written", ["id"],
                        ["CAST(number AS INTEGER) > 0", "id < 0", "CAST(NULL AS BOOLEAN)"]),
                    new DefineStep("judged", "SELECT * FROM outcomes") { Keep = true },
                ] },
                new FiguresStep("outcomes", "SELECT _rule_0, _rule_1, _rule_2, count(*) AS rows, sum(id) AS ids FROM judged GROUP BY ALL ORDER BY ALL",
                    [new("_rule_0", "long"), new("_rule_1", "long"), new("_rule_2", "long"), new("rows", "long"), new("ids", "long")]),
                new DefineStep("replaced", "SELECT _file, _file_row FROM gold.t UNION ALL SELECT _file, _file_row FROM nothing"),
                new WriteStep("gold/t", "nothing") { Replaced = "replaced" },
            ],
        };

        var (ours, theirs) = (await AnswerAsync(lake.Engine, document, "ours"), await AnswerAsync(new ProgramEngine(await ProgramAsync(), scene.PathOf("")), document, "theirs"));

        Assert.Equal(["rows", "written", "outcomes"], ours.Figures.Keys.OrderBy(name => document.Steps.OfType<FiguresStep>().ToList().FindIndex(step => step.Name == name)));
        foreach (var (name, rows) in ours.Figures) Assert.Equal(rows.Select(row => string.Join('|', row.Select(value => value ?? "null"))), theirs.Figures[name].Select(row => string.Join('|', row.Select(value => value ?? "null"))));
        Assert.Equal(["1", "3", "4", "7000000000"], theirs.Figures["rows"].Select(row => row[0]));
        Assert.Equal(3, theirs.Figures["outcomes"].Length);
        foreach (var answer in (JobAnswer[])[ours, theirs])
        {
            var (ordered, marked) = (answer.Outputs[0], answer.Outputs[1]);
            Assert.Equal((20_000, 0, 4), (ordered.Files.Sum(file => file.Rows), marked.Files.Length, marked.Marks!.Rows));
            Assert.Null(ordered.Marks);
        }

        Assert.True(theirs.Outputs[0].Files.Length > 3);
        var last = -1L;
        foreach (var file in theirs.Outputs[0].Files)
        {
            var ids = session.Rows($"SELECT id FROM read_parquet('{lake.Lake.Store.LocalPath($"gold/o/{file.Path}")}')").Select(row => (long)row[0]!).ToList();
            Assert.Equal(ids.Order(), ids);
            Assert.True(ids[0] > last);
            last = ids[^1];
        }

        void Write(string path, string query)
        {
            var file = lake.Lake.Store.LocalPath("gold/" + path)!;
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            session.Execute($"COPY ({query}) TO '{file}' (FORMAT parquet)");
        }
    }

    private static async Task<JobAnswer> AnswerAsync(IJobEngine engine, JobDocument document, string execution)
    {
        var handle = await engine.SubmitAsync(document.ToUtf8(), execution, Cancel);
        JobState state = new JobState.Running();
        while (state is JobState.Running) state = await engine.ObserveAsync(handle, Cancel);
        if (state is JobState.Failed failed) throw failed.Cause;
        var answer = Assert.IsType<JobState.Answered>(state).Answer;
        return answer.Failure is { } failure ? throw failure.ToException() : answer;
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
