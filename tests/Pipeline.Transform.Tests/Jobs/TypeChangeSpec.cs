using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Rebuild;

namespace Pipeline.Transform.Tests.Jobs;

/// <summary>A column gets another type: files of two types in one column are read by nobody.</summary>
public sealed class TypeChangeSpec : IDisposable
{
    private const string Contract = "users { from = bronze/app/users, columns { user_id { type = long }, score { type = int } }, key = [user_id] }";

    private static readonly IReadOnlyList<Field> Users = TestLake.BronzeColumns("user_id long", "score int");

    private readonly TestLake _lake = new(TestGraph.Of(Contract, "top { sql = \"top.sql\", materialization = merge, key = [user_id] }", ("top.sql", "SELECT user_id, score FROM silver.users")));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("score { type = int }", "score { type = string }", "column score of silver/users is integer in the lake, and is to be string")]
    [InlineData("score { type = int }", "score { type = long }", "column score of silver/users is integer in the lake, and is to be long")]
    [InlineData("user_id { type = long }", "user_id { type = string }", "column user_id of silver/users is long in the lake, and is to be string")]
    public async Task A_Silver_table_is_refused_before_anything_is_written_and_rebuilt(string from, string to, string cause)
    {
        await AppendAsync("(1, 10, 'c', 1), (2, 20, 'c', 2)");
        await _lake.RunAllAsync();
        await AppendAsync("(2, 21, 'u', 3), (3, NULL, 'c', 4), (1, NULL, 'd', 5)");
        var (before, files) = (await VersionAsync("silver/users"), DataFiles());
        var other = Graph(Contract.Replace(from, to, StringComparison.Ordinal), "SELECT user_id, score FROM silver.users");

        var fault = await Assert.ThrowsAsync<PipelineException>(() => RunAsync(other, "silver/users"));

        Assert.Equal(FaultKind.Invalid, fault.Kind);
        Assert.Contains(cause, fault.Message, StringComparison.Ordinal);
        Assert.Contains("./pipeline rebuild silver/users", fault.NextStep, StringComparison.Ordinal);
        Assert.Equal(before, await VersionAsync("silver/users"));
        Assert.Equal(files, DataFiles());
        Assert.Equal(["1|10", "2|20"], await _lake.RowsAsync("SELECT user_id, score FROM silver.users ORDER BY 1"));

        // As told. Gold follows, though its query is the same.
        await new TableRebuild(_lake.Lake, other, _lake.Options, _lake.Time).RunAsync(TableId.Silver("users"), withDependents: false, _ => { }, Cancel);
        await RunAsync(other, "gold/top");

        Assert.Equal(["2|21", "3|"], await _lake.RowsAsync("SELECT user_id, score FROM silver.users ORDER BY 1"));
        Assert.Equal(["2|21", "3|"], await _lake.RowsAsync("SELECT user_id, score FROM gold.top ORDER BY 1"));
        foreach (var table in new[] { "silver/users", "gold/top" })
            Assert.Equal(other.ColumnsOf(TableId.Silver("users")).Take(2).Select(field => LakeType.Name(field.DataType)), (await _lake.Tables.TryOpenAsync(TableId.Parse(table), Cancel))!.Current.Schema.FieldsList.Take(2).Select(field => LakeType.Name(field.DataType)));
    }

    [Fact]
    public async Task A_Gold_table_whose_query_returns_another_type_is_made_anew()
    {
        await AppendAsync("(1, 10, 'c', 1), (2, 20, 'c', 2)");
        await _lake.RunAllAsync();
        var other = Graph(Contract, "SELECT user_id, CAST(score AS VARCHAR) AS score FROM silver.users");

        await RunAsync(other, "gold/top");
        await AppendAsync("(2, 21, 'u', 3)");
        await RunAsync(other, "silver/users");
        await RunAsync(other, "gold/top");

        Assert.Equal(["1|10", "2|21"], await _lake.RowsAsync("SELECT user_id, score FROM gold.top ORDER BY 1"));
        var gold = (await _lake.Tables.TryOpenAsync(TableId.Gold("top"), Cancel))!;
        Assert.Equal("string", LakeType.Name(gold.Current.Schema.GetFieldByName("score").DataType));
        if (gold.Current.Files.Count() > 1) await _lake.CompactAsync("gold/top");
        Assert.Equal(["1|10", "2|21"], await _lake.RowsAsync("SELECT user_id, score FROM gold.top ORDER BY 1"));
    }

    public void Dispose() => _lake.Dispose();

    private static TransformGraph Graph(string silver, string top) => TestGraph.Of(silver, "top { sql = \"top.sql\", materialization = merge, key = [user_id] }", ("top.sql", top));

    private async Task<long> VersionAsync(string table) => (await new OpenTables(_lake.Lake).TryOpenAsync(TableId.Parse(table), Cancel))!.Current.Version;

    private IReadOnlyList<string> DataFiles() =>
        [.. Directory.EnumerateFiles(_lake.Lake.Store.LocalPath("silver/users")!, "*.parquet", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private Task AppendAsync(string rows) => _lake.AppendAsync("bronze/app/users", Users, $"SELECT * FROM (VALUES {rows}) AS v(user_id, score, _op, _position)");

    private async Task RunAsync(TransformGraph graph, string table)
    {
        var tables = new OpenTables(_lake.Lake);
        var (planner, runner) = (new JobPlanner(tables, graph, _lake.Options, _lake.Time), new JobRunner(tables, _lake.Engine, _lake.Options, _lake.Time));
        while (await planner.PlanAsync(TableId.Parse(table), Cancel) is { } pins)
            await runner.RunAsync(await planner.ExpandAsync(pins, SqlDialect.DuckDb, Cancel), Cancel);
    }
}
