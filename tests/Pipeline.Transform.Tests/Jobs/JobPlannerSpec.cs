using System.Collections.Immutable;
using Apache.Arrow;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Jobs;

/// <summary>What a run of a table has to do, found out from the tables' logs.</summary>
public sealed class JobPlannerSpec : IDisposable
{
    private const string Contracts = """
        teams { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }
        users {
          from = bronze/app/users
          columns { user_id { type = long }, team_id { type = long, required = true } }
          key = [user_id]
          rules = [ { name = is_positive, check = "user_id > 0" } ]
          references = [ { name = team_exists, column = team_id, table = silver/teams } ]
        }
        """;

    private const string Golds = """
        heads { sql = "heads.sql" }
        members { sql = "members.sql", materialization = merge, key = [team_id] }
        one { sql = "one.sql" }
        """;

    private static readonly (string Name, string Text)[] Queries =
        [("heads.sql", "SELECT COUNT(*) AS heads FROM silver.users"), ("members.sql", "SELECT u.team_id, COUNT(*) AS members FROM silver.users u JOIN silver.teams t ON t.team_id = u.team_id GROUP BY u.team_id"), ("one.sql", "SELECT 1 AS one")];

    private static readonly TableId Teams = TableId.Silver("teams");
    private static readonly TableId Users = TableId.Silver("users");
    private static readonly TableId Held = TableId.Quarantine("users");
    private static readonly TableId Deleted = TableId.Silver("users__deleted");
    private static readonly TableId AppUsers = TableId.Bronze("app", "users");
    private static readonly IReadOnlyList<Field> TeamColumns = TestLake.BronzeColumns("team_id long");
    private static readonly IReadOnlyList<Field> UserColumns = TestLake.Declared(TestLake.BronzeColumns("user_id long", "team_id long", "_step long"), "_step Orders Sequence");

    private readonly TestLake _lake = new(TestGraph.Of(Contracts, Golds, Queries), runRowsMax: 3);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task Without_its_Bronze_table_a_Silver_table_has_nothing_to_do() => Assert.Null(await PlanAsync(Users));

    [Fact]
    public async Task A_first_run_reads_everything_and_makes_every_table()
    {
        var version = await AppendUsersAsync(1, 2);
        _lake.Time.Advance(TimeSpan.FromMinutes(1));

        var pins = await PlannedAsync(Users);

        Assert.Equal((Users, 1, _lake.Time.GetUtcNow(), 2, TestLake.Start), (pins.Table, pins.Run, pins.RequestedAt, pins.Rows, pins.ReflectsUntil!.Value.AddTicks(-(pins.ReflectsUntil.Value.Ticks % TimeSpan.TicksPerSecond))));
        Assert.Equal((null, null), (pins.HeldRowsMax, pins.HeldBytesMax));
        Assert.True(pins is { IsAnew: null, JudgesAgain: null, Redrives: null, BronzeAhead: null });
        Assert.Equal([new PinnedInput(AppUsers, After: null, version)], pins.Inputs.Select(Version));
        Assert.Equal(((await OpenAsync(AppUsers)).Current.Metadata.Id, (await OpenAsync(AppUsers)).Current.CommitId), (pins.Inputs[0].Id, pins.Inputs[0].Commit));
        Assert.Equal([new PinnedTarget(Users, null), new PinnedTarget(Held, null), new PinnedTarget(Deleted, null)], pins.Targets);
    }

    [Fact]
    public async Task A_later_run_goes_on_behind_the_one_before_and_nothing_new_is_nothing_to_do()
    {
        await AppendTeamAsync(7);
        await _lake.RunAsync("silver/teams");
        var first = await AppendUsersAsync(1, 2);
        await DeleteUserAsync(2);
        await _lake.RunAllAsync();

        Assert.Null(await PlanAsync(Users));
        var second = await AppendUsersAsync(3);
        var pins = await PlannedAsync(Users);

        var made = (await OpenAsync(Users)).Current;
        Assert.Equal(made.Position(JobPins.RunAppId) + 1, pins.Run);
        Assert.Equal(new PinnedInput(AppUsers, first + 1, second), Version(pins.Inputs[0]));
        Assert.Equal((await OpenAsync(Teams)).Current.Version, pins.Input(Teams)!.Version);
        Assert.Equal((made.Version, (await OpenAsync(Deleted)).Current.Version), (pins.TargetVersion(Users), pins.TargetVersion(Deleted)));
    }

    [Fact]
    public async Task What_is_gone_was_missed_only_by_who_has_asked_for_nothing_for_longer_than_versions_are_kept()
    {
        await AppendTeamAsync(7);
        await AppendUsersAsync(1);
        await _lake.RunAllAsync();
        await AppendUsersAsync(2);
        var unread = (await OpenAsync(AppUsers)).Current.Files.Select(file => file.Path).ToList();
        await AppendUsersAsync(3);
        await _lake.CompactAsync(AppUsers.ToString());
        var bronze = await OpenAsync(AppUsers);
        foreach (var path in unread.Except(bronze.Current.Files.Select(file => file.Path))) await bronze.Store.DeleteAsync($"{bronze.Path}/{path}", Cancel);

        Assert.Null(await NewPlanner().DroppedByAsync(Users, Cancel));
        _lake.Time.Advance(TimeSpan.FromDays(40));
        Assert.Equal(AppUsers, await NewPlanner().DroppedByAsync(Users, Cancel));
        var fault = await Assert.ThrowsAsync<PipelineException>(async () => await NewPlanner().PlanAsync(Users, Cancel));
        Assert.Equal((FaultKind.Missing, "what has come to bronze/app/users since it was read last can no longer be read: it has asked for nothing for longer than versions are kept"), (fault.Kind, fault.Cause));
        // It reads no Bronze table; this one has read all there is.
        Assert.Null(await NewPlanner().DroppedByAsync(TableId.Gold("heads"), Cancel));
        Assert.Null(await NewPlanner().DroppedByAsync(Teams, Cancel));
    }

    [Fact]
    public async Task All_rows_of_a_quarantine_are_judged_again_when_somebody_says_so_and_of_none_there_is_nothing_to_do()
    {
        await AppendTeamAsync(7);
        await AppendUsersAsync(1, -2);
        await _lake.RunAllAsync();
        await _lake.RunAllAsync();
        Assert.Null(await PlanAsync(Users));

        var judged = await NewPlanner().PlanRedriveAsync(_lake.Graph.TrySilver(Users)!, Cancel);

        Assert.Equal((Users, (await OpenAsync(Users)).Current.Position(JobPins.RunAppId) + 1), (judged!.Table, judged.Run));
        Assert.True(judged is { JudgesAgain: true, Redrives: 1 });
        await _lake.Jobs.RunAsync(await NewPlanner().ExpandAsync(judged, SqlDialect.DuckDb, Cancel), Cancel);
        Assert.Null(await NewPlanner().PlanAsync(Users, Cancel));
        Assert.Equal(2, (await NewPlanner().PlanRedriveAsync(_lake.Graph.TrySilver(Users)!, Cancel))!.Redrives);
        Assert.Null(await NewPlanner().PlanRedriveAsync(_lake.Graph.TrySilver(Teams)!, Cancel));
        // New rows are no reason to judge any again.
        await AppendTeamAsync(8);
        Assert.Null(await NewPlanner().PlanRedriveAsync(_lake.Graph.TrySilver(Teams)!, Cancel));
    }

    [Fact]
    public async Task Rows_that_other_rules_have_judged_are_judged_again_by_themselves_and_of_none_there_is_nothing_to_do()
    {
        await AppendTeamAsync(7);
        await AppendUsersAsync(1, -2);
        await _lake.RunAllAsync();
        Assert.Equal((1, 0), ((await OpenAsync(Held)).Current.RowCount, (await OpenAsync(TableId.Quarantine("teams"))).Current.RowCount));
        var other = TestGraph.Of(Contracts.Replace("user_id > 0", "user_id > -9", StringComparison.Ordinal)
            .Replace("key = [team_id] }", "key = [team_id], rules = [ { name = is_positive, check = \"team_id > 0\" } ] }", StringComparison.Ordinal));
        var planner = new JobPlanner(new OpenTables(_lake.Lake), other, _lake.Options, _lake.Time);

        Assert.True(await planner.PlanAsync(Users, Cancel) is { JudgesAgain: true, Redrives: null, Rows: 0 });
        Assert.Null(await planner.PlanAsync(Teams, Cancel));
    }

    [Fact]
    public async Task A_table_that_was_removed_is_made_anew_under_the_next_number_though_rows_wait_beside_it()
    {
        await AppendUsersAsync(1);
        await _lake.RunAllAsync();
        Assert.Equal(1, (await OpenAsync(Held)).Current.RowCount);
        var run = (await OpenAsync(Users)).Current.Position(JobPins.RunAppId);
        await RemoveAsync(Users);

        var pins = (await NewPlanner().PlanAsync(Users, Cancel))!;

        Assert.Equal(run + 1, pins.Run);
        Assert.True(pins is { IsAnew: true, JudgesAgain: null, HeldRowsMax: 1 });
        Assert.Equal([new PinnedInput(AppUsers, After: null, 1)], pins.Inputs.Select(Version));
    }

    [Fact]
    public async Task What_a_run_read_last_is_known_by_its_commit_where_a_checkpoint_tells_the_version()
    {
        await AppendUsersAsync(1);
        var bronze = await OpenAsync(AppUsers);
        var made = Assert.IsType<CommitResult.Committed>(await bronze.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend)
        {
            Properties = ImmutableDictionary<string, string?>.Empty.Add("delta.checkpointInterval", "2"),
        }, Cancel)).Snapshot;
        await bronze.PendingCheckpoint;
        Assert.Equal((2, null), ((await OpenAsync(AppUsers)).Current.Version, (await OpenAsync(AppUsers)).Current.CommitId));

        Assert.Equal((made.Version, made.CommitId), ((await NewPlanner().PlanAsync(Users, Cancel))!.Inputs[0].Version, (await NewPlanner().PlanAsync(Users, Cancel))!.Inputs[0].Commit));
    }

    [Fact]
    public async Task A_run_is_expanded_to_what_it_is_a_switch_and_one_for_another_dialect_than_its_statements()
    {
        await AppendTeamAsync(7);
        await _lake.RunAsync("silver/teams");
        await AppendUsersAsync(1);
        var pins = await PlannedAsync(Users);
        var duck = await NewPlanner().ExpandAsync(pins, SqlDialect.DuckDb, Cancel);

        var spark = await NewPlanner().ExpandAsync(pins, SqlDialect.Spark, Cancel);
        var switched = await NewPlanner().ExpandAsync(pins with { RebuiltFrom = TableId.Silver("users__rebuild") }, SqlDialect.DuckDb, Cancel);

        Assert.Equal((SqlDialect.DuckDb, SqlDialect.Spark, JobKind.Silver), (duck.Dialect, spark.Dialect, spark.Kind));
        Assert.NotEqual(duck.Silver!.Checked, spark.Silver!.Checked);
        Assert.Equal(JobKind.Switch, switched.Kind);
        // Those that it was planned with are kept before anything of it is committed. What the tables that it reads have, their versions say.
        var kept = JobStatements.Read("Statements", pins.Statements!, await _lake.Lake.Store.TryGetAsync(JobStatements.PathOf(Users, pins.Statements!), Cancel));
        Assert.Equal(duck.Silver.Checked, kept.Silver!.Checked);
        Assert.Equal([AppUsers, Teams], kept.Inputs.Select(input => input.Table));
        Assert.All(kept.Inputs, input => Assert.Empty(input.Columns));
    }

    [Fact]
    public async Task What_has_piled_up_is_read_in_pieces_each_as_fresh_as_its_last_commit()
    {
        await AppendUsersAsync(1, 2);
        _lake.Time.Advance(TimeSpan.FromMinutes(1));
        await AppendUsersAsync(3, 4);

        var pins = await PlannedAsync(Users);

        Assert.Equal((1, 2, null), (pins.Inputs[0].Version, pins.Rows, pins.BronzeAhead));
        Assert.InRange(pins.ReflectsUntil!.Value, TestLake.Start, TestLake.Start.AddSeconds(30));
        Assert.Equal(2, (await new JobPlanner(_lake.Tables, _lake.Graph, _lake.Options with { RunRowsMax = 4 }, _lake.Time).PlanAsync(Users, Cancel))!.Inputs[0].Version);
    }

    [Fact]
    public async Task Held_rows_are_tried_again_when_a_parent_has_come_and_not_before()
    {
        await AppendUsersAsync(1);
        await _lake.RunAllAsync();
        Assert.Equal(1, (await OpenAsync(Held)).Current.RowCount);
        Assert.Null(await PlanAsync(Users));

        await AppendTeamAsync(7);
        await _lake.RunAsync("silver/teams");
        var pins = await PlannedAsync(Users);

        Assert.Equal(new PinnedInput(AppUsers, 1, 1), Version(pins.Inputs[0]));
        Assert.Equal((null, 0), (pins.Input(Teams)!.After, pins.Rows));
        Assert.Equal((await OpenAsync(Held)).Current.Version, pins.TargetVersion(Held));
        await _lake.RunAllAsync();
        // Nobody waits any more: what a parent does is none of its business.
        Assert.Equal(0, (await OpenAsync(Held)).Current.RowCount);
        await AppendTeamAsync(8);
        await _lake.RunAsync("silver/teams");
        Assert.Null(await PlanAsync(Users));
    }

    [Theory]
    [InlineData(1, 128L << 20, 1, 699_050)]
    [InlineData(3, 128L << 20, 2, 2 << 20)]
    [InlineData(6, 128L << 20, 2, 2 << 20)]
    [InlineData(1, 16, 1, 1)]
    public async Task Of_the_rows_that_wait_a_run_takes_no_more_than_it_may_read_and_than_a_thirty_second_of_its_memory_holds(long rowsMax, long memory, long rows, long bytes)
    {
        await AppendUsersAsync(1, 2);
        await _lake.RunAllAsync();
        await AppendTeamAsync(7);
        await _lake.RunAsync("silver/teams");
        var planner = new JobPlanner(_lake.Tables, _lake.Graph, _lake.Options with { JobsMax = 2, MemoryBytesMax = memory }, _lake.Time);

        var pins = await planner.PlanAsync(Users, rowsMax, Cancel);

        Assert.Equal((rows, bytes), (pins!.HeldRowsMax, pins.HeldBytesMax));
    }

    [Fact]
    public async Task A_parent_alone_is_no_reason_where_no_row_was_ever_set_aside()
    {
        await AppendTeamAsync(7);
        await _lake.RunAsync("silver/teams");
        await AppendUsersAsync(1);
        await _lake.RunAllAsync();
        await _lake.Lake.Store.DeleteAsync($"{Held}/_delta_log/{0:D20}.json", Cancel);

        await AppendTeamAsync(8);
        await _lake.RunAsync("silver/teams");

        Assert.Null(await NewPlanner().PlanAsync(Users, Cancel));
    }

    [Fact]
    public async Task A_run_that_was_cut_off_comes_back_with_its_own_pins()
    {
        await AppendUsersAsync(1, 2);
        var pins = await PlannedAsync(Users);
        _lake.Jobs.BeforeCommit = id =>
        {
            if (id == Held) throw new IOException("crash");
        };
        await Assert.ThrowsAsync<IOException>(async () => await _lake.Jobs.RunAsync(await _lake.Planner.ExpandAsync(pins, SqlDialect.DuckDb, Cancel), Cancel));
        _lake.Jobs.BeforeCommit = null;
        await AppendUsersAsync(3);

        Assert.Equal(pins.ToJson(), (await PlannedAsync(Users)).ToJson());
    }

    [Fact]
    public async Task A_table_that_was_made_from_a_version_its_input_no_longer_has_is_damaged()
    {
        await AppendUsersAsync(1);
        await AppendUsersAsync(2);
        await _lake.RunAllAsync();
        var planner = await AfterBronzeIsMadeAnewAsync();

        var fault = await Assert.ThrowsAsync<PipelineException>(async () => await planner.PlanAsync(Users, Cancel));

        Assert.Equal((FaultKind.Damaged, "it was made from another table of the name bronze/app/users, which was made anew since"), (fault.Kind, fault.Cause));
    }

    [Fact]
    public async Task A_table_that_was_made_from_a_version_which_is_gone_or_is_another_now_is_damaged()
    {
        await AppendUsersAsync(1);
        await AppendUsersAsync(2);
        await _lake.RunAllAsync();
        await RemoveLastCommitAsync(AppUsers);

        var gone = await Assert.ThrowsAsync<PipelineException>(async () => await NewPlanner().PlanAsync(Users, Cancel));
        await AppendUsersAsync(3);
        var other = await Assert.ThrowsAsync<PipelineException>(async () => await NewPlanner().PlanAsync(Users, Cancel));

        Assert.Equal("it was made from version 2 of bronze/app/users, which is now at version 1: it was made anew, or restored from an older copy", gone.Cause);
        Assert.Equal("it was made from version 2 of bronze/app/users, which is another one now: it was restored from an older copy, and rows have come since", other.Cause);
    }

    [Fact]
    public async Task What_is_read_as_a_whole_may_be_older_than_it_was_or_another_table()
    {
        await AppendUsersAsync(1);
        await _lake.RunAllAsync();
        await AppendUsersAsync(2);
        await _lake.RunAllAsync();
        var heads = TableId.Gold("heads");
        Assert.Null(await PlanAsync(heads));
        var version = (await OpenAsync(Users)).Current.Version;

        await RemoveLastCommitAsync(Users);
        var older = (await NewPlanner().PlanAsync(heads, Cancel))!;
        await RemoveAsync(Users);
        await _lake.RunAsync("silver/users");
        var anew = (await NewPlanner().PlanAsync(heads, Cancel))!;

        Assert.Equal(new PinnedInput(Users, After: null, version - 1), Version(older.Inputs[0]));
        Assert.Equal(new PinnedInput(Users, After: null, (await OpenAsync(Users)).Current.Version), Version(anew.Inputs[0]));
    }

    [Fact]
    public async Task The_document_of_a_first_run_names_all_files_and_that_of_a_later_one_the_new_ones()
    {
        await AppendTeamAsync(7);
        await _lake.RunAsync("silver/teams");
        await AppendUsersAsync(1);
        var old = (await OpenAsync(AppUsers)).Current.FilesByPath.Keys.Single();
        var first = await ExpandAsync(Users);
        await _lake.RunAllAsync();
        await AppendUsersAsync(2);

        var later = await ExpandAsync(Users);

        Assert.Equal([old], first.Inputs[0].Files.Select(file => file.Path));
        Assert.Equal((await OpenAsync(AppUsers)).Current.FilesByPath.Keys.Where(path => path != old), later.Inputs[0].Files.Select(file => file.Path));
        Assert.Equal([AppUsers, Teams], later.Inputs.Select(input => input.Table));
        Assert.Equal((await OpenAsync(Teams)).Current.FilesByPath.Keys, later.Inputs[1].Files.Select(file => file.Path));
        Assert.Equal((JobKind.Silver, _lake.Options.LagMax), (later.Kind, later.TimelyWithin));
        Assert.Contains("COALESCE(t._step, 0)", later.Silver!.IsTruncated);
        Assert.Equal(["user_id"], later.Key);
        Assert.Equal(["user_id", "team_id", "_position", "_step", "_ingested_at"], later.Columns.Select(column => column.Name));
        Assert.Equal(["error:is_positive", "is_positive", "malformed_json", "required:team_id", "required:user_id", "team_exists", "type:team_id", "type:user_id"], later.Silver.Dimensions.Keys.Order(StringComparer.Ordinal));
        Assert.Equal((Dimension.Completeness, Dimension.Consistency), (later.Silver.Dimensions["required:team_id"], later.Silver.Dimensions["team_exists"]));
        Assert.Contains("_rules", later.Silver.Quarantine.Select(column => column.Name));
        Assert.True(later.Silver is { Masks: null, AddsFields: null, SnapshotEpoch: null, Mended: null });
    }

    [Fact]
    public async Task A_parent_that_does_not_exist_is_an_empty_table_of_its_contract()
    {
        await AppendUsersAsync(1);

        var parent = (await ExpandAsync(Users)).Inputs[1];

        Assert.Equal(Teams, parent.Table);
        Assert.Empty(parent.Files);
        Assert.Equal(_lake.Graph.ColumnsOf(Teams).Select(column => column.Name), parent.Columns.Select(column => column.Name));
    }

    [Fact]
    public async Task A_parent_is_read_as_it_was_pinned()
    {
        await AppendTeamAsync(7);
        await _lake.RunAsync("silver/teams");
        await AppendUsersAsync(1);
        var pins = await PlannedAsync(Users);
        var files = (await OpenAsync(Teams)).Current.FilesByPath.Keys.ToList();
        await AppendTeamAsync(8);
        await _lake.RunAsync("silver/teams");
        await AppendUsersAsync(2);

        var spec = await _lake.Planner.ExpandAsync(pins, SqlDialect.DuckDb, Cancel);

        Assert.Equal(files, spec.Inputs[1].Files.Select(file => file.Path));
        Assert.Single(spec.Inputs[0].Files);
    }

    [Fact]
    public async Task A_Gold_table_waits_for_one_of_its_inputs_and_follows_each()
    {
        Assert.Null(await PlanAsync(TableId.Gold("members")));
        await AppendUsersAsync(1);
        await _lake.RunAsync("silver/users");

        var first = await PlannedAsync(TableId.Gold("members"));
        await _lake.RunAsync("gold/members");
        Assert.Null(await PlanAsync(TableId.Gold("members")));
        await AppendTeamAsync(7);
        await _lake.RunAsync("silver/teams");
        var second = await PlannedAsync(TableId.Gold("members"));

        Assert.Equal((TableId.Gold("members"), 1, null, _lake.Time.GetUtcNow()), (first.Table, first.Run, first.Rows, first.RequestedAt));
        Assert.Null(first.IsAnew);
        Assert.Equal([new PinnedInput(Users, null, (await OpenAsync(Users)).Current.Version)], first.Inputs.Select(Version));
        Assert.Equal([new PinnedTarget(TableId.Gold("members"), null)], first.Targets);
        Assert.Equal(2, second.Run);
        Assert.Equal([new PinnedTarget(TableId.Gold("members"), (await OpenAsync(TableId.Gold("members"))).Current.Version)], second.Targets);
    }

    [Fact]
    public async Task A_Gold_table_is_made_whole_when_somebody_says_so_though_it_reflects_its_inputs()
    {
        var heads = TableId.Gold("heads");
        Assert.Null(await _lake.Planner.PlanWholeAsync(heads, Cancel));
        await AppendUsersAsync(1);
        await _lake.RunAllAsync();
        Assert.Null(await PlanAsync(heads));

        Assert.True(await _lake.Planner.PlanWholeAsync(heads, Cancel) is { Run: 2, IsAnew: true });
    }

    [Fact]
    public async Task A_Gold_table_of_no_table_is_made_once()
    {
        Assert.Equal(1, (await PlannedAsync(TableId.Gold("one"))).Run);
        await _lake.RunAsync("gold/one");

        Assert.Null(await PlanAsync(TableId.Gold("one")));
    }

    [Theory]
    [InlineData("heads { sql = \"heads.sql\" }", "SELECT COUNT(*) * 2 AS heads FROM silver.users")]
    [InlineData("heads { sql = \"heads.sql\", personal = [heads] }", "SELECT COUNT(*) AS heads FROM silver.users")]
    public async Task A_Gold_table_is_made_again_when_its_query_or_what_is_personal_in_it_changes(string gold, string sql)
    {
        await AppendUsersAsync(1);
        await _lake.RunAllAsync();
        Assert.Null(await PlanAsync(TableId.Gold("heads")));
        var changed = new JobPlanner(_lake.Tables, TestGraph.Of(Contracts, gold, ("heads.sql", sql)), _lake.Options, _lake.Time);

        var pins = await changed.PlanAsync(TableId.Gold("heads"), Cancel);

        Assert.Equal(2, pins!.Run);
        Assert.NotEqual((await _lake.Planner.ExpandAsOfTodayAsync(pins, SqlDialect.DuckDb, Cancel)).Definition, (await ExpandedAsync(changed, pins)).Definition);
    }

    [Fact]
    public void What_a_table_holds_is_told_by_the_number_that_earlier_releases_have_written()
    {
        var full = new GoldTable(TableId.Gold("heads"), "SELECT 1 AS n", "heads.sql", Materialization.Full, [], [], new SourceLocation("pipeline.conf", 1));

        // Another number would have every table of an old lake made again.
        Assert.Equal((5_180_170_271_997_717_404, 3_180_219_410_822_204_673),
            (JobPlanner.Fingerprint(full), JobPlanner.Fingerprint(full with { Materialization = Materialization.Merge, Key = ["a", "b"], Personal = ["b", "a"] })));
    }

    [Fact]
    public async Task The_document_of_a_Gold_run_holds_its_query_and_how_it_becomes_the_table()
    {
        await AppendTeamAsync(7);
        await _lake.RunAsync("silver/teams");

        var merged = await ExpandAsync(TableId.Gold("members"));
        await AppendUsersAsync(1);
        await _lake.RunAsync("silver/users");
        var full = await ExpandAsync(TableId.Gold("heads"));

        Assert.Equal((JobKind.Merge, JobKind.Full), (merged.Kind, full.Kind));
        Assert.Equal(["team_id"], merged.Key);
        Assert.Equal(["heads"], full.Columns.Select(column => column.Name));
        Assert.Equal(("SELECT COUNT(*) AS heads FROM silver.users", true), (full.Sql, full.Definition >= 0));
        Assert.Equal([(Users, 0), (Teams, 1)], merged.Inputs.Select(input => (input.Table, input.Files.Length)));
    }

    [Fact]
    public async Task A_table_that_is_not_in_the_graph_is_no_table() =>
        await Assert.ThrowsAsync<ArgumentException>(async () => await PlanAsync(TableId.Silver("nobody")));

    private ValueTask<JobPins?> PlanAsync(TableId table) => _lake.Planner.PlanAsync(table, Cancel);

    private async Task<JobPins> PlannedAsync(TableId table) => Assert.IsType<JobPins>(await PlanAsync(table));

    private static PinnedInput Version(PinnedInput input) => new(input.Table, input.After, input.Version);

    private async Task<JobSpec> ExpandAsync(TableId table) => await ExpandedAsync(_lake.Planner, await PlannedAsync(table));

    private static async Task<JobSpec> ExpandedAsync(JobPlanner planner, JobPins pins) => await planner.ExpandAsync(pins, SqlDialect.DuckDb, Cancel);

    private async Task<DeltaTable> OpenAsync(TableId table) => Assert.IsType<DeltaTable>(await _lake.Lake.TryOpenAsync(table, Cancel));

    private Task<long> AppendTeamAsync(int team) => _lake.AppendAsync("bronze/app/teams", TeamColumns, $"SELECT {team} AS team_id, 'r' AS _op, {team} AS _position");

    private Task<long> AppendUsersAsync(params int[] users) => _lake.AppendAsync(AppUsers.ToString(), UserColumns,
        $"SELECT * FROM (VALUES {string.Join(", ", users.Select(user => $"({user}, 7, 0, 'r', {user})"))}) AS v(user_id, team_id, _step, _op, _position)");

    private Task<long> DeleteUserAsync(int user) => _lake.AppendAsync(AppUsers.ToString(), UserColumns, $"SELECT {user} AS user_id, 7 AS team_id, 0 AS _step, 'd' AS _op, 100 AS _position");

    /// <summary>The Bronze table with fewer commits than before, as a new look at the lake finds it.</summary>
    private async Task<JobPlanner> AfterBronzeIsMadeAnewAsync()
    {
        await RemoveAsync(AppUsers);
        await AppendUsersAsync(1);
        return NewPlanner();
    }

    private async Task RemoveAsync(TableId table)
    {
        foreach (var file in await _lake.Lake.Store.ListAsync($"{table}/", startAt: null, Cancel).ToListAsync(Cancel)) await _lake.Lake.Store.DeleteAsync(file.Path, Cancel);
    }

    /// <summary>As a table is that was restored from a copy made before it.</summary>
    private async Task RemoveLastCommitAsync(TableId table) =>
        await _lake.Lake.Store.DeleteAsync($"{table}/_delta_log/{(await OpenAsync(table)).Current.Version:D20}.json", Cancel);

    private JobPlanner NewPlanner() => new(new OpenTables(_lake.Lake), _lake.Graph, _lake.Options, _lake.Time);
}
