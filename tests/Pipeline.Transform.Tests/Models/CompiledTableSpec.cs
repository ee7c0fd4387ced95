using Pipeline.Core;
using Pipeline.Testing;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Models;
using Pipeline.Transform.Tests.Dialects;

namespace Pipeline.Transform.Tests.Models;

public sealed class CompiledTableSpec
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("silver/order_events", "duckdb")]
    [InlineData("silver/order_events", "spark")]
    [InlineData("gold/fact_sales", "duckdb")]
    [InlineData("gold/fact_sales", "spark")]
    public async Task A_table_is_the_same_script_each_time(string table, string engine)
    {
        using var lake = new TestLake(ReferenceGraph.Bind());

        var first = await CompileAsync(lake, table, engine);
        lake.Time.Advance(TimeSpan.FromDays(1));
        var second = await CompileAsync(lake, table, engine);

        Assert.Equal(first, second);
        Golden.Verify($"{table.Replace('/', '.')}.compiled.{engine}.sql", first);
    }

    [Fact]
    public async Task Every_table_of_the_reference_pipeline_is_compiled_for_both_engines_but_one_that_masks_for_Spark()
    {
        using var lake = new TestLake(ReferenceGraph.Bind());
        var refused = new List<string>();
        foreach (var table in lake.Graph.Tables)
        {
            Assert.NotEmpty(await CompileAsync(lake, table.ToString(), "duckdb"));
            try
            {
                Assert.DoesNotContain("read_parquet", await CompileAsync(lake, table.ToString(), "spark"));
            }
            catch (PipelineException e)
            {
                refused.Add(e.Message);
            }
        }

        Assert.Equal(["Table silver/user_sessions: it masks, so that it is made in process only: the key of masks does not leave the node. Compile it with --engine duckdb."], refused);
    }

    [Fact]
    public async Task What_a_script_of_DuckDB_says_is_what_a_run_executes()
    {
        using var lake = new TestLake(TestGraph.Of("people { from = bronze/app/people, columns { id { type = long }, name { type = string } }, key = [id] }"));
        await lake.AppendAsync("bronze/app/people", TestLake.BronzeColumns("id long", "name string", "more long"), "SELECT 1 AS id, 'Ada' AS name, 2 AS more, 'c' AS _op, 1 AS _position");
        var pins = (await lake.Planner.PlanAsync(TableId.Silver("people"), Cancel))!;
        var spec = await lake.Planner.ExpandAsync(pins, SqlDialect.DuckDb, Cancel);

        var script = await CompileAsync(lake, "silver/people", "duckdb");

        // Bronze has a column that the contract does not read: the script is of the lake's table.
        Assert.Contains(spec.Silver!.Checked.TrimEnd(), script);
        Assert.Contains(spec.Silver.Latest.TrimEnd(), script);
        Assert.Contains("more long", script);
    }

    private static Task<string> CompileAsync(TestLake lake, string table, string engine) =>
        CompiledTable.SqlAsync(lake.Graph, lake.Options, lake.Lake, TableId.Parse(table), engine == "spark" ? SqlDialect.Spark : SqlDialect.DuckDb, Cancel);
}
