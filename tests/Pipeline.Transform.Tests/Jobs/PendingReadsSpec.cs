using System.Collections.Immutable;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Jobs;

public sealed class PendingReadsSpec
{
    private const string Contracts = """
        teams { from = bronze/app/teams, columns { team_id { type = long }, name { type = string } }, key = [team_id] }
        users {
          from = bronze/app/users
          columns { user_id { type = long }, name { type = string }, team_id { type = long } }
          key = [user_id]
          references = [ { name = team_exists, column = team_id, table = silver/teams } ]
        }
        """;

    private static readonly IReadOnlyList<Field> Users = TestLake.BronzeColumns("user_id long", "name string", "team_id long");
    private static readonly IReadOnlyList<Field> Teams = TestLake.BronzeColumns("team_id long", "name string");

    private static readonly TimeSpan MoreThanTheRetention = TimeSpan.FromDays(8);

    [Fact]
    public async Task Rows_that_Silver_has_not_taken_in_survive_a_compaction_and_a_vacuum_after_the_retention()
    {
        using var lake = new TestLake(TestGraph.Of(Contracts));
        await AppendTeamAsync(lake, "blue");
        await AppendUserAsync(lake, 1);
        await lake.RunAllAsync();
        await AppendUserAsync(lake, 2);
        await AppendUserAsync(lake, 3);
        await lake.CompactAsync("bronze/app/users");
        lake.Time.Advance(MoreThanTheRetention);

        var behind = await lake.VacuumAsync("bronze/app/users");
        await lake.RunAsync("silver/users");
        var current = await lake.VacuumAsync("bronze/app/users");

        // Of the three files that became one only the first had been read.
        Assert.Equal((1, 2), (behind.Files, current.Files));
        Assert.Equal(["1", "2", "3"], await lake.RowsAsync("SELECT user_id FROM silver.users ORDER BY 1"));
    }

    [Fact]
    public async Task A_run_that_was_cut_off_finds_everything_it_was_computed_from_after_the_retention()
    {
        using var lake = new TestLake(TestGraph.Of(Contracts));
        await AppendTeamAsync(lake, "blue");
        await lake.RunAsync("silver/teams");
        await AppendUserAsync(lake, 1);
        await lake.RunAsync("silver/users");
        await AppendUserAsync(lake, 1, "changed");
        await AppendUserAsync(lake, 2, team: 8);
        lake.Jobs.BeforeCommit = id =>
        {
            if (id == TableId.Quarantine("users")) throw new IOException("crash");
        };
        await Assert.ThrowsAsync<IOException>(() => lake.RunAsync("silver/users"));
        lake.Jobs.BeforeCommit = null;
        await lake.CompactAsync("bronze/app/users");
        await AppendTeamAsync(lake, "green");
        await lake.RunAsync("silver/teams");
        lake.Time.Advance(MoreThanTheRetention);

        string[] tables = ["bronze/app/users", "silver/teams", "silver/users"];
        var during = await VacuumAsync(lake, tables);
        await lake.RunAllAsync();
        var afterwards = await VacuumAsync(lake, tables);

        // The first of three Bronze files is of an earlier run. What the cut run has read: two Bronze files, a version of
        // the parent, the table before it.
        Assert.Equal([1, 0, 0], during);
        Assert.Equal([2, 1, 1], afterwards);
        Assert.Equal(["1|changed"], await lake.RowsAsync("SELECT user_id, name FROM silver.users"));
        Assert.Equal(["2|team_exists"], await lake.RowsAsync("SELECT user_id, _rules FROM silver.users__quarantine"));
        Assert.Equal(["3|2|1"], await lake.RowsAsync("SELECT SUM(rows_in), SUM(accepted), SUM(quarantined) FROM silver._quality WHERE table_name = 'silver/users'"));
    }

    [Fact]
    public async Task A_run_that_found_its_parents_files_gone_is_planned_anew()
    {
        using var lake = new TestLake(TestGraph.Of(Contracts));
        var cancel = TestContext.Current.CancellationToken;
        await AppendTeamAsync(lake, "blue");
        await lake.RunAsync("silver/teams");
        await AppendUserAsync(lake, 1);
        var requested = await lake.Planner.PlanAsync(TableId.Silver("users"), cancel);
        await AppendTeamAsync(lake, "green");
        await lake.RunAsync("silver/teams");
        lake.Time.Advance(MoreThanTheRetention);
        Assert.Equal(1, (await lake.VacuumAsync("silver/teams")).Files);

        await Assert.ThrowsAnyAsync<Exception>(async () => await lake.Jobs.RunAsync(await lake.Planner.ExpandAsync(requested!, SqlDialect.DuckDb, cancel), cancel));
        var result = await lake.RunAsync("silver/users");

        Assert.Equal((requested!.Run, 1), (result!.Run, result.Rows));
    }

    [Fact]
    public async Task Tables_that_are_current_hold_nothing()
    {
        using var lake = new TestLake(TestGraph.Of(Contracts));
        await AppendTeamAsync(lake, "blue");
        await AppendUserAsync(lake, 1);
        await lake.RunAllAsync();

        var pending = await PendingReads.FindAsync(lake.Tables, [TableId.Silver("users"), TableId.Silver("teams"), TableId.Quarantine("users"), TableId.Silver("_quality"), TableId.Silver("nowhere")],
            lake.Time.GetUtcNow(), TestContext.Current.CancellationToken);

        Assert.Empty(pending);
    }

    [Fact]
    public async Task A_table_is_held_by_every_table_that_is_behind_from_where_the_slowest_of_them_stands()
    {
        using var lake = new TestLake(TestGraph.Of("""
            a { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }
            b { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }
            """));
        await AppendTeamAsync(lake, "red");
        await lake.RunAsync("silver/a");
        var slowest = (await lake.Tables.TryOpenAsync(TableId.Parse("bronze/app/teams"), TestContext.Current.CancellationToken))!.Current.Version;
        await AppendTeamAsync(lake, "blue");
        await lake.RunAsync("silver/b");
        await AppendTeamAsync(lake, "green");

        var pending = await PendingReads.FindAsync(lake.Tables, [TableId.Silver("a"), TableId.Silver("b")], lake.Time.GetUtcNow(), TestContext.Current.CancellationToken);

        var (table, reads) = Assert.Single(pending);
        Assert.Equal(("bronze/app/teams", slowest), (table.ToString(), reads.ChangesAfter));
        Assert.Equal<TableId>([TableId.Silver("a"), TableId.Silver("b")], [.. reads.By]);
    }

    [Fact]
    public async Task A_table_that_has_asked_for_nothing_for_longer_than_versions_are_kept_holds_nothing_and_is_named()
    {
        using var lake = new TestLake(TestGraph.Of("""
            a { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }
            b { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }
            """));
        await AppendTeamAsync(lake, "red");
        await lake.RunAllAsync();
        await AppendTeamAsync(lake, "blue");
        lake.Time.Advance(TimeSpan.FromDays(31));
        await lake.RunAsync("silver/b");
        await AppendTeamAsync(lake, "green");

        var reads = Assert.Single(await PendingReads.FindAsync(lake.Tables, [TableId.Silver("a"), TableId.Silver("b")], lake.Time.GetUtcNow(), TestContext.Current.CancellationToken)).Value;

        Assert.Equal<TableId>([TableId.Silver("a")], [.. reads.Dropped]);
        Assert.Equal<TableId>([TableId.Silver("b")], [.. reads.By]);
        Assert.Equal(2, reads.ChangesAfter);
    }

    [Fact]
    public async Task What_a_run_reads_that_goes_on_stays_on_whichever_node_it_runs()
    {
        using var lake = new TestLake(TestGraph.Of("a { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }"));
        var cancel = TestContext.Current.CancellationToken;
        await AppendTeamAsync(lake, "red");
        await lake.RunAllAsync();
        await AppendTeamAsync(lake, "blue");
        ImmutableDictionary<TableId, PendingReads>? meanwhile = null;
        lake.Jobs.BeforeCommit = table =>
        {
            if (table == TableId.Silver("a")) meanwhile = Task.Run(async () => await PendingReads.FindAsync(new OpenTables(lake.Lake), [], TimeProvider.System.GetUtcNow(), cancel)).GetAwaiter().GetResult();
        };

        await lake.RunAllAsync();

        Assert.Equal(1, meanwhile![TableId.Parse("bronze/app/teams")].ChangesAfter);
        Assert.NotEmpty(meanwhile[TableId.Silver("a")].Versions);
        Assert.Empty(await PendingReads.FindAsync(new OpenTables(lake.Lake), [], TimeProvider.System.GetUtcNow(), cancel));
    }

    [Fact]
    public async Task What_a_Gold_table_was_made_from_stays_so_that_it_can_be_proved()
    {
        using var lake = new TestLake(TestGraph.Of("teams { from = bronze/app/teams, columns { team_id { type = long }, name { type = string } }, key = [team_id] }", "names { sql = \"names.sql\" }", ("names.sql", "SELECT name FROM silver.teams")));
        await AppendTeamAsync(lake, "red");
        await lake.RunAllAsync();
        var made = (await lake.Tables.TryOpenAsync(TableId.Silver("teams"), TestContext.Current.CancellationToken))!.Current.Version;
        await AppendTeamAsync(lake, "blue");
        await lake.RunAsync("silver/teams");

        var pending = await PendingReads.FindAsync(lake.Tables, [TableId.Silver("teams"), TableId.Gold("names")], lake.Time.GetUtcNow(), TestContext.Current.CancellationToken);

        Assert.Equal([made], pending[TableId.Silver("teams")].Versions);
        Assert.Empty(pending[TableId.Silver("teams")].By);
    }

    [Fact]
    public async Task A_table_that_cannot_be_read_is_told_and_what_the_others_have_read_is_found()
    {
        using var lake = new TestLake(TestGraph.Of("""
            a { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }
            b { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }
            """));
        var cancel = TestContext.Current.CancellationToken;
        await AppendTeamAsync(lake, "red");
        await lake.RunAllAsync();
        await AppendTeamAsync(lake, "blue");
        await lake.Lake.Store.PutAsync($"silver/a/_delta_log/{0:D20}.json", "{"u8.ToArray(), cancel);
        var told = new List<(TableId Table, FaultKind Kind)>();

        var pending = await PendingReads.FindAsync(new OpenTables(lake.Lake), [TableId.Silver("a"), TableId.Silver("b")], lake.Time.GetUtcNow(), (id, cause) => told.Add((id, cause.Kind)), cancel);

        Assert.Equal([(TableId.Silver("a"), FaultKind.Damaged)], told);
        Assert.Equal<TableId>([TableId.Silver("b")], [.. Assert.Single(pending).Value.By]);
    }

    [Fact]
    public void Of_whom_nobody_can_say_what_it_has_read_everything_is_kept()
    {
        var reads = PendingReads.None.AndUnknown(TableId.Silver("a"));

        Assert.Equal(-1, reads.ChangesAfter);
        Assert.Equal(TableId.Silver("a"), Assert.Single(reads.By));
    }

    private static async Task<List<long>> VacuumAsync(TestLake lake, IEnumerable<string> tables)
    {
        var files = new List<long>();
        foreach (var table in tables) files.Add((await lake.VacuumAsync(table)).Files);
        return files;
    }

    private static Task AppendUserAsync(TestLake lake, int id, string name = "a", int team = 7) => lake.AppendAsync("bronze/app/users", Users,
        $"SELECT CAST({id} AS BIGINT) AS user_id, '{name}' AS name, CAST({team} AS BIGINT) AS team_id, 'u' AS _op, CAST({id * 10 + name.Length} AS BIGINT) AS _position");

    private static Task AppendTeamAsync(TestLake lake, string name) => lake.AppendAsync("bronze/app/teams", Teams,
        $"SELECT CAST(7 AS BIGINT) AS team_id, '{name}' AS name, 'u' AS _op, CAST({name.Length} AS BIGINT) AS _position");
}
