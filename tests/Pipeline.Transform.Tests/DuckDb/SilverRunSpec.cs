using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Tests.DuckDb;

public sealed class SilverRunSpec
{
    private const string Contracts = """
        teams { from = bronze/app/teams, columns { team_id { type = long }, name { type = string, required = true } }, key = [team_id] }
        users {
          from = bronze/app/users
          columns {
            user_id { type = long }
            email { type = string, required = true }
            team_id { type = long }
            score { type = "decimal(8,2)", from = score_text }
            phone { type = string, mask = hash, classification = personal }
          }
          key = [user_id]
          rules = [
            { name = email_valid, check = "regexp_like(email, '@')" }
            { name = has_team, check = "team_id IS NOT NULL", severity = warn }
          ]
          references = [ { name = team_exists, column = team_id, table = silver/teams } ]
        }
        """;

    private static readonly IReadOnlyList<Field> Users = TestLake.BronzeColumns("user_id long", "email string", "team_id long", "score_text string", "phone string");
    private static readonly IReadOnlyList<Field> Teams = TestLake.BronzeColumns("team_id long", "name string");

    private static string UserRows(params string[] rows) =>
        $"SELECT * FROM (VALUES {string.Join(", ", rows.Select(row => $"({row})"))}) AS v(user_id, email, team_id, score_text, phone, _op, _position)";

    private static string TeamRows(params string[] rows) =>
        $"SELECT * FROM (VALUES {string.Join(", ", rows.Select(row => $"({row})"))}) AS v(team_id, name, _op, _position)";

    [Fact]
    public async Task Types_checks_masks_and_keeps_the_latest_row_of_each_key()
    {
        using var lake = new TestLake(TestGraph.Of(Contracts));
        await lake.AppendAsync("bronze/app/teams", Teams, TeamRows("7, 'blue', 'r', 1"));
        await lake.AppendAsync("bronze/app/users", Users, UserRows(
            "1, 'old@x', 7, '1.50', '123', 'r', 10",
            "1, 'new@x', 7, '2.50', '123', 'r', 20",
            "2, NULL, 7, '1', NULL, 'r', 11",
            "3, 'nobody', 7, 'many', NULL, 'r', 12",
            "4, 'd@x', NULL, NULL, NULL, 'r', 13",
            "NULL, 'e@x', 7, '1', NULL, 'r', 14"));
        await lake.RunAllAsync();

        Assert.Equal([$"1|new@x|7|2.50|{Silver.MaskSpec.Hash("123")}|20", "4|d@x||||13"],
            await lake.RowsAsync("SELECT user_id, email, team_id, score, phone, _position FROM silver.users ORDER BY user_id"));
        Assert.Equal(["2|required:email|false", "3|type:score,email_valid|false", "|required:user_id|false"],
            await lake.RowsAsync("SELECT user_id, _rules, _held FROM silver.users__quarantine ORDER BY user_id"));
        Assert.Equal(["""{"user_id":"3","email":"nobody","team_id":"7","score_text":"many","phone":null,"_op":"r","_position":"12","_ingested_at":"2026-01-01 00:00:00+00"}"""],
            (await lake.RowsAsync("SELECT _row FROM silver.users__quarantine WHERE user_id = '3'")).Select(MaskKey.Of(TestLake.Key).Open));
        Assert.Equal(["""6|0|2|3|1|0|0|{"email_valid":1,"required:email":1,"required:user_id":1,"type:score":1}|{"has_team":1}"""],
            await lake.RowsAsync("SELECT rows_in, released, accepted, quarantined, superseded, deleted, replaced, quarantined_by_rule, warned_by_rule FROM silver._quality WHERE table_name = 'silver/users'"));
    }

    [Fact]
    public async Task Sealed_rows_that_wait_are_found_again_when_their_files_were_put_together()
    {
        using var lake = new TestLake(TestGraph.Of(Contracts));
        await lake.AppendAsync("bronze/app/teams", Teams, TeamRows("1, 'first', 'r', 1"));
        await lake.AppendAsync("bronze/app/users", Users, UserRows("1, 'a@x', 7, '1', '123', 'r', 10", "2, 'nobody', 7, '1', NULL, 'r', 11"));
        await lake.RunAllAsync();
        await lake.AppendAsync("bronze/app/users", Users, UserRows("3, 'c@x', 7, '1', '456', 'r', 12", "4, 'd@x', 8, '1', '123', 'r', 13"));
        await lake.RunAllAsync();
        await lake.CompactAsync("silver/users__quarantine");
        await lake.AppendAsync("bronze/app/teams", Teams, TeamRows("7, 'seventh', 'r', 2"));
        await lake.RunAllAsync();

        Assert.Equal(["1", "3"], await lake.RowsAsync("SELECT user_id FROM silver.users ORDER BY user_id"));
        Assert.Equal(["2|email_valid|false", "4|team_exists|true"], await lake.RowsAsync("SELECT user_id, _rules, _held FROM silver.users__quarantine ORDER BY user_id"));
    }

    [Theory]
    [InlineData("CAST(text AS INTEGER) > 0", "x")]
    [InlineData("regexp_like('abc', text)", "(")]
    [InlineData("CAST(text AS BIGINT) + 9223372036854775806 > CAST(text AS BIGINT)", "3")]
    [InlineData("CAST(text AS DATE) > DATE '2020-01-01'", "soon")]
    [InlineData("sqrt(CAST(text AS DOUBLE)) > 0", "-1")]
    [InlineData("CASE WHEN text IS NOT NULL THEN CAST(text AS DECIMAL(3,2)) > 0 END", "1000")]
    [InlineData("CAST(text AS INTEGER) > 0 AND CAST(text AS INTEGER) < 10", "x")]
    [InlineData("COALESCE(CAST(text AS INTEGER), 1) > 0 OR user_id < 0", "x")]
    public async Task A_row_on_which_a_rule_fails_is_quarantined_alone_and_mended_at_its_source(string check, string text)
    {
        using var lake = new TestLake(TestGraph.Of($$"""
            users {
              from = bronze/app/users
              columns { user_id { type = long }, text { type = string } }
              key = [user_id]
              rules = [ { name = sane, check = "{{check}}" }, { name = told, check = "{{check}}", severity = warn } ]
            }
            """));
        var columns = TestLake.BronzeColumns("user_id long", "text string");
        var good = check.Contains("DATE", StringComparison.Ordinal) ? "2026-01-01" : check.Contains("regexp", StringComparison.Ordinal) ? "b" : "1";
        await lake.AppendAsync("bronze/app/users", columns, $"""
            SELECT i AS user_id, CASE WHEN i = 700 THEN '{text}' WHEN i = 701 THEN NULL ELSE '{good}' END AS text, 'r' AS _op, i AS _position FROM range(3000) AS r(i)
            """);
        await lake.RunAllAsync();

        Assert.Equal(["2999"], await lake.RowsAsync("SELECT count(*) FROM silver.users"));
        Assert.Equal(["700|error:sane|false"], await lake.RowsAsync("SELECT user_id, _rules, _held FROM silver.users__quarantine"));
        Assert.Equal(["""{"error:sane":1}|{"error:told":1}|"""], await lake.RowsAsync("SELECT quarantined_by_rule, warned_by_rule, '' FROM silver._quality"));

        await lake.AppendAsync("bronze/app/users", columns, $"SELECT 700 AS user_id, '{good}' AS text, 'u' AS _op, 5000 AS _position");
        await lake.RunAllAsync();

        Assert.Equal([$"3000|{good}"], await lake.RowsAsync("SELECT count(*), max(text) FILTER (user_id = 700) FROM silver.users"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Writes_no_bounds_of_personal_columns_or_quarantined_rows(bool isRemote)
    {
        using var lake = new TestLake(TestGraph.Of("""
            users {
              from = bronze/app/users
              columns {
                user_id { type = long }
                email { type = string, classification = personal }
                name { type = string, required = true }
                phone { type = string, mask = hash, classification = secret }
              }
              key = [user_id, email]
            }
            """), isRemote: isRemote);
        var columns = TestLake.BronzeColumns("user_id long", "email string", "name string", "phone string");
        for (var run = 0; run < 2; run++)
        {
            await lake.AppendAsync("bronze/app/users", columns, $"""
                SELECT * FROM (VALUES (1, 'a@x', 'n', '123', 'r', {run}1), (2, 'b@x', NULL, '456', 'r', {run}2), ({3 + run}, 'c@x', 'n', '789', 'r', {run}3), (5, 'd@x', 'n', '1', 'd', {run}4))
                AS v(user_id, email, name, phone, _op, _position)
                """);
            await lake.RunAllAsync();
        }

        foreach (var (table, without, with) in ((TableId, string[], string[])[])
        [
            (TableId.Silver("users"), ["email", "phone"], ["user_id", "name", "_position"]),
            (TableId.Quarantine("users"), ["email", "_row"], ["user_id", "_rules", "_position"]),
            (SilverTables.Deleted(TableId.Silver("users")), ["email", "phone"], ["user_id", "_position"]),
        ])
        {
            var (log, footers) = (await lake.BoundsAsync(table), await lake.FooterBoundsAsync(table));
            Assert.Empty(log.Intersect(without));
            Assert.Empty(footers.Intersect(without));
            Assert.Empty(with.Except(log));
            Assert.Empty(with.Except(footers));
        }

        // The files are whole: their rows come back through a reader that checks every page.
        Assert.Equal(["1|a@x", "3|c@x", "4|c@x"], await lake.RowsAsync("SELECT user_id, email FROM silver.users ORDER BY 1"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Reads_only_what_is_new_and_merges_it_by_key(bool isRemote)
    {
        using var lake = new TestLake(TestGraph.Of(Contracts), isRemote: isRemote);
        await lake.AppendAsync("bronze/app/users", Users, UserRows("1, 'a@x', NULL, '1', NULL, 'r', 10", "2, 'b@x', NULL, '1', NULL, 'r', 11"));
        await lake.RunAllAsync();
        await lake.AppendAsync("bronze/app/users", Users, UserRows("2, 'b2@x', NULL, '2', NULL, 'r', 21", "3, 'c@x', NULL, '1', NULL, 'r', 22", "1, 'late@x', NULL, '1', NULL, 'r', 5"));

        var result = await lake.RunAsync("silver/users");

        Assert.Equal(["1|a@x", "2|b2@x", "3|c@x"], await lake.RowsAsync("SELECT user_id, email FROM silver.users ORDER BY 1"));
        Assert.Equal((3, 2, 1, 1), (result!.Quality!.RowsIn, result.Quality.Accepted, result.Quality.Superseded, result.Quality.Replaced));
        Assert.Equal(3, result.Rows);
        Assert.Null(await lake.RunAsync("silver/users"));
    }

    [Fact]
    public async Task Reads_a_backlog_in_pieces_of_whole_commits()
    {
        using var lake = new TestLake(TestGraph.Of(Contracts), runRowsMax: 3);
        foreach (var (first, count) in new[] { (0, 2), (2, 1), (3, 5), (8, 1) })
            await lake.AppendAsync("bronze/app/users", Users, $"SELECT i AS user_id, 'a@x' AS email, CAST(NULL AS BIGINT) AS team_id, '1' AS score_text, NULL AS phone, 'r' AS _op, i AS _position FROM range({first}, {first + count}) AS r(i)");

        var rows = new List<long>();
        while (await lake.RunAsync("silver/users") is { } result) rows.Add(result.Quality!.RowsIn);

        Assert.Equal([3, 5, 1], rows);
        Assert.Equal(["9"], await lake.RowsAsync("SELECT count(*) FROM silver.users"));
    }

    [Fact]
    public async Task Deletes_and_does_not_let_an_older_row_come_back()
    {
        using var lake = new TestLake(TestGraph.Of(Contracts));
        await lake.AppendAsync("bronze/app/users", Users, UserRows("1, 'a@x', NULL, '1', NULL, 'c', 10", "2, 'b@x', NULL, '1', NULL, 'c', 11"));
        await lake.RunAllAsync();
        await lake.AppendAsync("bronze/app/users", Users, UserRows("1, NULL, NULL, NULL, NULL, 'd', 20"));
        await lake.RunAllAsync();
        await lake.AppendAsync("bronze/app/users", Users, UserRows("1, 'late@x', NULL, '1', NULL, 'u', 15"));
        await lake.RunAllAsync();
        Assert.Equal(["2"], await lake.RowsAsync("SELECT user_id FROM silver.users ORDER BY 1"));

        await lake.AppendAsync("bronze/app/users", Users, UserRows("1, 'again@x', NULL, '1', NULL, 'c', 30"));
        await lake.RunAllAsync();

        Assert.Equal(["1|again@x", "2|b@x"], await lake.RowsAsync("SELECT user_id, email FROM silver.users ORDER BY 1"));
        Assert.Equal(["5|3|1|2"], await lake.RowsAsync("SELECT SUM(rows_in), SUM(accepted), SUM(deleted), SUM(superseded + replaced) FROM silver._quality"));
    }

    [Fact]
    public async Task Holds_a_row_until_its_parent_arrives()
    {
        using var lake = new TestLake(TestGraph.Of(Contracts));
        await lake.AppendAsync("bronze/app/users", Users, UserRows("1, 'a@x', 7, '1.25', '5', 'r', 10", "2, 'b@x', 8, '1', NULL, 'r', 11"));
        await lake.RunAllAsync();
        Assert.Empty(await lake.RowsAsync("SELECT * FROM silver.users"));
        Assert.Equal(["1|team_exists|true", "2|team_exists|true"], await lake.RowsAsync("SELECT user_id, _rules, _held FROM silver.users__quarantine ORDER BY 1"));

        await lake.AppendAsync("bronze/app/teams", Teams, TeamRows("7, 'blue', 'r', 1"));
        await lake.RunAsync("silver/teams");
        var result = await lake.RunAsync("silver/users");

        Assert.Equal((0, 1, 1), (result!.Quality!.RowsIn, result.Quality.Released, result.Quality.Accepted));
        Assert.Equal(["1|a@x|1.25|2026-01-01 00:00:00"], await lake.RowsAsync("SELECT user_id, email, score, _ingested_at FROM silver.users"));
        Assert.Equal(["2|team_exists|1"], await lake.RowsAsync("SELECT user_id, _rules, _bronze_version FROM silver.users__quarantine"));
    }

    [Fact]
    public async Task Stops_at_a_row_that_breaks_a_fail_rule_and_changes_nothing()
    {
        using var lake = new TestLake(TestGraph.Of("""
            users { from = bronze/app/users, columns { user_id { type = long } }, key = [user_id]
              rules = [ { name = sane, check = "user_id < 100", severity = fail } ] }
            """));
        await lake.AppendAsync("bronze/app/users", Users, UserRows("1, 'a@x', 7, '1', NULL, 'r', 10", "100, 'b@x', 7, '1', NULL, 'r', 11"));

        var fault = await Assert.ThrowsAsync<PipelineException>(() => lake.RunAsync("silver/users"));

        Assert.StartsWith("Table silver/users: rule sane with severity fail is broken (rows: 1, the first at position 11)", fault.Message);
        Assert.Empty(await lake.RowsAsync("SELECT * FROM silver.users"));
    }

    [Theory]
    [InlineData("silver/users")]
    [InlineData("silver/users__quarantine")]
    [InlineData("silver/users__deleted")]
    [InlineData("silver/_quality")]
    public async Task Finishes_a_run_that_was_cut_off_before_the_commit_to(string table)
    {
        using var whole = new TestLake(TestGraph.Of(Contracts));
        using var cut = new TestLake(TestGraph.Of(Contracts));
        foreach (var lake in new[] { whole, cut })
        {
            await lake.AppendAsync("bronze/app/users", Users, UserRows("1, 'a@x', NULL, '1', NULL, 'c', 10", "2, 'b@x', 7, '1', NULL, 'c', 11", "3, 'c@x', NULL, '1', NULL, 'c', 12"));
            await lake.RunAllAsync();
            await lake.AppendAsync("bronze/app/teams", Teams, TeamRows("7, 'blue', 'r', 1"));
            await lake.RunAsync("silver/teams");
            await lake.AppendAsync("bronze/app/users", Users, UserRows("1, NULL, NULL, NULL, NULL, 'd', 20", "4, 'nobody', NULL, '1', NULL, 'c', 21", "3, 'c2@x', NULL, '1', NULL, 'u', 22"));
        }

        cut.Jobs.BeforeCommit = id =>
        {
            if (id.ToString() == table) throw new IOException("crash");
        };
        await Assert.ThrowsAsync<IOException>(() => cut.RunAsync("silver/users"));
        cut.Jobs.BeforeCommit = null;
        // More has arrived in the meantime; the run that was cut off is finished with its own inputs first.
        await cut.AppendAsync("bronze/app/users", Users, UserRows("9, 'z@x', NULL, '1', NULL, 'c', 90"));
        await whole.RunAllAsync();
        await whole.AppendAsync("bronze/app/users", Users, UserRows("9, 'z@x', NULL, '1', NULL, 'c', 90"));
        await whole.RunAllAsync();
        await cut.RunAllAsync();

        foreach (var query in new[]
        {
            "SELECT * FROM silver.users ORDER BY user_id", "SELECT user_id, _rules, _row FROM silver.users__quarantine ORDER BY user_id",
            "SELECT user_id FROM silver.users__deleted",
        })
            Assert.Equal(await whole.RowsAsync(query), await cut.RowsAsync(query));
        // Where the cut run had not decided anything yet, one run does the work of two.
        const string sums = "SELECT SUM(rows_in), SUM(released), SUM(accepted), SUM(quarantined), SUM(superseded + replaced), SUM(deleted) FROM silver._quality WHERE table_name = 'silver/users'";
        Assert.Equal(await whole.RowsAsync(sums), await cut.RowsAsync(sums));
    }

    [Fact]
    public async Task Changes_nothing_when_a_job_runs_twice()
    {
        using var lake = new TestLake(TestGraph.Of(Contracts));
        await lake.AppendAsync("bronze/app/users", Users, UserRows("1, 'a@x', NULL, '1', NULL, 'r', 10", "2, NULL, NULL, '1', NULL, 'r', 11"));
        var cancel = TestContext.Current.CancellationToken;
        var pins = await lake.Planner.PlanAsync(TableId.Silver("users"), cancel);
        var spec = await lake.Planner.ExpandAsync(JobPins.FromJson(pins!.ToJson()), SqlDialect.DuckDb, cancel);

        var first = await lake.Jobs.RunAsync(spec, cancel);
        var second = await lake.Jobs.RunAsync(spec, cancel);

        Assert.Equal(first with { Took = default }, second with { Took = default, Quality = first.Quality });
        Assert.Equal(first.Quality!.QuarantinedByRule, second.Quality!.QuarantinedByRule);
        Assert.Equal(["1"], await lake.RowsAsync("SELECT count(*) FROM silver._quality"));
        foreach (var name in new[] { "silver/users", "silver/users__quarantine", "silver/_quality" })
            Assert.Equal(1, (await lake.Lake.TryOpenAsync(TableId.Parse(name), cancel))!.Current.Version);
    }

    [Fact]
    public async Task Refuses_a_job_that_was_planned_before_another_one_ran()
    {
        using var lake = new TestLake(TestGraph.Of(Contracts));
        var cancel = TestContext.Current.CancellationToken;
        await lake.AppendAsync("bronze/app/users", Users, UserRows("1, 'a@x', NULL, '1', NULL, 'r', 10"));
        var zombie = await lake.Planner.ExpandAsync((await lake.Planner.PlanAsync(TableId.Silver("users"), cancel))!, SqlDialect.DuckDb, cancel);
        await lake.RunAsync("silver/users");
        await lake.AppendAsync("bronze/app/users", Users, UserRows("2, 'b@x', NULL, '1', NULL, 'r', 11"));
        await lake.RunAsync("silver/users");

        await Assert.ThrowsAsync<JobSupersededException>(() => lake.Jobs.RunAsync(zombie, cancel));
        Assert.Equal(["1", "2"], await lake.RowsAsync("SELECT user_id FROM silver.users ORDER BY 1"));
    }
}
