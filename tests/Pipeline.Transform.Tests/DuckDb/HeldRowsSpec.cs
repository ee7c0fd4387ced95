using Apache.Arrow;
using Pipeline.Core;

namespace Pipeline.Transform.Tests.DuckDb;

/// <summary>Rows that wait for a parent cost what is released of them, not what waits.</summary>
public sealed class HeldRowsSpec
{
    private const string Contracts = """
        teams { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }
        users {
          from = bronze/app/users
          columns { user_id { type = long }, team_id { type = long }, text { type = string } }
          key = [user_id]
          references = [ { column = team_id, table = silver/teams } ]
        }
        """;

    private static readonly IReadOnlyList<Field> Teams = TestLake.BronzeColumns("team_id long");
    private static readonly IReadOnlyList<Field> Users = TestLake.BronzeColumns("user_id long", "team_id long", "text string");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Rows_whose_parent_has_come_leave_by_as_many_as_a_run_may_take_until_none_is_left()
    {
        using var lake = new TestLake(TestGraph.Of(Contracts), runRowsMax: 10);
        await TeamsAsync(lake, 0);
        for (var i = 0; i < 4; i++) await UsersAsync(lake, 10 * i, 10, $"i % 2 + 1", "'x'");
        await lake.RunAllAsync();
        Assert.Equal(["40|40"], await lake.RowsAsync("SELECT count(*), count(*) FILTER (_held) FROM silver.users__quarantine"));

        await TeamsAsync(lake, 1);
        await lake.RunAllAsync();

        Assert.Equal(["20|1"], await lake.RowsAsync("SELECT count(*), max(team_id) FROM silver.users"));
        Assert.Equal(["20"], await lake.RowsAsync("SELECT count(*) FROM silver.users__quarantine"));
        Assert.Equal(["10", "10"], await lake.RowsAsync("SELECT released FROM silver._quality WHERE table_name = 'silver/users' AND released > 0"));

        await TeamsAsync(lake, 2);
        await lake.RunAllAsync();

        Assert.Equal(["40|0"], await lake.RowsAsync("SELECT count(*), (SELECT count(*) FROM silver.users__quarantine) FROM silver.users"));
        Assert.Equal(["40|40"], await lake.RowsAsync("SELECT sum(rows_in), sum(accepted) FROM silver._quality WHERE table_name = 'silver/users'"));
        Assert.Null(await lake.Planner.PlanAsync(TableId.Silver("users"), Cancel));
    }

    [Fact]
    public async Task Each_run_says_how_many_rows_wait_when_it_is_over()
    {
        using var lake = new TestLake(TestGraph.Of(Contracts), runRowsMax: 4);
        await TeamsAsync(lake, 0);
        for (var i = 0; i < 3; i++) await UsersAsync(lake, 10 * i, 10, "i % 2 + 1", "'x'");
        List<long> waiting = [];
        foreach (var parent in (int[])[0, 1, 2])
        {
            if (parent > 0) await TeamsAsync(lake, parent);
            await lake.RunAsync("silver/teams");
            while (await lake.RunAsync("silver/users") is { } run)
            {
                Assert.Equal(await lake.RowsAsync("SELECT count(*) FROM silver.users__quarantine WHERE _held"), [$"{run.Quality!.Held}"]);
                waiting.Add(run.Quality.Held!.Value);
            }
        }

        // The version that makes the table, then its three commits.
        Assert.Equal([0, 10, 20, 30], waiting[..4]);
        Assert.Equal(0, waiting[^1]);
    }

    /// <summary>A run of one commit cannot be made smaller, and memory does not follow the number of columns that are read of a row or of a document in it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Seventeen_thousand_rows_of_two_kilobytes_wait_and_are_released_within_the_memory_that_is_shipped(bool isDocument)
    {
        const string text = "repeat(md5(CAST(i AS VARCHAR)), 64)";
        var more = Enumerable.Range(0, 10).Select(i => $"more_{i}").ToList();
        var columns = more.Prepend("text").Select(name => $"{name} {{ type = string{(isDocument ? $", from = document, path = \"$.{name}\"" : "")} }}");
        using var lake = new TestLake(TestGraph.Of(Contracts.Replace("text { type = string }", string.Join(", ", columns), StringComparison.Ordinal)),
            memoryMebibytes: (int)(new TransformOptions().MemoryBytesMax >> 20));
        await TeamsAsync(lake, 0);
        await lake.AppendAsync("bronze/app/users",
            TestLake.BronzeColumns(["user_id long", "team_id long", .. isDocument ? ["document string"] : more.Prepend("text").Select(name => $"{name} string")]), $"""
            SELECT i AS user_id, i % 2 + 1 AS team_id, {(isDocument ? $$"""'{"text": "' || {{text}} || '", "more_3": 1.5}' AS document""" : $"{text} AS text, {string.Join(", ", more.Select(name => $"'x' AS {name}"))}")},
              'r' AS _op, i AS _position FROM range(17000) AS r(i)
            """);
        await lake.RunAllAsync();
        Assert.Equal(["17000"], await lake.RowsAsync("SELECT count(*) FROM silver.users__quarantine WHERE _held"));

        await TeamsAsync(lake, 1);
        await TeamsAsync(lake, 2);
        await lake.RunAllAsync();

        Assert.Equal(["17000|34816000|0"], await lake.RowsAsync("SELECT count(*), CAST(sum(length(text)) AS BIGINT), (SELECT count(*) FROM silver.users__quarantine) FROM silver.users"));
    }

    [Fact]
    public async Task A_row_that_misses_several_parents_is_told_which_it_still_misses()
    {
        using var lake = new TestLake(TestGraph.Of("""
            teams { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }
            countries { from = bronze/app/countries, columns { team_id { type = long } }, key = [team_id] }
            users {
              from = bronze/app/users, columns { user_id { type = long }, team_id { type = long } }, key = [user_id]
              references = [ { name = country, column = team_id, table = silver/countries }, { name = team, column = team_id, table = silver/teams } ]
            }
            """));
        await UsersAsync(lake, 0, 1, "7", "'x'");
        await lake.RunAllAsync();
        Assert.Equal(["country,team|true"], await lake.RowsAsync("SELECT _rules, _held FROM silver.users__quarantine"));

        await lake.AppendAsync("bronze/app/countries", Teams, "SELECT 7 AS team_id, 'r' AS _op, 1 AS _position");
        await lake.RunAllAsync();
        Assert.Equal(["team|true"], await lake.RowsAsync("SELECT _rules, _held FROM silver.users__quarantine"));

        await TeamsAsync(lake, 7);
        await lake.RunAllAsync();
        Assert.Equal(["1|0"], await lake.RowsAsync("SELECT count(*), (SELECT count(*) FROM silver.users__quarantine) FROM silver.users"));
    }

    [Fact]
    public async Task A_run_that_is_repeated_releases_the_same_rows()
    {
        using var lake = new TestLake(TestGraph.Of(Contracts), runRowsMax: 10);
        await TeamsAsync(lake, 0);
        for (var i = 0; i < 3; i++) await UsersAsync(lake, 10 * i, 10, "1", "'x'");
        await lake.RunAllAsync();
        await TeamsAsync(lake, 1);
        await lake.RunAsync("silver/teams");
        lake.Jobs.BeforeCommit = table =>
        {
            if (table == TableId.Quarantine("users")) throw new InvalidOperationException("killed");
        };
        await Assert.ThrowsAsync<InvalidOperationException>(() => lake.RunAsync("silver/users"));
        lake.Jobs.BeforeCommit = null;

        await lake.RunAllAsync();

        Assert.Equal(["30|30|0"], await lake.RowsAsync("SELECT count(*), count(DISTINCT user_id), (SELECT count(*) FROM silver.users__quarantine) FROM silver.users"));
    }

    private static Task TeamsAsync(TestLake lake, int id) => lake.AppendAsync("bronze/app/teams", Teams, $"SELECT {id} AS team_id, 'r' AS _op, {id} AS _position");

    private static Task UsersAsync(TestLake lake, int from, int rows, string team, string text) => lake.AppendAsync("bronze/app/users", Users,
        $"SELECT i AS user_id, {team} AS team_id, {text} AS text, 'r' AS _op, i AS _position FROM range({from}, {from + rows}) AS r(i)");
}
