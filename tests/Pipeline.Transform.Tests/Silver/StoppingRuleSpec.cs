using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Silver;
using Pipeline.Transform.Tests.Coordination;
using Pipeline.Transform.Tests.Dialects;

namespace Pipeline.Transform.Tests.Silver;

/// <summary>Rows that break a rule of severity <c>fail</c> stop their table and what is made of it, until they are mended or the rule is.</summary>
public sealed class StoppingRuleSpec
{
    private const string Mails = "rules = [ { name = email_valid, check = \"regexp_like(email, '@')\", severity = fail } ]";
    private const string Dirt = "('1', 'dirt', NULL, 'c', 5, NULL)";

    private static readonly IReadOnlyList<Field> Columns = TestLake.BronzeColumns("user_id string", "email string", "team_id long", "_changed string");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>What comes after a row that stops its table, and whether it goes on.</summary>
    public static TheoryData<string, bool> Sequels => new()
    {
        { "('1', 'a@x', NULL, 'u', 6, NULL)", true },
        { "('01', 'a@x', NULL, 'u', 6, NULL)", true },
        { "('1', NULL, NULL, 'd', 6, NULL)", true },
        { "(NULL, NULL, NULL, 't', 6, NULL)", true },
        { "('1', 'a@x', NULL, 'u', 4, NULL)", false },
        { "('1', NULL, NULL, 'd', 4, NULL)", false },
        { "(NULL, NULL, NULL, 't', 4, NULL)", false },
        { "('2', 'a@x', NULL, 'u', 6, NULL)", false },
        { "('1', 'worse', NULL, 'u', 6, NULL)", false },
    };

    [Theory]
    [MemberData(nameof(Sequels))]
    public async Task A_table_goes_on_when_its_source_has_mended_the_row_however_much_a_run_reads(string sequel, bool goesOn)
    {
        foreach (var (runRowsMax, mask) in ((long, string)[])[(250_000, ""), (1, ""), (1, ", mask = hash")])
        {
            using var lake = new TestLake(TestGraph.Of(Users(Mails, mask)), runRowsMax);
            await AppendAsync(lake, Dirt);
            await AssertStandsAsync(lake, "email_valid", 5);
            await AppendAsync(lake, sequel);
            if (!goesOn)
            {
                await AssertStandsAsync(lake, "email_valid");
                continue;
            }

            await lake.RunAllAsync();

            Assert.Empty(await lake.RowsAsync("SELECT user_id FROM silver.users__quarantine"));
            Assert.Equal(sequel.Contains("a@x", StringComparison.Ordinal) ? ["a@x"] : [], await lake.RowsAsync("SELECT email FROM silver.users"));
            Assert.Equal(["0"], await lake.RowsAsync("SELECT sum(rows_in + released - accepted - quarantined - superseded - deleted) FROM silver._quality"));
        }
    }

    [Fact]
    public async Task A_row_that_is_mended_far_behind_what_a_run_reads_is_found_there()
    {
        using var lake = new TestLake(TestGraph.Of(Users(Mails)), runRowsMax: 2);
        await AppendAsync(lake, Dirt);
        for (var id = 10; id < 20; id++) await AppendAsync(lake, $"('{id}', 'x@{id}', NULL, 'c', {id}, NULL)");
        await AssertStandsAsync(lake, "email_valid", 5);

        await AppendAsync(lake, "('1', 'a@x', NULL, 'u', 30, NULL)");
        var first = await lake.RunAsync("silver/users");
        await lake.RunAllAsync();

        Assert.Equal(2, first!.Quality!.RowsIn);
        Assert.Equal(["11"], await lake.RowsAsync("SELECT count(*) FROM silver.users"));
        Assert.Empty(await lake.RowsAsync("SELECT user_id FROM silver.users__quarantine"));
    }

    [Fact]
    public async Task A_run_that_no_row_stops_asks_for_nothing_of_what_comes_after_it()
    {
        var asked = new List<long>();
        foreach (var commits in (int[])[1, 8])
        {
            using var lake = new TestLake(TestGraph.Of(Users(Mails)), runRowsMax: 1, isRemote: true);
            for (var id = 0; id <= commits; id++) await AppendAsync(lake, $"('{id}', 'x@{id}', NULL, 'c', {id}, NULL)");
            var pins = await lake.Planner.PlanAsync(TableId.Silver("users"), Cancel);
            Assert.Equal(commits, pins!.BronzeAhead - pins.Inputs[0].Version);
            var store = Assert.IsType<RemoteStore>(lake.Lake.Store);
            var before = store.Requests;
            Assert.Equal(1, (await lake.RunAsync(pins)).Quality!.RowsIn);
            asked.Add(store.Requests - before);
        }

        Assert.Equal(asked[0], asked[1]);
    }

    [Fact]
    public async Task A_run_that_was_cut_off_ends_though_what_mends_its_row_is_gone()
    {
        using var lake = new TestLake(TestGraph.Of(Users(Mails)), runRowsMax: 1);
        await AppendAsync(lake, Dirt);
        await AppendAsync(lake, "('1', 'a@x', NULL, 'u', 6, NULL)");
        lake.Jobs.BeforeCommit = table => _ = table == TableId.Quarantine("users") ? throw new IOException("killed") : 0;
        await Assert.ThrowsAsync<IOException>(() => lake.RunAsync("silver/users"));
        lake.Jobs.BeforeCommit = null;
        await lake.CompactAsync("bronze/app/users");
        var bronze = await BronzeAsync();
        var mends = (await bronze.AtVersionAsync(2, Cancel)).Files.ExceptBy((await bronze.AtVersionAsync(1, Cancel)).Files.Select(file => file.Path), file => file.Path).Single();
        await lake.Lake.Store.DeleteAsync($"{bronze.Path}/{mends.Path}", Cancel);

        var ended = await lake.RunAsync("silver/users");

        Assert.Equal(1, ended!.Run);
        Assert.Equal(["1"], await lake.RowsAsync("SELECT user_id FROM silver.users__quarantine"));

        async Task<DeltaTable> BronzeAsync() => Assert.IsType<DeltaTable>(await lake.Lake.TryOpenAsync(TableId.Parse("bronze/app/users"), Cancel));
    }

    [Theory]
    [InlineData("rules = []")]
    [InlineData("rules = [ { name = email_valid, check = \"regexp_like(email, '@')\", severity = quarantine } ]")]
    [InlineData("rules = [ { name = email_valid, check = \"regexp_like(email, 'd')\", severity = fail } ]")]
    public async Task A_table_goes_on_when_the_rule_is_changed(string rules)
    {
        using var lake = new TestLake(TestGraph.Of(Users(Mails)));
        await AppendAsync(lake, Dirt);
        await AssertStandsAsync(lake, "email_valid", 5);

        using var changed = lake.With(TestGraph.Of(Users(rules)));
        await changed.RunAllAsync();

        Assert.Equal(["1"], await changed.RowsAsync("SELECT rows_in FROM silver._quality"));
    }

    [Fact]
    public async Task A_row_of_which_the_rule_itself_fails_stops_its_table_and_one_ahead_mends_nothing()
    {
        using var lake = new TestLake(TestGraph.Of(Users("rules = [ { name = number, check = \"CAST(email AS INTEGER) > 0\", severity = fail } ]")), runRowsMax: 1);
        await AppendAsync(lake, "('1', '0', NULL, 'c', 5, NULL)");
        await AppendAsync(lake, "('1', 'planted', NULL, 'u', 6, NULL)");
        await AssertStandsAsync(lake, "number", 5);

        await AppendAsync(lake, "('1', '7', NULL, 'u', 7, NULL)");
        // Of the row between nobody can say whether it is good.
        await AssertStandsAsync(lake, "number", 5);
        using var whole = lake.With(lake.Graph, runRowsMax: 100);
        await whole.RunAllAsync();

        Assert.Equal(["1|7"], await whole.RowsAsync("SELECT user_id, email FROM silver.users"));
    }

    [Fact]
    public async Task A_reference_stops_its_table_until_the_parent_comes()
    {
        using var lake = new TestLake(TestGraph.Of("teams { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }\n"
            + Users("references = [ { name = team_exists, column = team_id, table = silver/teams, severity = fail } ]")));
        await AppendAsync(lake, "('1', 'a@x', 7, 'c', 5, NULL)");
        await AssertStandsAsync(lake, "team_exists", 5);

        await lake.AppendAsync("bronze/app/teams", TestLake.BronzeColumns("team_id long"), "SELECT CAST(7 AS BIGINT) AS team_id, 'c' AS _op, CAST(1 AS BIGINT) AS _position");
        await lake.RunAsync("silver/teams");
        await lake.RunAllAsync();

        Assert.Equal(["1|7"], await lake.RowsAsync("SELECT user_id, team_id FROM silver.users"));
    }

    [Fact]
    public async Task Spark_is_asked_the_same()
    {
        var contract = TestGraph.Of(Users(Mails, ", mask = hash")).Silver[0];
        var sql = new SilverSql(contract, new Schema(Columns, null), SqlDialect.Spark);

        await SparkGrammar.AcceptsAsync([("mended", sql.Mended(aheadEpoch: 1)), ("checked", sql.Checked), ("settled", sql.Settled)]);
    }

    [Fact]
    public async Task What_is_made_of_a_table_that_stands_stands_too_says_so_and_goes_on_with_it()
    {
        using var lake = new TestLake(TestGraph.Of(Users(Mails) + "\norders { from = bronze/app/orders, columns { id { type = long } }, key = [id] }",
            "sales { sql = sales.sql }, report { sql = report.sql }, alone { sql = alone.sql }", ("sales.sql", "SELECT count(*) AS n FROM silver.orders, silver.users"), ("report.sql", "SELECT n FROM gold.sales"), ("alone.sql", "SELECT count(*) AS n FROM silver.orders")));
        await AppendAsync(lake, "('1', 'a@x', NULL, 'c', 1, NULL)");
        await OrderAsync(1);
        string[] said;
        await using (var node = await CoordinatorNode.StartAsync(lake, lake.Jobs))
        {
            await node.UntilAsync(tables => tables.All(table => table is { Activity: TableActivity.Current, Run: > 0 }));
            var before = (await node.StatusAsync()).Tables.ToDictionary(table => table.Table.Name, table => table.Run);
            await AppendAsync(lake, Dirt);
            var stopped = await node.UntilAsync(tables => tables.Single(table => table.Table.Name == "users").Activity == TableActivity.Stopped);
            await OrderAsync(2);
            var standing = await node.UntilAsync(tables => tables.Single(table => table.Table.Name == "alone").Run > before["alone"] && tables.Single(table => table.Table.Name == "alone").Activity == TableActivity.Current);

            foreach (var status in new[] { stopped, standing })
                foreach (var table in status.Tables.Where(table => table.Table.Name is "sales" or "report"))
                {
                    Assert.Equal((TableActivity.Stopped, before[table.Table.Name]), (table.Activity, table.Run));
                    Assert.StartsWith($"Table {table.Table}: it waits for silver/users. Table silver/users: rule email_valid with severity fail is broken (rows: 1, the first at position 5)", table.Error, StringComparison.Ordinal);
                }

            await AppendAsync(lake, "('1', 'b@x', NULL, 'u', 9, NULL)");
            lake.Time.Advance(TimeSpan.FromMinutes(10));
            await node.UntilAsync(tables => tables.All(table => table.Activity == TableActivity.Current) && tables.Single(table => table.Table.Name == "report").Run > before["report"]);
            said = await node.SaidAsync();
        }

        Assert.Single(said, line => line.Contains("rule email_valid with severity fail is broken (rows: 1, the first at position 5)", StringComparison.Ordinal) && line.Contains("It goes on by itself when its source has mended or deleted these rows", StringComparison.Ordinal));
        Assert.Single(said, line => line == "gold/sales, gold/report stand behind silver/users, and go on with it");
        Assert.Single(said, line => line.StartsWith("Table silver/users goes on", StringComparison.Ordinal));
        Assert.DoesNotContain(said, line => line.Contains("dirt", StringComparison.Ordinal));

        Task OrderAsync(int id) => lake.AppendAsync("bronze/app/orders", TestLake.BronzeColumns("id long"), $"SELECT CAST({id} AS BIGINT) AS id, 'c' AS _op, CAST({id} AS BIGINT) AS _position");
    }

    private static string Users(string rules, string mask = "") =>
        $"users {{ from = bronze/app/users, columns {{ user_id {{ type = long{mask} }}, email {{ type = string }}, team_id {{ type = long }} }}, key = [user_id]\n{rules} }}";

    private static async Task AssertStandsAsync(TestLake lake, string rule, int? position = null)
    {
        var fault = await Assert.ThrowsAsync<PipelineException>(() => lake.RunAsync("silver/users"));
        Assert.True(fault.IsRuleBroken);
        Assert.Contains($"rule {(rule == "number" && fault.Cause.Contains("error:", StringComparison.Ordinal) ? "error:" : "")}{rule} with severity fail is broken (rows: ", fault.Cause, StringComparison.Ordinal);
        Assert.Contains($"the first at position {position}", fault.Cause, StringComparison.Ordinal);
        Assert.DoesNotContain("planted", fault.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("dirt", fault.ToString(), StringComparison.Ordinal);
    }

    private static async Task AppendAsync(TestLake lake, string rows) =>
        await lake.AppendAsync("bronze/app/users", Columns, $"SELECT CAST(user_id AS VARCHAR) AS user_id, CAST(email AS VARCHAR) AS email, CAST(team_id AS BIGINT) AS team_id, CAST(_changed AS VARCHAR) AS _changed, _op, CAST(_position AS BIGINT) AS _position FROM (VALUES {rows}) AS v(user_id, email, team_id, _op, _position, _changed)");
}
