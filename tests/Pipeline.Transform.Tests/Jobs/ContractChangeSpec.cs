using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Jobs;

/// <summary>The configuration is another one when a run that was cut off between the commits of its tables is finished.</summary>
public sealed class ContractChangeSpec : IDisposable
{
    private const string Begun = """
        teams { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }
        users {
          from = bronze/app/users
          columns { user_id { type = long }, email { type = string, required = true }, team_id { type = long } }
          key = [user_id]
          rules = [ { name = email_valid, check = "regexp_like(email, '@')" } ]
          references = [ { name = team_exists, column = team_id, table = silver/teams } ]
        }
        """;

    private static readonly IReadOnlyList<Field> Users = TestLake.BronzeColumns("user_id long", "email string", "team_id long");

    private readonly TestLake _lake = new(TestGraph.Of(Begun));

    public static TheoryData<string, string, string> Changes
    {
        get
        {
            var changes = new TheoryData<string, string, string>();
            foreach (var place in new[] { "silver/users", "silver/users__quarantine", "silver/users__deleted", "silver/_quality" })
            {
                changes.Add(place, "rules = [ { name = email_valid, check = \"regexp_like(email, '@')\" } ]", "");
                changes.Add(place, "check = \"regexp_like(email, '@')\"", "check = \"regexp_like(email, '@') AND user_id <> 2\"");
                changes.Add(place, "references = [ { name = team_exists, column = team_id, table = silver/teams } ]", "");
                changes.Add(place, "email { type = string, required = true }", "email { type = string, mask = hash }");
                changes.Add(place, "team_id { type = long } }\n  key = [user_id]", "team_id { type = long }, is_new { type = boolean, required = true, from = team_id } }\n  key = [user_id]");
                changes.Add(place, "key = [user_id]\n  rules", "key = [team_id]\n  rules");
            }

            return changes;
        }
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Each_row_is_in_one_table_and_the_books_balance(string place, string from, string to)
    {
        var other = TestGraph.Of(Changed(from, to));
        await AppendAsync("(1, 'a@x', NULL, 'c', 1), (9, 'gone@x', NULL, 'c', 2), (8, 'held@x', 4, 'c', 3), (9, NULL, NULL, 'd', 4)");
        await _lake.RunAllAsync();
        await AppendAsync("(2, 'b@x', NULL, 'c', 5), (3, 'dirt', NULL, 'c', 6), (4, 'd@x', 5, 'c', 7), (1, NULL, NULL, 'd', 8)");
        _lake.Jobs.BeforeCommit = table =>
        {
            if (table.ToString() == place) throw new IOException("killed");
        };
        await Assert.ThrowsAsync<IOException>(() => _lake.RunAsync("silver/users"));

        // Another process, which knows today's contract only.
        await RunAllAsync(other, runsMax: 1);

        // A run that had committed nothing is planned anew, by the contract of today; one that had is what it was begun as.
        if (place == "silver/users") Assert.Equal(["8"], await _lake.RowsAsync("SELECT SUM(rows_in) FROM silver._quality"));
        else
        {
            Assert.Equal(["2"], await _lake.RowsAsync("SELECT user_id FROM silver.users ORDER BY 1"));
            Assert.Equal(["3|email_valid", "4|team_exists", "8|team_exists"], await _lake.RowsAsync("SELECT user_id, _rules FROM silver.users__quarantine ORDER BY 1"));
            Assert.Equal(["1", "9"], await _lake.RowsAsync("SELECT user_id FROM silver.users__deleted ORDER BY 1"));
            Assert.Equal(["b@x"], await _lake.RowsAsync("SELECT email FROM silver.users"));
        }

        // What was set aside is judged by the contract of today then.
        await RunAllAsync(other);
        Assert.Equal(["8|8"], await _lake.RowsAsync("""
            SELECT SUM(rows_in), (SELECT count(*) FROM silver.users) + (SELECT count(*) FROM silver.users__quarantine) + SUM(superseded + replaced + deleted + truncated) FROM silver._quality WHERE table_name = 'silver/users'
            """));
    }

    [Fact]
    public async Task The_next_run_is_of_the_contract_of_its_day()
    {
        var other = TestGraph.Of(Changed("check = \"regexp_like(email, '@')\"", "check = \"regexp_like(email, '@') AND user_id <> 2\""));
        await AppendAsync("(2, 'b@x', NULL, 'c', 5), (3, 'dirt', NULL, 'c', 6)");
        _lake.Jobs.BeforeCommit = table =>
        {
            if (table.Name == "users__quarantine") throw new IOException("killed");
        };
        await Assert.ThrowsAsync<IOException>(() => _lake.RunAsync("silver/users"));
        await RunAllAsync(other);
        Assert.Equal(["2|b@x"], await _lake.RowsAsync("SELECT user_id, email FROM silver.users"));

        await AppendAsync("(2, 'c@x', NULL, 'c', 7)");
        await RunAllAsync(other);

        Assert.Equal(["2|b@x"], await _lake.RowsAsync("SELECT user_id, email FROM silver.users"));
        Assert.Equal(["2", "3"], await _lake.RowsAsync("SELECT user_id FROM silver.users__quarantine ORDER BY 1"));
    }

    [Fact]
    public async Task Statements_that_are_gone_are_said_and_others_are_not_taken()
    {
        await AppendAsync("(2, 'b@x', NULL, 'c', 5), (3, 'dirt', NULL, 'c', 6)");
        var pins = (await _lake.Planner.PlanAsync(TableId.Silver("users"), TestContext.Current.CancellationToken))!;
        var other = new JobPlanner(new OpenTables(_lake.Lake), TestGraph.Of(Changed("check = \"regexp_like(email, '@')\"", "check = \"true\"")), _lake.Options, _lake.Time);
        await Assert.ThrowsAsync<JobSupersededException>(async () => await other.ExpandAsync(pins, SqlDialect.DuckDb, TestContext.Current.CancellationToken));
        _lake.Jobs.BeforeCommit = table =>
        {
            if (table.Name == "users__quarantine") throw new IOException("killed");
        };
        await Assert.ThrowsAsync<IOException>(() => _lake.RunAsync(pins));
        var path = JobStatements.PathOf(pins.Table, pins.Statements!);

        await _lake.Lake.Store.PutAsync(path, "{}"u8.ToArray(), TestContext.Current.CancellationToken);
        var damaged = await Assert.ThrowsAsync<PipelineException>(async () => await other.ExpandAsync(pins, SqlDialect.DuckDb, TestContext.Current.CancellationToken));
        await _lake.Lake.Store.DeleteAsync(path, TestContext.Current.CancellationToken);
        var gone = await Assert.ThrowsAsync<PipelineException>(async () => await other.ExpandAsync(pins, SqlDialect.DuckDb, TestContext.Current.CancellationToken));

        Assert.Contains("its bytes are not those that it was named by", damaged.Message);
        Assert.Contains("run silver/users#1 has not finished, and its statements are gone", gone.Message);
        // The same contract makes them again.
        _lake.Jobs.BeforeCommit = null;
        await _lake.RunAllAsync();
        Assert.Equal(["3"], await _lake.RowsAsync("SELECT user_id FROM silver.users__quarantine"));
    }

    [Fact]
    public async Task A_run_that_another_of_its_number_was_faster_than_is_planned_anew_and_no_statements_are_missed()
    {
        await AppendAsync("(2, 'b@x', NULL, 'c', 5), (3, 'dirt', NULL, 'c', 6)");
        // Of a coordinator that is not alone: it has planned by the contract of yesterday, and nobody has begun.
        var pins = (await _lake.Planner.PlanAsync(TableId.Silver("users"), TestContext.Current.CancellationToken))!;
        var other = TestGraph.Of(Changed("check = \"regexp_like(email, '@')\"", "check = \"true\""));
        await RunAllAsync(other);

        await Assert.ThrowsAsync<JobSupersededException>(async () => await new JobPlanner(new OpenTables(_lake.Lake), other, _lake.Options, _lake.Time).ExpandAsync(pins, SqlDialect.DuckDb, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_run_that_others_have_followed_needs_no_statements_any_more()
    {
        await AppendAsync("(2, 'b@x', NULL, 'c', 5)");
        var pins = (await _lake.Planner.PlanAsync(TableId.Silver("users"), TestContext.Current.CancellationToken))!;
        await _lake.RunAsync(pins);
        var other = TestGraph.Of(Changed("check = \"regexp_like(email, '@')\"", "check = \"true\""));
        await AppendAsync("(3, 'dirt', NULL, 'c', 6)");
        await RunAllAsync(other);
        await _lake.Lake.Store.DeleteAsync(JobStatements.PathOf(pins.Table, pins.Statements!), TestContext.Current.CancellationToken);

        await Assert.ThrowsAsync<JobSupersededException>(async () => await new JobPlanner(new OpenTables(_lake.Lake), other, _lake.Options, _lake.Time).ExpandAsync(pins, SqlDialect.DuckDb, TestContext.Current.CancellationToken));
    }

    public void Dispose() => _lake.Dispose();

    private static string Changed(string from, string to)
    {
        Assert.Contains(from, Begun);
        return Begun.Replace(from, to, StringComparison.Ordinal);
    }

    private Task<long> AppendAsync(string rows) => _lake.AppendAsync("bronze/app/users", Users, $"SELECT * FROM (VALUES {rows}) AS v(user_id, email, team_id, _op, _position)");

    private async Task RunAllAsync(TransformGraph graph, int runsMax = int.MaxValue)
    {
        var tables = new OpenTables(_lake.Lake);
        var (planner, runner) = (new JobPlanner(tables, graph, _lake.Options, _lake.Time), new JobRunner(tables, _lake.Engine, _lake.Options, _lake.Time));
        while (runsMax-- > 0 && await planner.PlanAsync(TableId.Silver("users"), TestContext.Current.CancellationToken) is { } pins)
            await runner.RunAsync(await planner.ExpandAsync(pins, SqlDialect.DuckDb, TestContext.Current.CancellationToken), TestContext.Current.CancellationToken);
    }
}
