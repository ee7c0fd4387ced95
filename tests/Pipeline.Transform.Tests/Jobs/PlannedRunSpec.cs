using System.Collections.Immutable;
using System.Globalization;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Rebuild;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Tests.Jobs;

/// <summary>What a run is planned with where its contract masks, stops or takes fields by itself, or its source has begun anew.</summary>
public sealed class PlannedRunSpec
{
    private const string Stopping = "users { from = bronze/app/users, columns { user_id { type = long } }, key = [user_id], rules = [ { name = is_positive, check = \"user_id > 0\", severity = fail } ] }";
    private const string Adding = "events { from = bronze/app/events, format = json, fields = add, columns { id { type = long } }, key = [id], rules = [ { name = is_positive, check = \"id > 0\" } ] }";
    private const string AppUsers = "bronze/app/users";

    private static readonly TableId Users = TableId.Silver("users");
    private static readonly TableId Events = TableId.Silver("events");
    private static readonly IReadOnlyList<Field> UserColumns = TestLake.Declared(TestLake.BronzeColumns("user_id long", "_epoch int"), "_epoch Epoch");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(FaultKind.Unreachable, true)]
    [InlineData(FaultKind.Missing, false)]
    public async Task A_run_whose_statements_cannot_be_made_is_planned_later_where_waiting_helps_and_else_says_itself_what_is_wrong(FaultKind kind, bool isLater)
    {
        using var lake = new TestLake(TestGraph.Of("users { from = bronze/app/users, columns { user_id { type = long, mask = hash } }, key = [user_id] }"));
        await AppendUserAsync(lake, 1);
        var planner = new JobPlanner(lake.Tables, lake.Graph, lake.Options with { Secrets = new RevealedOnce(kind) }, lake.Time);

        if (isLater) Assert.Equal(kind, (await Assert.ThrowsAsync<PipelineException>(async () => await planner.PlanAsync(Users, Cancel))).Kind);
        else Assert.True(await planner.PlanAsync(Users, Cancel) is { Run: 1, Statements: null });
    }

    [Fact]
    public async Task A_table_that_masks_is_not_planned_without_its_key()
    {
        using var lake = new TestLake(TestGraph.Of("users { from = bronze/app/users, columns { user_id { type = long, mask = hash } }, key = [user_id] }"));
        await AppendUserAsync(lake, 1);

        await Assert.ThrowsAsync<PipelineException>(async () => await new JobPlanner(lake.Tables, lake.Graph, lake.Options with { MaskKey = null }, lake.Time).PlanAsync(Users, Cancel));
    }

    [Fact]
    public async Task A_run_that_rows_may_stop_sees_what_has_come_behind_what_it_reads_and_what_is_gone_at_the_source_there()
    {
        using var lake = new TestLake(TestGraph.Of(Stopping), runRowsMax: 1);
        await AppendUserAsync(lake, 1);
        var ahead = await AppendUserAsync(lake, 2);
        var bronze = await OpenAsync(lake, AppUsers);
        var files = bronze.Current.Files.Select(file => file.Path).ToList();

        var first = await PlannedAsync(lake, Users);
        var spec = await ExpandAsync(lake, first);
        await lake.MoveAsync(AppUsers, new SplitId("app", "snapshot/1"), new SplitHistory(1, "server 1", IsSnapshot: true), long.MaxValue);
        var begunAnew = await ExpandAsync(lake, await PlannedAsync(lake, Users));

        Assert.Equal((ahead - 1, ahead), (first.Inputs[0].Version, first.BronzeAhead));
        Assert.Equal(files.Except(spec.Inputs[0].Files.Select(file => file.Path)), (await AheadAsync(lake.Lake, first)).Select(file => file.Path));
        Assert.DoesNotContain("failing WHERE COALESCE(_epoch, 0) < 1", spec.Silver!.Mended, StringComparison.Ordinal);
        Assert.Contains("failing WHERE COALESCE(_epoch, 0) < 1", begunAnew.Silver!.Mended, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_that_reads_all_there_is_looks_no_further()
    {
        using var lake = new TestLake(TestGraph.Of(Stopping), runRowsMax: 1);
        var version = await AppendUserAsync(lake, 1);

        var pins = await PlannedAsync(lake, Users);

        Assert.Equal((version, null), (pins.Inputs[0].Version, pins.BronzeAhead));
    }

    [Fact]
    public async Task What_has_come_behind_what_a_run_reads_is_left_out_where_it_is_gone_and_waited_for_where_it_is_away()
    {
        using var lake = new TestLake(TestGraph.Of(Stopping), runRowsMax: 1);
        await AppendUserAsync(lake, 1);
        await AppendUserAsync(lake, 2);
        var pins = await PlannedAsync(lake, Users);
        Assert.Single(await AheadAsync(lake.Lake, pins));
        await lake.CompactAsync(AppUsers);

        var store = new RemoteStore(lake.Lake.Store)
        {
            BeforeStat = path =>
            {
                if (path.EndsWith(".parquet", StringComparison.Ordinal)) throw new PipelineException(FaultKind.Unreachable, $"Object {path}", "connection refused", "Wait.");
            },
        };
        Assert.Equal(FaultKind.Unreachable, (await Assert.ThrowsAsync<PipelineException>(async () => await AheadAsync(new Lake(store, lake.Time), pins))).Kind);

        foreach (var file in await AheadAsync(lake.Lake, pins)) await lake.Lake.Store.DeleteAsync($"{AppUsers}/{file.Path}", Cancel);
        Assert.Empty(await AheadAsync(lake.Lake, pins));
    }

    [Fact]
    public async Task Behind_what_a_run_reads_a_restore_is_left_to_the_run_that_reads_it()
    {
        using var lake = new TestLake(TestGraph.Of(Stopping), runRowsMax: 1);
        await AppendUserAsync(lake, 1);
        await lake.RunAllAsync();
        await AppendUserAsync(lake, 2);
        await AppendUserAsync(lake, 3);
        var bronze = await OpenAsync(lake, AppUsers);
        Assert.IsType<CommitResult.Committed>(await bronze.CommitAsync(new Transaction("RESTORE", Isolation.ReadTable)
        {
            ReadVersion = bronze.Current.Version, Removes = [new RemoveFile(bronze.Current.Files.First().Path, TestLake.Start, DataChange: true)],
        }, Cancel));

        var pins = await PlannedAsync(lake, Users);

        Assert.Equal(bronze.Current.Version, pins.BronzeAhead);
        Assert.Empty(await AheadAsync(lake.Lake, pins));
    }

    [Fact]
    public async Task What_a_finished_snapshot_of_a_later_epoch_ends_is_in_a_runs_statements()
    {
        using var lake = new TestLake(TestGraph.Of("users { from = bronze/app/users, columns { user_id { type = long } }, key = [user_id] }"));
        await AppendUserAsync(lake, 1);
        var before = (await ExpandAsync(lake, await PlannedAsync(lake, Users))).Silver!;

        await lake.MoveAsync(AppUsers, new SplitId("app", "snapshot/1"), new SplitHistory(1, "server 1", IsSnapshot: true), long.MaxValue);
        var after = (await ExpandAsync(lake, await PlannedAsync(lake, Users))).Silver!;

        Assert.Equal((null, 1), (before.SnapshotEpoch, after.SnapshotEpoch));
        Assert.NotEqual(before.Checked, after.Checked);
        Assert.NotEqual(before.Latest, after.Latest);
    }

    [Fact]
    public async Task A_column_that_came_by_itself_is_one_that_rows_are_judged_by_and_that_a_run_makes()
    {
        using var lake = new TestLake(TestGraph.Of(Adding));
        await AppendEventAsync(lake, 1, """{"id":1,"city":"Bern"}""");
        await AppendEventAsync(lake, 2, """{"id":-2}""");
        await lake.RunAsync("silver/events");
        var changes = new ChangedTables(lake.Tables, lake.Graph, lake.Options);
        Assert.True(await changes.RebuildAsync(Events, lake.Time, _ => { }, _ => { }, Cancel));
        Assert.Equal(1, (await OpenAsync(lake, "silver/events__quarantine")).Current.RowCount);

        Assert.Null(await lake.Planner.PlanAsync(Events, Cancel));
        await AppendEventAsync(lake, 3, """{"id":3,"city":"Graz"}""");
        var spec = await ExpandAsync(lake, await PlannedAsync(lake, Events));

        Assert.Contains("city", spec.Columns.Select(column => column.Name));
        Assert.True(spec is { Pins.JudgesAgain: null, Silver.AddsFields: true });
    }

    [Fact]
    public async Task What_is_built_for_a_tables_place_has_the_columns_that_it_was_begun_with_to_the_end()
    {
        using var lake = new TestLake(TestGraph.Of(Adding));
        var built = lake.Graph.TrySilver(Events)! with { Table = TableId.Silver("events__rebuild") };
        var planner = new JobPlanner(lake.Tables, new TransformGraph([built, .. lake.Graph.Silver], []), lake.Options, lake.Time);
        await AppendEventAsync(lake, 1, """{"id":1,"city":"Bern"}""");
        await AppendEventAsync(lake, 2, """{"id":-2}""");
        await lake.Jobs.RunAsync(await planner.ExpandAsync((await planner.PlanAsync(built.Table, Cancel))!, SqlDialect.DuckDb, Cancel), Cancel);
        Assert.Single(AddedColumns.Of((await OpenAsync(lake, "silver/events__rebuild")).Current).Columns);

        Assert.Null(await planner.PlanAsync(built.Table, Cancel));
        await AppendEventAsync(lake, 3, """{"id":3,"city":"Graz"}""");
        var spec = await planner.ExpandAsync((await planner.PlanAsync(built.Table, Cancel))!, SqlDialect.DuckDb, Cancel);

        Assert.DoesNotContain("city", spec.Columns.Select(column => column.Name));
    }

    private static async Task<JobPins> PlannedAsync(TestLake lake, TableId table) => Assert.IsType<JobPins>(await lake.Planner.PlanAsync(table, Cancel));

    /// <summary>Where a row stops the run.</summary>
    private static async Task<ImmutableArray<JobFile>> AheadAsync(Lake lake, JobPins pins) =>
        await BronzeRange.AheadAsync(Assert.IsType<DeltaTable>(await lake.TryOpenAsync(TableId.Parse(AppUsers), Cancel)), pins.Inputs[0].Version, pins.BronzeAhead!.Value, Cancel);

    private static async Task<JobSpec> ExpandAsync(TestLake lake, JobPins pins) => await lake.Planner.ExpandAsync(pins, SqlDialect.DuckDb, Cancel);

    private static async Task<DeltaTable> OpenAsync(TestLake lake, string table) => Assert.IsType<DeltaTable>(await lake.Lake.TryOpenAsync(TableId.Parse(table), Cancel));

    private static Task<long> AppendUserAsync(TestLake lake, int id) => lake.AppendAsync(AppUsers, UserColumns,
        string.Create(CultureInfo.InvariantCulture, $"SELECT CAST({id} AS BIGINT) AS user_id, NULL::INTEGER AS _epoch, 'r' AS _op, CAST({id} AS BIGINT) AS _position"));

    private static Task<long> AppendEventAsync(TestLake lake, int position, string record) => lake.AppendAsync("bronze/app/events", TestLake.BronzeColumns("value string"),
        string.Create(CultureInfo.InvariantCulture, $"SELECT '{record}' AS value, 'c' AS _op, CAST({position} AS BIGINT) AS _position"));

    /// <summary>A key that is there for who begins a plan, and not for who makes its statements.</summary>
    private sealed class RevealedOnce(FaultKind kind) : ISecretStore
    {
        private bool _isRevealed;

        public ValueTask<string> RevealAsync(Secret secret, CancellationToken cancellationToken)
        {
            if (_isRevealed) throw new PipelineException(kind, "Secret file:mask.key", "it cannot be read", "Look for it.");
            _isRevealed = true;
            return new(TestLake.Key);
        }
    }
}
