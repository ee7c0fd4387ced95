using System.Collections.Concurrent;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Testing;
using Pipeline.Transform.Coordination;

namespace Pipeline.Transform.Tests.Coordination;

public sealed class MedallionCoordinatorSpec : IDisposable
{
    private static readonly TimeSpan Deadline = Deadlines.Test;
    private static readonly TableId Silver = TableId.Silver("users");
    private static readonly TableId Countries = TableId.Gold("countries");
    private static readonly IReadOnlyList<Field> Users = TestLake.BronzeColumns("user_id long", "country string");

    private readonly TestLake _lake = new(TestGraph.Of("""
        users { from = bronze/app/users, columns { user_id { type = long }, country { type = string } }, key = [user_id] }
        """, "countries { sql = \"countries.sql\", materialization = merge, key = [country] }\ntotals { sql = \"totals.sql\" }",
        ("countries.sql", "SELECT country, CAST(COUNT(*) AS BIGINT) AS users FROM silver.users GROUP BY country"),
        ("totals.sql", "SELECT CAST(SUM(users) AS BIGINT) AS users FROM gold.countries")));

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task Brings_silver_and_gold_up_to_date_after_a_bronze_commit()
    {
        var lake = _lake;
        await lake.AppendAsync("bronze/app/users", Users, "SELECT * FROM (VALUES (1, 'DE', 'r', 1), (2, 'FR', 'r', 2), (3, 'DE', 'r', 3)) AS v(user_id, country, _op, _position)");
        await using var node = await CoordinatorNode.StartAsync(lake, lake.Jobs);
        await node.UntilAsync(TableId.Gold("totals"), run: 1);
        Assert.Equal(["3"], await lake.RowsAsync("SELECT users FROM gold.totals"));

        var version = await lake.AppendAsync("bronze/app/users", Users, "SELECT 4 AS user_id, 'FR' AS country, 'r' AS _op, 4 AS _position");
        node.Publish(new BronzeCommitted(TableId.Bronze("app", "users"), version, 1, null, lake.Time.GetUtcNow()));
        await node.UntilAsync(TableId.Gold("totals"), run: 2);

        Assert.Equal(["4"], await lake.RowsAsync("SELECT users FROM gold.totals"));
        Assert.Equal(["DE|2", "FR|2"], await lake.RowsAsync("SELECT country, users FROM gold.countries ORDER BY 1"));
        var users = (await node.StatusAsync()).Tables.Single(table => table.Table == Silver);
        Assert.Equal((2L, 4L, 0, null), (users.Run, users.Rows, users.FailedAttempts, users.Error));
        Assert.Equal((await lake.Tables.TryOpenAsync(TableId.Bronze("app", "users"), TestContext.Current.CancellationToken))!.Current.CommittedAt, users.ReflectsUntil);
    }

    [Fact]
    public async Task Finds_by_itself_what_was_never_announced()
    {
        var lake = _lake;
        await using var node = await CoordinatorNode.StartAsync(lake, lake.Jobs);

        await lake.AppendAsync("bronze/app/users", Users, "SELECT 4 AS user_id, 'FR' AS country, 'r' AS _op, 4 AS _position");

        await node.UntilAsync(Silver, run: 1);
    }

    [Fact]
    public async Task An_input_that_cannot_be_read_keeps_no_other_from_being_seen()
    {
        using var lake = new TestLake(TestGraph.Of("""
            a { from = bronze/app/a, columns { user_id { type = long } }, key = [user_id] }
            b { from = bronze/app/b, columns { user_id { type = long } }, key = [user_id] }
            """));
        await using var node = await CoordinatorNode.StartAsync(lake, lake.Jobs);
        await lake.AppendAsync("bronze/app/a", Users, "SELECT 1 AS user_id, 'FR' AS country, 'r' AS _op, 1 AS _position");
        await node.UntilAsync(TableId.Silver("a"), run: 1);

        await lake.Lake.Store.PutAsync($"bronze/app/a/_delta_log/{2:D20}.json", "{"u8.ToArray(), TestContext.Current.CancellationToken);
        await lake.AppendAsync("bronze/app/b", Users, "SELECT 2 AS user_id, 'FR' AS country, 'r' AS _op, 2 AS _position");

        // The table may be seen before its first row.
        await node.UntilAsync(tables => tables.Single(status => status.Table == TableId.Silver("b")).Rows == 1);
        Assert.Equal(["2"], await lake.RowsAsync("SELECT user_id FROM silver.b"));
    }

    [Fact]
    public async Task Repeats_the_same_job_after_a_crash()
    {
        var lake = _lake;
        await lake.AppendAsync("bronze/app/users", Users, "SELECT 4 AS user_id, 'FR' AS country, 'r' AS _op, 4 AS _position");
        var hanging = new RecordingEngine(null);
        await using (await CoordinatorNode.StartAsync(lake, hanging)) await hanging.Started.WaitAsync(Deadline, TestContext.Current.CancellationToken);
        lake.Time.Advance(TimeSpan.FromMinutes(5));

        var working = new RecordingEngine(lake.Jobs);
        await using var node = await CoordinatorNode.StartAsync(lake, working);
        await node.UntilAsync(Silver, run: 1);

        Assert.Equal(hanging.Specs.First().Pins.ToJson(), working.Specs.First().Pins.ToJson());
        Assert.Equal(["4|FR"], await lake.RowsAsync("SELECT user_id, country FROM silver.users"));
    }

    [Fact]
    public async Task Tells_why_a_table_failed_and_keeps_the_others_going()
    {
        var lake = _lake;
        await lake.AppendAsync("bronze/app/users", Users, "SELECT 4 AS user_id, 'FR' AS country, 'r' AS _op, 4 AS _position");
        var broken = new RecordingEngine(lake.Jobs) { FailFor = Countries };
        await using var node = await CoordinatorNode.StartAsync(lake, broken);
        await node.UntilAsync(Silver, run: 1);

        var status = await node.UntilAsync(tables => tables.Single(table => table.Table == Countries).Error is not null);

        var countries = status.Tables.Single(table => table.Table == Countries);
        Assert.Equal((TableActivity.Stopped, 1), (countries.Activity, countries.FailedAttempts));
        Assert.Equal("Table gold/countries: the query is wrong. Correct it.", countries.Error);
        Assert.Null(status.Tables.Single(table => table.Table == Silver).Error);
    }

    [Fact]
    public async Task A_table_that_had_stopped_is_said_to_go_on_also_when_others_have_done_its_work_and_new_input_woke_it()
    {
        var lake = _lake;
        await lake.AppendAsync("bronze/app/users", Users, "SELECT 4 AS user_id, 'FR' AS country, 'r' AS _op, 4 AS _position");
        var broken = new RecordingEngine(lake.Jobs) { FailFor = Silver };
        await using var node = await CoordinatorNode.StartAsync(lake, broken);
        await node.UntilAsync(tables => tables.Single(table => table.Table == Silver).Error is not null);

        await lake.RunAsync("silver/users");
        node.Publish(new BronzeCommitted(TableId.Bronze("app", "users"), 99, 1, null, lake.Time.GetUtcNow()));
        await node.UntilAsync(tables => tables.Single(table => table.Table == Silver).Activity == TableActivity.BackingOff);
        lake.Time.Advance(lake.Options.HaltRetry.BackoffMin);
        await node.UntilAsync(tables => tables.Single(table => table.Table == Silver).Error is null);

        Assert.Single(await node.SaidAsync(), "Table silver/users goes on: nothing is left to be done");
    }

    [Fact]
    public async Task Runs_that_fail_because_something_is_away_are_one_outage_which_ends_with_a_run()
    {
        var lake = _lake;
        var said = new ConcurrentQueue<OutageNotice>();
        using var outages = new OutageWatch(lake.Time, said.Enqueue);
        await lake.AppendAsync("bronze/app/users", Users, "SELECT 4 AS user_id, 'FR' AS country, 'r' AS _op, 4 AS _position");
        var engine = new RecordingEngine(lake.Jobs) { Away = new PipelineException(FaultKind.Unreachable, "Object a", "connection refused", "Check it.") { Dependency = "Lake a" } };
        await using var node = await CoordinatorNode.StartAsync(lake, engine, outages);
        await node.UntilAsync(tables => tables.Single(table => table.Table == Silver).FailedAttempts > 0);

        lake.Time.Advance(Outages.SayAfter);
        await node.UntilAsync(tables => tables.Single(table => table.Table == Silver).FailedAttempts > 1);
        engine.Away = null;
        lake.Time.Advance(lake.Options.Retry.BackoffMax);
        await node.UntilAsync(Silver, run: 1);

        Assert.Equal([OutageStage.Away, OutageStage.Away, OutageStage.Returned], said.Select(notice => notice.Stage));
        Assert.All(said, notice => Assert.Equal("Lake a", notice.Thing));
    }

    [Fact]
    public async Task A_job_without_an_end_keeps_no_other_table_from_its_turn_and_comes_again()
    {
        var lake = _lake;
        await lake.AppendAsync("bronze/app/users", Users, "SELECT 4 AS user_id, 'FR' AS country, 'r' AS _op, 4 AS _position");
        var engine = new RecordingEngine(lake.Jobs) { EndlessFor = Countries };
        await using var node = await CoordinatorNode.StartAsync(lake, engine);
        await node.UntilAsync(tables => engine.Specs.Any(spec => spec.Pins.Table == Countries));

        lake.Time.Advance(lake.Options.JobTimeMax);
        var status = await node.UntilAsync(tables => tables.Single(table => table.Table == Countries).Error is not null);
        await lake.AppendAsync("bronze/app/users", Users, "SELECT 5 AS user_id, 'FR' AS country, 'r' AS _op, 5 AS _position");
        await node.UntilAsync(Silver, run: 2);
        engine.EndlessFor = null;
        lake.Time.Advance(lake.Options.Retry.BackoffMax);
        await node.UntilAsync(TableId.Gold("totals"), run: 1);

        Assert.Equal((TableActivity.BackingOff, "Table gold/countries: run 1 has taken more than 1,800 s and was cancelled. If it needs longer, raise transform.job-time-max; if it has no end, correct the SQL."),
            (status.Tables.Single(table => table.Table == Countries).Activity, status.Tables.Single(table => table.Table == Countries).Error));
        Assert.Equal(["2"], await lake.RowsAsync("SELECT users FROM gold.totals"));
    }

    [Fact]
    public async Task A_job_that_takes_too_long_is_told_once_however_often_it_is_tried_and_that_its_table_goes_on()
    {
        var lake = _lake;
        await lake.AppendAsync("bronze/app/users", Users, "SELECT 4 AS user_id, 'FR' AS country, 'r' AS _op, 4 AS _position");
        var engine = new RecordingEngine(lake.Jobs) { EndlessFor = Countries };
        await using var node = await CoordinatorNode.StartAsync(lake, engine);

        for (var attempt = 1; attempt <= 3; attempt++)
        {
            await node.UntilAsync(_ => engine.Specs.Count(spec => spec.Pins.Table == Countries) == attempt);
            lake.Time.Advance(lake.Options.JobTimeMax);
            await node.UntilAsync(tables => tables.Single(table => table.Table == Countries).FailedAttempts == attempt);
            if (attempt == 3) engine.EndlessFor = null;
            lake.Time.Advance(lake.Options.Retry.BackoffMax);
        }

        await node.UntilAsync(Countries, run: 1);
        Assert.Equal(
        [
            "Table gold/countries: run 1 failed, and is tried again: Table gold/countries: run 1 has taken more than 1,800 s and was cancelled. If it needs longer, raise transform.job-time-max; if it has no end, correct the SQL.",
            "Table gold/countries goes on: run 1 has ended well",
        ], (await node.SaidAsync()).Where(line => line.StartsWith("Table gold/countries", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_backlog_that_does_not_fit_into_memory_is_read_in_smaller_pieces_to_its_end()
    {
        using var lake = new TestLake(TestGraph.Of("""
            notes { from = bronze/app/notes, columns { note_id { type = long }, text { type = string } }, key = [note_id] }
            """), memoryMebibytes: 64);
        // Sixty megabytes for a run of all, five for each commit.
        for (var commit = 0; commit < 12; commit++)
            await lake.AppendAsync("bronze/app/notes", TestLake.BronzeColumns("note_id long", "text string"),
                $"SELECT i AS note_id, repeat(md5(CAST(i AS VARCHAR)), 3200) AS text, 'r' AS _op, i AS _position FROM range({50 * commit}, {50 * commit + 50}) AS r(i)");
        var engine = new RecordingEngine(lake.Jobs);
        await using var node = await CoordinatorNode.StartAsync(lake, engine);

        var status = await node.UntilAsync(tables => tables[0].Rows == 600 || tables[0].Error is not null);

        Assert.Equal((600, 0, null), (status.Tables[0].Rows, status.Tables[0].FailedAttempts, status.Tables[0].Error));
        Assert.Equal(["600|61440000"], await lake.RowsAsync("SELECT count(*), sum(length(text)) FROM silver.notes"));
        Assert.Equal(["600|600"], await lake.RowsAsync("SELECT sum(rows_in), sum(accepted) FROM silver._quality"));
        var rows = engine.Specs.Select(spec => spec.Pins.Rows).ToList();
        Assert.Equal([600, 300], rows[..2]);
        Assert.Equal(1, engine.Specs.ElementAt(1).Pins.Run);
    }
}
