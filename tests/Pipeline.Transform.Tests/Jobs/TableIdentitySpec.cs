using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Rebuild;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Tests.Jobs;

/// <summary>A version is one of the table that it was read of: of one made anew, restored or removed it says nothing.</summary>
public sealed class TableIdentitySpec : IDisposable
{
    private const string Contracts = """
        teams { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }
        users {
          from = bronze/app/users
          columns { user_id { type = long }, email { type = string, required = true }, team_id { type = long } }
          key = [user_id]
          references = [ { name = team_exists, column = team_id, table = silver/teams } ]
        }
        """;

    private static readonly IReadOnlyList<Field> Users = TestLake.BronzeColumns("user_id long", "email string", "team_id long", "_changed string");
    private static readonly IReadOnlyList<Field> Teams = TestLake.BronzeColumns("team_id long");
    private static readonly TableId Silver = TableId.Silver("users");
    private static readonly TableId Bronze = TableId.Bronze("app", "users");

    private readonly TestLake _lake = new(TestGraph.Of(Contracts, "emails { sql = \"emails.sql\", key = [email], materialization = merge }", ("emails.sql", "SELECT email, CAST(COUNT(*) AS BIGINT) AS users FROM silver.users GROUP BY email")), runRowsMax: 3);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task What_a_table_reflects_is_remembered_with_the_id_of_what_it_read()
    {
        var version = await AppendAsync("(1, 'a@x', NULL, 'c', 1)");
        await _lake.RunAllAsync();

        var (silver, gold) = (await OpenAsync(Silver), await OpenAsync(TableId.Gold("emails")));
        Assert.Equal(version, silver.Position($"bronze/app/users#{(await OpenAsync(Bronze)).Metadata.Id}"));
        Assert.Null(silver.Position("bronze/app/users"));
        Assert.Equal(silver.Version, gold.Position($"silver/users#{silver.Metadata.Id}"));
    }

    [Fact]
    public async Task What_an_earlier_release_remembered_without_an_id_is_taken_for_the_table_of_today_once()
    {
        await AppendAsync("(1, 'a@x', NULL, 'c', 1)");
        var pins = (await _lake.Planner.PlanAsync(Silver, Cancel))!;
        await _lake.RunAsync(pins with { Inputs = [.. pins.Inputs.Select(input => input with { Id = null, Commit = null })], Statements = null });
        Assert.Equal(1, Assert.Single(Reflected.AllOf(await OpenAsync(Silver)), read => read.Id is null).Version);

        await AppendAsync("(2, 'b@x', NULL, 'c', 2)");
        await _lake.RunAllAsync();

        Assert.Equal((await OpenAsync(Bronze)).Metadata.Id, Assert.Single(Reflected.AllOf(await OpenAsync(Silver)), read => read.Table == Bronze).Id);
        Assert.Equal(["2|2"], await _lake.RowsAsync("SELECT SUM(rows_in), COUNT(*) FROM silver._quality WHERE table_name = 'silver/users'"));
        Aside("bronze/app/users");
        await AppendAsync("(3, 'c@x', NULL, 'c', 1)");
        Assert.Contains("made from another table of the name bronze/app/users", (await PlanFailsAsync()).Message);
    }

    [Fact]
    public async Task Of_a_Bronze_table_made_anew_no_version_is_passed_by()
    {
        await AppendAsync("(1, 'a@x', NULL, 'c', 1)");
        await AppendAsync("(2, 'b@x', NULL, 'c', 2)");
        await _lake.RunAllAsync();
        Aside("bronze/app/users");
        await AppendAsync("(3, 'c@x', NULL, 'c', 1)");
        await AppendAsync("(4, 'd@x', NULL, 'c', 2)");
        await AppendAsync("(5, 'e@x', NULL, 'c', 3)");

        var fault = await PlanFailsAsync();
        Assert.Contains("Table silver/users: it was made from another table of the name bronze/app/users, which was made anew since", fault.Message);
        Assert.Contains("./pipeline rebuild silver/users --with-dependents", fault.Message);

        await RebuildAsync();
        await _lake.RunAllAsync();
        Assert.Equal(["3", "4", "5"], await _lake.RowsAsync("SELECT user_id FROM silver.users ORDER BY 1"));
        Assert.Equal(["c@x|1", "d@x|1", "e@x|1"], await _lake.RowsAsync("SELECT email, users FROM gold.emails ORDER BY 1"));
        await BalancesAsync(3);
    }

    /// <summary>It goes on from there, and its number catches up with the one that was read.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_Bronze_table_restored_from_an_older_copy_is_not_read_on(bool isOpen)
    {
        await AppendAsync("(1, 'a@x', NULL, 'c', 1)");
        var copy = Copy("bronze/app/users");
        await AppendAsync("(2, 'b@x', NULL, 'c', 2)");
        await AppendAsync("(3, 'c@x', NULL, 'c', 3)");
        await _lake.RunAllAsync();
        Aside("bronze/app/users");
        Directory.Move(copy, PathOf("bronze/app/users"));
        if (isOpen) Assert.Contains("made anew, or restored from an older copy", (await PlanFailsAsync()).Message);
        foreach (var id in new[] { 4, 5, 6 }) await AppendAsync($"({id}, 'd@x', NULL, 'c', {id})");

        var fault = isOpen ? await PlanFailsAsync() : await Assert.ThrowsAsync<PipelineException>(async () => await new JobPlanner(new OpenTables(_lake.Lake), _lake.Graph, _lake.Options, _lake.Time).PlanAsync(Silver, Cancel));
        Assert.Contains("which is another one now: it was restored from an older copy, and rows have come since", fault.Message);

        await RebuildAsync();
        Assert.Equal(["1", "4", "5", "6"], await _lake.RowsAsync("SELECT user_id FROM silver.users ORDER BY 1"));
        await BalancesAsync(4);
    }

    [Fact]
    public async Task A_restore_by_another_program_is_said_when_everything_before_it_is_read()
    {
        await AppendAsync("(1, 'a@x', NULL, 'c', 1)");
        await _lake.RunAllAsync();
        await AppendAsync("(2, 'b@x', NULL, 'c', 2)");
        var bronze = (await _lake.Lake.TryOpenAsync(Bronze, Cancel))!;
        var now = bronze.Current.Files.ToList();
        Assert.IsType<CommitResult.Committed>(await bronze.CommitAsync(new Transaction("RESTORE", Isolation.ReadTable)
        {
            ReadVersion = bronze.Current.Version, Removes = [new RemoveFile(now[0].Path, TestLake.Start, DataChange: true)],
        }, Cancel));

        await _lake.RunAsync("silver/users");
        Assert.Equal(["1", "2"], await _lake.RowsAsync("SELECT user_id FROM silver.users ORDER BY 1"));
        var fault = await PlanFailsAsync();
        Assert.Contains("Table bronze/app/users: version 3 has set it back to an earlier one (operation RESTORE)", fault.Message);

        await RebuildAsync();
        Assert.Single(await _lake.RowsAsync("SELECT user_id FROM silver.users"));
        await BalancesAsync(1);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("silver/users")]
    [InlineData("silver/users__quarantine")]
    [InlineData("silver/users__deleted")]
    [InlineData("silver/_quality")]
    public async Task A_Silver_table_that_is_removed_is_made_again_with_all_that_belongs_to_it(string? killedBefore)
    {
        await _lake.AppendAsync("bronze/app/teams", Teams, "SELECT 7 AS team_id, 'r' AS _op, 1 AS _position");
        await AppendAsync("(1, 'a@x', 7, 'c', 1), (2, NULL, 7, 'c', 2), (3, 'held@x', 8, 'c', 3)");
        await _lake.RunAllAsync();
        await AppendAsync("(4, 'gone@x', 7, 'c', 4), (4, NULL, NULL, 'd', 5), (1, 'newer@x', 7, 'u', 6)");
        await _lake.RunAllAsync();
        var (rows, quarantine, deleted) = (await _lake.RowsAsync(Rows), await _lake.RowsAsync(Quarantine), await _lake.RowsAsync(Deletes));
        Assert.NotEmpty(quarantine);
        Aside("silver/users");
        if (killedBefore is not null)
        {
            _lake.Jobs.BeforeCommit = table =>
            {
                if (table.ToString() == killedBefore) throw new IOException("killed");
            };
            await Assert.ThrowsAsync<IOException>(_lake.RunAllAsync);
            _lake.Jobs.BeforeCommit = null;
        }

        await _lake.RunAllAsync();

        Assert.Equal(rows, await _lake.RowsAsync(Rows));
        Assert.Equal(quarantine, await _lake.RowsAsync(Quarantine));
        Assert.Equal(deleted, await _lake.RowsAsync(Deletes));
        await BalancesAsync(6);
        // What belongs to it goes on as ever: a parent that comes releases.
        await _lake.AppendAsync("bronze/app/teams", Teams, "SELECT 8 AS team_id, 'r' AS _op, 2 AS _position");
        await _lake.RunAllAsync();
        Assert.Equal(["1|newer@x", "3|held@x"], await _lake.RowsAsync(Rows));
        await BalancesAsync(6);
    }

    /// <summary>Killed before any commit of any table, and begun again.</summary>
    [Fact]
    public async Task A_rebuild_that_is_killed_anywhere_goes_on_and_ends_as_if_nothing_had_happened()
    {
        await FillAsync();
        var (rows, quarantine, deleted, gold) = (await _lake.RowsAsync(Rows), await _lake.RowsAsync(Quarantine), await _lake.RowsAsync(Deletes), await _lake.RowsAsync(Emails));
        var before = await OpenAsync(Silver);
        var commits = 0;
        for (var kill = 1; ; kill++)
        {
            commits = 0;
            var rebuild = Rebuild();
            rebuild.BeforeCommit = table =>
            {
                if (++commits == 1 && kill > 1 && kill % 2 == 0 || commits == kill) throw new IOException("killed");
                // Until the one commit that changes all, the table is as it was.
                if (table == Silver) Assert.Equal(before.Version, Task.Run(async () => await _lake.Lake.TryOpenAsync(Silver, Cancel)).GetAwaiter().GetResult()!.Current.Version);
            };
            try
            {
                await rebuild.RunAsync(Silver, withDependents: true, _ => { }, Cancel);
                if (kill > 3) break;
            }
            catch (IOException)
            {
                // Once more.
            }
        }

        Assert.Equal(rows, await _lake.RowsAsync(Rows));
        Assert.Equal(quarantine, await _lake.RowsAsync(Quarantine));
        Assert.Equal(deleted, await _lake.RowsAsync(Deletes));
        Assert.Equal(gold, await _lake.RowsAsync(Emails));
        await BalancesAsync(6);
        Assert.Null(await _lake.Lake.TryOpenAsync(TableId.Silver("users__rebuild"), Cancel));
        Assert.Null(await _lake.Planner.PlanAsync(Silver, Cancel));
    }

    [Fact]
    public async Task A_running_pipeline_goes_on_beside_a_rebuild_and_finishes_one_that_was_cut_off()
    {
        await FillAsync();
        var beside = new JobPlanner(new OpenTables(_lake.Lake), _lake.Graph, _lake.Options, _lake.Time);
        var rebuild = Rebuild();
        var ran = false;
        rebuild.BeforeCommit = table =>
        {
            if (table == Silver && !ran)
            {
                ran = true;
                // Away from the runner's own threads, which may all be waiting for what would have to run on them.
                Task.Run(async () =>
                {
                    await AppendAsync("(9, 'nine@x', 7, 'c', 9)");
                    await _lake.RunAllAsync();
                }, Cancel).GetAwaiter().GetResult();
            }

            if (table == TableId.Quarantine("users")) throw new IOException("killed");
        };
        await Assert.ThrowsAsync<IOException>(() => rebuild.RunAsync(Silver, withDependents: false, _ => { }, Cancel));
        Assert.True(ran);

        // Whoever plans next finds the run that is not over.
        var pins = (await beside.PlanAsync(Silver, Cancel))!;
        Assert.Equal(TableId.Silver("users__rebuild"), pins.RebuiltFrom);
        await _lake.RunAllAsync();

        Assert.Equal(["1|newer@x", "9|nine@x"], await _lake.RowsAsync(Rows));
        await BalancesAsync(7);
    }

    [Fact]
    public async Task A_contract_whose_types_have_changed_is_what_a_rebuilt_table_has()
    {
        await FillAsync();
        var graph = TestGraph.Of(Contracts.Replace("user_id { type = long }, email", "user_id { type = string }, email", StringComparison.Ordinal));

        await new TableRebuild(_lake.Lake, graph, _lake.Options, _lake.Time).RunAsync(Silver, withDependents: false, _ => { }, Cancel);

        Assert.IsType<Apache.Arrow.Types.StringType>((await OpenAsync(Silver)).Schema.GetFieldByName("user_id").DataType);
        Assert.Equal(["1|newer@x"], await _lake.RowsAsync(Rows));
        await BalancesAsync(6);
    }

    [Fact]
    public async Task A_run_that_can_never_be_finished_gives_way_to_the_rebuild_that_its_fault_names()
    {
        await FillAsync();
        await AppendAsync("(9, 'nine@x', 7, 'c', 7)");
        _lake.Jobs.BeforeCommit = table =>
        {
            if (table == QualityTable.Id) throw new IOException("killed");
        };
        await Assert.ThrowsAsync<IOException>(() => _lake.RunAsync("silver/users"));
        _lake.Jobs.BeforeCommit = null;
        foreach (var statements in Directory.GetFiles(PathOf("silver/users/_statements"))) File.Delete(statements);
        var graph = TestGraph.Of(Contracts.Replace("required = true", "required = false", StringComparison.Ordinal));
        var planner = new JobPlanner(_lake.Tables, graph, _lake.Options, _lake.Time);

        var pins = (await planner.PlanAsync(Silver, Cancel))!;
        var fault = await Assert.ThrowsAsync<PipelineException>(async () => await planner.ExpandAsync(pins, SqlDialect.DuckDb, Cancel));
        await new TableRebuild(_lake.Lake, graph, _lake.Options, _lake.Time).RunAsync(Silver, withDependents: false, _ => { }, Cancel);

        Assert.Contains("'./pipeline rebuild silver/users'", fault.NextStep);
        Assert.Null(await planner.PlanAsync(Silver, Cancel));
        Assert.Equal(["1|newer@x", "2|", "9|nine@x"], await _lake.RowsAsync(Rows));
        await BalancesAsync(7);
    }

    [Fact]
    public void Dependents_come_after_what_they_read()
    {
        var graph = TestGraph.Of(Contracts, "emails { sql = \"emails.sql\", key = [email] }\n all { sql = \"all.sql\" }", ("emails.sql", "SELECT email FROM silver.users GROUP BY email"), ("all.sql", "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM gold.emails"));

        Assert.Equal(["silver/teams", "silver/users", "gold/emails", "gold/all"], TableRebuild.TablesOf(graph, TableId.Silver("teams"), withDependents: true).Select(table => table.ToString()));
        Assert.Equal(["gold/emails", "gold/all"], TableRebuild.TablesOf(graph, TableId.Gold("emails"), withDependents: true).Select(table => table.ToString()));
        Assert.Equal(["silver/teams"], TableRebuild.TablesOf(graph, TableId.Silver("teams"), withDependents: false).Select(table => table.ToString()));
    }

    private const string Rows = "SELECT user_id, email FROM silver.users ORDER BY 1";
    private const string Quarantine = "SELECT user_id, _rules, _held, _position FROM silver.users__quarantine ORDER BY ALL";
    private const string Deletes = "SELECT user_id, _position FROM silver.users__deleted ORDER BY ALL";
    private const string Emails = "SELECT email, users FROM gold.emails ORDER BY 1";

    private async Task FillAsync()
    {
        await _lake.AppendAsync("bronze/app/teams", Teams, "SELECT 7 AS team_id, 'r' AS _op, 1 AS _position");
        await AppendAsync("(1, 'a@x', 7, 'c', 1), (2, NULL, 7, 'c', 2), (3, 'held@x', 8, 'c', 3)");
        await AppendAsync("(4, 'gone@x', 7, 'c', 4), (4, NULL, NULL, 'd', 5), (1, 'newer@x', 7, 'u', 6)");
        await _lake.RunAllAsync();
    }

    private TableRebuild Rebuild() => new(_lake.Lake, _lake.Graph, _lake.Options, _lake.Time);

    private Task RebuildAsync() => Rebuild().RunAsync(Silver, withDependents: true, _ => { }, Cancel);

    private async Task BalancesAsync(int bronze)
    {
        var first = (await OpenAsync(Silver)).Position(JobPlanner.FirstRunAppId) ?? 0;
        Assert.Equal([$"{bronze}|{bronze}"], await _lake.RowsAsync($"""
            SELECT SUM(rows_in), (SELECT count(*) FROM silver.users) + COALESCE((SELECT count(*) FROM silver.users__quarantine), 0) + SUM(superseded + replaced + deleted + truncated)
            FROM silver._quality WHERE table_name = 'silver/users' AND run >= {first}
            """));
    }

    private Task<PipelineException> PlanFailsAsync() => Assert.ThrowsAsync<PipelineException>(async () => await _lake.Planner.PlanAsync(Silver, Cancel));

    private async Task<Snapshot> OpenAsync(TableId id) => Assert.IsType<DeltaTable>(await _lake.Lake.TryOpenAsync(id, Cancel)).Current;

    private Task<long> AppendAsync(string rows) => _lake.AppendAsync("bronze/app/users", Users, $"SELECT *, CAST(NULL AS VARCHAR) AS _changed FROM (VALUES {rows}) AS v(user_id, email, team_id, _op, _position)");

    private string PathOf(string table) => Path.Combine(_lake.Lake.Store.Location, table);

    private void Aside(string table) => Directory.Move(PathOf(table), Path.Combine(Path.GetDirectoryName(_lake.Lake.Store.Location)!, $"aside-{Guid.NewGuid():N}"));

    private string Copy(string table)
    {
        var copy = Path.Combine(Path.GetDirectoryName(_lake.Lake.Store.Location)!, $"copy-{Guid.NewGuid():N}");
        foreach (var file in Directory.EnumerateFiles(PathOf(table), "*", SearchOption.AllDirectories))
        {
            var to = Path.Combine(copy, Path.GetRelativePath(PathOf(table), file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(file, to);
        }

        return copy;
    }
}
