using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta.Storage;
using Pipeline.Testing;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Remote;
using Pipeline.Transform.Tests.Jobs.Remote;

namespace Pipeline.Transform.Tests.Jobs;

/// <summary>With each run the engine that executes it is planned, by what it reads.</summary>
public sealed class EnginePlanSpec : IDisposable
{
    private static readonly TableId Users = TableId.Silver("users");
    private static readonly TableId Heads = TableId.Gold("heads");
    private static readonly IReadOnlyList<Field> Columns = TestLake.BronzeColumns("user_id long");

    private readonly TestLake _lake = new(Graph(""), runRowsMax: 3);

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task A_Silver_run_goes_to_Spark_by_what_has_piled_up_and_then_reads_all_of_it()
    {
        var newest = await AppendAsync(1, 2, 3, 4);
        var bytes = (await _lake.Tables.TryOpenAsync(TableId.Bronze("app", "users"), Cancel))!.Current.Files.Sum(file => file.Size);

        var large = await PlanAsync(Users, bytes);
        var small = await PlanAsync(Users, bytes + 1);

        Assert.Equal(("emr", 4, newest), (large.Engine, large.Rows, large.Inputs[0].Version));
        Assert.StartsWith("auto: ", large.EngineWhy, StringComparison.Ordinal);
        Assert.True(large.IsElsewhere);
        Assert.Equal((null, 3), (small.Engine, small.Rows));
        Assert.Contains("less than", small.EngineWhy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_has_been_read_before_does_not_count()
    {
        await AppendAsync(1, 2);
        await _lake.RunAsync("silver/users");
        await AppendAsync(3);
        var bytes = (await _lake.Tables.TryOpenAsync(TableId.Bronze("app", "users"), Cancel))!.Current.Files.Max(file => file.Size);

        Assert.Null((await PlanAsync(Users, bytes + 1)).Engine);
        var onSpark = await PlanAsync(Users, bytes / 2);
        // However much it reads of Bronze, of the rows that wait it takes no more than a job's memory bears.
        Assert.Equal(("emr", _lake.Options.MemoryBytesMax / _lake.Options.JobsMax / 32), (onSpark.Engine, onSpark.HeldBytesMax));
    }

    [Fact]
    public async Task Bytes_of_a_run_are_bounded_in_process_and_not_on_Spark()
    {
        await AppendAsync(1, 2, 3);
        var bytes = (await _lake.Tables.TryOpenAsync(TableId.Bronze("app", "users"), Cancel))!.Current.Files.Max(file => file.Size);
        JobPlanner Planner(long autoBytes) => new(_lake.Tables, _lake.Graph, _lake.Options with { RunBytesMax = bytes, EngineAutoBytes = autoBytes, SparkEngines = [EngineKind.Emr] }, _lake.Time);

        Assert.Equal(3, (await Planner(1).PlanAsync(Users, Cancel))!.Rows);
        Assert.Equal(1, (await Planner(long.MaxValue).PlanAsync(Users, Cancel))!.Rows);
    }

    [Fact]
    public async Task A_run_on_Spark_is_planned_with_statements_for_Spark()
    {
        await AppendAsync(1);
        var pins = await PlanAsync(Users, 1);
        await PlannerOf(_lake.Graph, 1).ExpandAsync(pins, SqlDialect.Spark, Cancel);

        var kept = await _lake.Lake.Store.TryGetAsync(JobStatements.PathOf(Users, pins.Statements!), Cancel);
        Assert.Equal(SqlDialect.Spark.Engine, JobStatements.Read("Statements", pins.Statements!, kept).Dialect);
    }

    [Fact]
    public async Task A_table_that_masks_is_made_in_process_and_says_why_where_there_is_another_engine()
    {
        await AppendAsync(1);
        var graph = TestGraph.Of("users { from = bronze/app/users, columns { user_id { type = long, mask = hash } }, key = [user_id] }");

        var pins = (await PlannerOf(graph, 1).PlanAsync(Users, Cancel))!;
        var alone = (await new JobPlanner(_lake.Tables, graph, _lake.Options, _lake.Time).PlanAsync(Users, Cancel))!;

        Assert.Equal((null, EngineRule.OfMasks, null), (pins.Engine, pins.EngineWhy, alone.EngineWhy));
        Assert.True((await PlannerOf(graph, 1).ExpandAsync(pins, SqlDialect.DuckDb, Cancel)).Silver!.Masks);
    }

    [Fact]
    public async Task A_run_that_was_made_smaller_stays_so_on_Spark()
    {
        await AppendAsync(1, 2, 3, 4);

        var pins = await PlannerOf(_lake.Graph, 1).PlanAsync(Users, rowsMax: 2, Cancel);

        Assert.Equal(("emr", 2), (pins!.Engine, pins.Rows));
    }

    [Fact]
    public async Task Half_of_what_did_not_fit_on_Spark_is_read_there_and_in_process_no_more_than_is_configured()
    {
        await AppendAsync([.. Enumerable.Range(1, 12)]);

        var onSpark = await PlannerOf(_lake.Graph, 1).PlanAsync(Users, rowsMax: 6, Cancel);
        var inProcess = await PlannerOf(_lake.Graph, long.MaxValue).PlanAsync(Users, rowsMax: 6, Cancel);

        Assert.Equal(("emr", 6), (onSpark!.Engine, onSpark.Rows));
        Assert.Equal((null, 3), (inProcess!.Engine, inProcess.Rows));
    }

    [Fact]
    public async Task A_Gold_run_goes_to_Spark_by_all_files_of_its_inputs()
    {
        await AppendAsync(1, 2, 3);
        await _lake.RunAsync("silver/users");
        var bytes = (await _lake.Tables.TryOpenAsync(Users, Cancel))!.Current.Files.Sum(file => file.Size);

        Assert.Equal("emr", (await PlanAsync(Heads, bytes)).Engine);
        Assert.Null((await PlanAsync(Heads, bytes + 1)).Engine);
    }

    [Fact]
    public async Task A_table_that_says_its_engine_has_it_whatever_is_read()
    {
        await AppendAsync(1);
        await _lake.RunAsync("silver/users");
        var graph = Graph("engine = duckdb");

        var pins = await PlannerOf(graph, 1).PlanAsync(Heads, Cancel);

        Assert.Equal((null, "configured for this table"), (pins!.Engine, pins.EngineWhy));
    }

    [Fact]
    public async Task Without_Spark_pins_are_what_the_release_before_has_written()
    {
        await AppendAsync(1);

        var pins = await _lake.Planner.PlanAsync(Users, Cancel);

        Assert.DoesNotContain("ngine", pins!.ToJson(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task By_what_a_run_is_executed_makes_no_other_run_of_it()
    {
        await AppendAsync(1);
        var pins = await PlanAsync(Users, 1);

        Assert.True(pins.IsSame(pins with { Engine = null, EngineWhy = null }));
        Assert.False(pins.IsSame(pins with { Rows = 99 }));
        Assert.Equal(("emr", pins.EngineWhy), (JobPins.FromJson(pins.ToJson()).Engine, JobPins.FromJson(pins.ToJson()).EngineWhy));
    }

    [Fact]
    public async Task Whoever_plans_a_run_anew_that_is_executed_elsewhere_takes_part_in_it()
    {
        await AppendAsync(1);
        using var directory = new ScratchDirectory("jobs-");
        var store = new LocalObjectStore(directory);
        var artifacts = new JobArtifacts(store);
        var remote = new RemoteRuns("test", _lake.Lake, artifacts, [new EngineElsewhere(_lake.Engine, store, _lake.Time)]);
        JobPlanner Planner() => new(new OpenTables(_lake.Lake), _lake.Graph, _lake.Options with { EngineAutoBytes = 1, SparkEngines = [EngineKind.Emr] }, _lake.Time, remote);
        var planned = (await Planner().PlanAsync(Users, Cancel))!;
        Assert.True(await artifacts.ClaimsOf(Users, planned.Run).TryPutAsync(new RunClaim(1, "e1", "", planned with { Rows = 77 }, _lake.Time.GetUtcNow(), ClaimFate.Open), Cancel));

        Assert.Equal(77, (await Planner().PlanAsync(Users, Cancel))!.Rows);
        await _lake.RunAsync("silver/users");
        Assert.Null(await Planner().PlanAsync(Users, Cancel));
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static TransformGraph Graph(string heads) => TestGraph.Of("users { from = bronze/app/users, columns { user_id { type = long } }, key = [user_id] }",
        $"heads {{ sql = \"heads.sql\", {heads} }}", ("heads.sql", "SELECT COUNT(*) AS heads FROM silver.users"));

    private JobPlanner PlannerOf(TransformGraph graph, long autoBytes) =>
        new(_lake.Tables, graph, _lake.Options with { EngineAutoBytes = autoBytes, SparkEngines = [EngineKind.Emr] }, _lake.Time);

    private async Task<JobPins> PlanAsync(TableId table, long autoBytes) => (await PlannerOf(_lake.Graph, autoBytes).PlanAsync(table, Cancel))!;

    private async Task<long> AppendAsync(params int[] ids)
    {
        var version = 0L;
        foreach (var id in ids) version = await _lake.AppendAsync("bronze/app/users", Columns, $"SELECT {id}::BIGINT AS user_id, 'r' AS _op, {id}::BIGINT AS _position");
        return version;
    }
}
