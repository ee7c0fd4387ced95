using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta.Schemas;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.DuckDb;

public sealed class GoldRunSpec
{
    private const string Contracts = """
        sales {
          from = bronze/crm/sales
          columns { sale_id { type = long }, sold_at { type = timestamp }, amount { type = "decimal(12,2)" } }
          key = [sale_id]
        }
        """;

    private static readonly IReadOnlyList<Field> Sales = TestLake.BronzeColumns("sale_id long", "sold_at timestamp", "amount decimal(12,2)");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Replaces_a_full_table_and_records_what_it_was_made_from()
    {
        using var lake = Lake("daily { sql = \"daily.sql\" }",
            ("daily.sql", "SELECT CAST(sold_at AS DATE) AS sold_on, CAST(SUM(amount) AS DECIMAL(18,2)) AS amount FROM silver.sales GROUP BY 1 -- by day\n"));
        await lake.AppendAsync("bronze/crm/sales", Sales, Rows("1, '2026-01-01 10:00:00+00', 1.50", "2, '2026-01-01 23:59:59+00', 2.50"));
        await lake.RunAllAsync();
        await lake.AppendAsync("bronze/crm/sales", Sales, Rows("3, '2026-01-02 00:00:00+00', 4.00"));
        await lake.RunAllAsync();

        Assert.Equal(["2026-01-01|4.00", "2026-01-02|4.00"], await lake.RowsAsync("SELECT CAST(sold_on AS VARCHAR), amount FROM gold.daily ORDER BY 1"));
        var gold = (await lake.Lake.TryOpenAsync(TableId.Gold("daily"), Cancel))!.Current;
        var silver = (await lake.Lake.TryOpenAsync(TableId.Silver("sales"), Cancel))!.Current;
        Assert.Equal((2L, silver.Version), (gold.Position("run"), gold.Position($"silver/sales#{silver.Metadata.Id}")));
        Assert.Equal("date32,decimal128", string.Join(",", gold.Schema.FieldsList.Select(field => field.DataType.Name)));
    }

    [Fact]
    public async Task Merges_by_key_and_rewrites_only_files_with_rows_that_differ()
    {
        using var lake = Lake("totals { sql = \"totals.sql\", materialization = merge, key = [sold_on] }",
            ("totals.sql", "SELECT CAST(sold_at AS DATE) AS sold_on, CAST(SUM(amount) AS DECIMAL(18,2)) AS amount FROM silver.sales GROUP BY 1"));
        await lake.AppendAsync("bronze/crm/sales", Sales, Rows("1, '2026-01-01 10:00:00+00', 1.50"));
        await lake.RunAllAsync();
        var first = (await FilesAsync(lake)).Single();
        await lake.AppendAsync("bronze/crm/sales", Sales, Rows("2, '2026-01-02 10:00:00+00', 2.00"));
        await lake.RunAllAsync();
        Assert.Contains(first, await FilesAsync(lake));
        var second = (await FilesAsync(lake)).Except([first]).Single();

        await lake.AppendAsync("bronze/crm/sales", Sales, Rows("3, '2026-01-02 11:00:00+00', 3.00"));
        await lake.RunAllAsync();

        Assert.Equal(["2026-01-01|1.50", "2026-01-02|5.00"], await lake.RowsAsync("SELECT CAST(sold_on AS VARCHAR), amount FROM gold.totals ORDER BY 1"));
        Assert.Contains(first, await FilesAsync(lake));
        Assert.DoesNotContain(second, await FilesAsync(lake));
    }

    [Fact]
    public async Task A_merged_table_loses_the_rows_that_its_query_does_not_return_any_more()
    {
        using var lake = Lake("per_day { sql = \"per_day.sql\", materialization = merge, key = [sold_on, sale_id] }",
            ("per_day.sql", "SELECT CAST(sold_at AS DATE) AS sold_on, sale_id, amount FROM silver.sales"));
        await lake.AppendAsync("bronze/crm/sales", Sales, Rows("1, '2026-01-01 10:00:00+00', 1.50", "2, '2026-01-01 11:00:00+00', 2.50", "3, '2026-01-03 11:00:00+00', 3.50"));
        await lake.RunAllAsync();

        // One goes at its source, one moves to another key.
        await lake.AppendAsync("bronze/crm/sales", Sales, "SELECT CAST(1 AS BIGINT) AS sale_id, NULL::TIMESTAMPTZ AS sold_at, NULL::DECIMAL(12,2) AS amount, 'd' AS _op, 10 AS _position UNION ALL "
            + "SELECT 2, TIMESTAMPTZ '2026-01-02 11:00:00+00', 2.50, 'u', 11");
        await lake.RunAllAsync();

        Assert.Equal(["2026-01-02|2", "2026-01-03|3"], await lake.RowsAsync("SELECT CAST(sold_on AS VARCHAR), sale_id FROM gold.per_day ORDER BY 1"));
        Assert.Equal(2, (await lake.Lake.TryOpenAsync(TableId.Gold("per_day"), Cancel))!.Current.RowCount);
    }

    [Fact]
    public async Task A_merged_table_of_which_nothing_is_left_is_empty()
    {
        using var lake = Lake("per_day { sql = \"per_day.sql\", materialization = merge, key = [sale_id] }", ("per_day.sql", "SELECT sale_id, amount FROM silver.sales"));
        await lake.AppendAsync("bronze/crm/sales", Sales, Rows("1, '2026-01-01 10:00:00+00', 1.50"));
        await lake.RunAllAsync();
        await lake.AppendAsync("bronze/crm/sales", Sales, "SELECT CAST(1 AS BIGINT) AS sale_id, NULL::TIMESTAMPTZ AS sold_at, NULL::DECIMAL(12,2) AS amount, 'd' AS _op, 10 AS _position");

        await lake.RunAllAsync();

        Assert.Equal(["0"], await lake.RowsAsync("SELECT count(*) FROM gold.per_day"));
    }

    [Theory]
    [InlineData("key = [sale_id, sold_on]")]
    [InlineData("key = [sale_id], personal = [amount]")]
    public async Task A_merged_table_is_made_again_when_what_defines_it_changes(string definition)
    {
        const string sql = "SELECT sale_id, CAST(sold_at AS DATE) AS sold_on, amount FROM silver.sales";
        using var lake = Lake("per_day { sql = \"per_day.sql\", materialization = merge, key = [sale_id] }", ("per_day.sql", sql));
        await lake.AppendAsync("bronze/crm/sales", Sales, Rows("1, '2026-01-01 10:00:00+00', 1.50"));
        await lake.RunAllAsync();
        var changed = TestGraph.Of(Contracts, $"per_day {{ sql = \"per_day.sql\", materialization = merge, {definition} }}", ("per_day.sql", sql));
        var planner = new JobPlanner(lake.Tables, changed, lake.Options, lake.Time);

        await lake.Jobs.RunAsync(await planner.ExpandAsync((await planner.PlanAsync(TableId.Gold("per_day"), Cancel))!, SqlDialect.DuckDb, Cancel), Cancel);

        Assert.Equal(["1"], await lake.RowsAsync("SELECT sale_id FROM gold.per_day"));
        Assert.Null(await planner.PlanAsync(TableId.Gold("per_day"), Cancel));
    }

    [Theory]
    [InlineData("merge")]
    [InlineData("full")]
    public async Task Refuses_a_key_that_the_query_returns_twice(string materialization)
    {
        using var lake = Lake($"totals {{ sql = \"totals.sql\", materialization = {materialization}, key = [sold_on] }}", ("totals.sql", "SELECT CAST(sold_at AS DATE) AS sold_on, amount FROM silver.sales"));
        await lake.AppendAsync("bronze/crm/sales", Sales, Rows("1, '2026-01-01 10:00:00+00', 1.50", "2, '2026-01-01 11:00:00+00', 2.50"));
        await lake.RunAsync("silver/sales");

        var fault = await Assert.ThrowsAsync<PipelineException>(() => lake.RunAsync("gold/totals"));

        Assert.StartsWith("Table gold/totals: its query returns key (2026-01-01) 2 times or with a null.", fault.Message);
        Assert.Equal(0, (await lake.Lake.TryOpenAsync(TableId.Gold("totals"), Cancel))!.Current.Version);
    }

    [Fact]
    public async Task Is_made_again_when_its_query_changes()
    {
        using var lake = Lake("daily { sql = \"daily.sql\" }", ("daily.sql", "SELECT COUNT(*) AS sales FROM silver.sales"));
        await lake.AppendAsync("bronze/crm/sales", Sales, Rows("1, '2026-01-01 10:00:00+00', 1.50"));
        await lake.RunAllAsync();
        Assert.Null(await lake.Planner.PlanAsync(TableId.Gold("daily"), Cancel));
        var changed = TestGraph.Of(Contracts, "daily { sql = \"daily.sql\" }", ("daily.sql", "SELECT COUNT(*) * 10 AS sales FROM silver.sales"));
        var planner = new JobPlanner(lake.Tables, changed, lake.Options, lake.Time);

        var pins = await planner.PlanAsync(TableId.Gold("daily"), Cancel);
        await lake.Jobs.RunAsync(await planner.ExpandAsync(pins!, SqlDialect.DuckDb, Cancel), Cancel);

        Assert.Equal(["10"], await lake.RowsAsync("SELECT sales FROM gold.daily"));
        Assert.Null(await planner.PlanAsync(TableId.Gold("daily"), Cancel));
    }

    [Fact]
    public async Task Takes_an_input_that_does_not_exist_yet_for_an_empty_table()
    {
        using var lake = new TestLake(TestGraph.Of(Contracts + "\nrefunds { from = bronze/crm/refunds, columns { sale_id { type = long } }, key = [sale_id] }", "net { sql = \"net.sql\" }",
            ("net.sql", "SELECT s.sale_id FROM silver.sales s LEFT JOIN silver.refunds r ON r.sale_id = s.sale_id WHERE r.sale_id IS NULL")));
        Assert.Null(await lake.Planner.PlanAsync(TableId.Gold("net"), Cancel));

        await lake.AppendAsync("bronze/crm/sales", Sales, Rows("1, '2026-01-01 10:00:00+00', 1.50"));
        await lake.RunAllAsync();

        Assert.Equal(["1"], await lake.RowsAsync("SELECT sale_id FROM gold.net"));
    }

    [Fact]
    public async Task Changes_nothing_when_a_job_runs_twice()
    {
        using var lake = Lake("daily { sql = \"daily.sql\" }", ("daily.sql", "SELECT COUNT(*) AS sales FROM silver.sales"));
        await lake.AppendAsync("bronze/crm/sales", Sales, Rows("1, '2026-01-01 10:00:00+00', 1.50"));
        await lake.RunAsync("silver/sales");
        var spec = await lake.Planner.ExpandAsync((await lake.Planner.PlanAsync(TableId.Gold("daily"), Cancel))!, SqlDialect.DuckDb, Cancel);

        var first = await lake.Jobs.RunAsync(spec, Cancel);
        var second = await lake.Jobs.RunAsync(spec, Cancel);

        Assert.Equal(first with { Took = default }, second with { Took = default });
        Assert.Equal(1, (await lake.Lake.TryOpenAsync(TableId.Gold("daily"), Cancel))!.Current.Version);
    }

    [Theory]
    [InlineData("full")]
    [InlineData("merge")]
    public async Task Writes_no_bounds_of_personal_columns(string materialization)
    {
        using var lake = People($"{{ sql = \"people.sql\", materialization = {materialization}, key = [user_id], personal = [email, full_name] }}");
        for (var run = 1; run <= 2; run++)
        {
            await AppendPersonAsync(lake, run);
            await lake.RunAllAsync();
        }

        Assert.Equal(["1|a1@x|Ada 1", "2|a2@x|Ada 2"], await lake.RowsAsync("SELECT user_id, email, full_name FROM gold.people ORDER BY 1"));
        Assert.Equal(["user_id"], (await lake.BoundsAsync(TableId.Gold("people"))).Distinct());
        Assert.Equal(["user_id"], await lake.FooterBoundsAsync(TableId.Gold("people")));
    }

    [Fact]
    public async Task A_table_that_learns_that_a_column_is_personal_is_made_again_and_remembers_it()
    {
        using var lake = People("{ sql = \"people.sql\", key = [user_id], personal = [email] }");
        await AppendPersonAsync(lake, 1);
        await lake.RunAllAsync();
        Assert.Contains("full_name", await lake.BoundsAsync(TableId.Gold("people")));
        using var knowing = People("{ sql = \"people.sql\", key = [user_id], personal = [email, full_name] }");
        var planner = new JobPlanner(lake.Tables, knowing.Graph, lake.Options, lake.Time);

        await lake.Jobs.RunAsync(await planner.ExpandAsync((await planner.PlanAsync(TableId.Gold("people"), Cancel))!, SqlDialect.DuckDb, Cancel), Cancel);

        Assert.Equal(["user_id"], (await lake.BoundsAsync(TableId.Gold("people"))).Distinct());
        Assert.Equal(["user_id"], await lake.FooterBoundsAsync(TableId.Gold("people")));
        var schema = (await lake.Lake.TryOpenAsync(TableId.Gold("people"), Cancel))!.Current.Schema;
        Assert.Equal(["email", "full_name"], schema.FieldsList.Where(field => !TableColumns.HasStatistics(field)).Select(field => field.Name));
    }

    private static TestLake People(string gold) => new(TestGraph.Of("""
        users { from = bronze/app/users, columns { user_id { type = long }, name { type = string, classification = personal }, email { type = string, classification = personal } }, key = [user_id] }
        """, $"people {gold}", ("people.sql", "SELECT user_id, email, 'Ada ' || name AS full_name FROM silver.users")));

    private static Task AppendPersonAsync(TestLake lake, int id) => lake.AppendAsync("bronze/app/users", TestLake.BronzeColumns("user_id long", "name string", "email string"),
        $"SELECT {id} AS user_id, '{id}' AS name, 'a{id}@x' AS email, 'r' AS _op, {id} AS _position");

    private static TestLake Lake(string gold, params (string, string)[] files) => new(TestGraph.Of(Contracts, gold, files));

    private static string Rows(params string[] rows) =>
        $"SELECT sale_id, CAST(sold_at AS TIMESTAMPTZ) AS sold_at, amount, 'r' AS _op, sale_id AS _position FROM (VALUES {string.Join(", ", rows.Select(row => $"({row})"))}) AS v(sale_id, sold_at, amount)";

    private static async Task<IReadOnlyList<string>> FilesAsync(TestLake lake) =>
        [.. (await lake.Lake.TryOpenAsync(TableId.Gold("totals"), Cancel))!.Current.Files.Select(file => file.Path)];
}
