using Apache.Arrow;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Emulation.Postgres;
using Pipeline.Sources.Postgres.Reading.Capture;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

public sealed class SlotWatchSpec(PostgresServer server, SlotWatchSpec.SmallWal small) : PostgresSpec, IClassFixture<SlotWatchSpec.SmallWal>
{
    private const long SegmentBytes = 16 << 20;

    [Fact]
    public async Task A_slot_that_falls_behind_is_warned_of_and_when_it_is_lost_the_reading_stops_with_a_plan_that_works()
    {
        await using var database = await CreateAsync(small.Server);
        var options = Watched(database);
        using var logs = new LogLines();
        using var figures = new Measurements("source", options.Name);
        await using var reading = await CaptureReading.StartAsync(options, from: null, Cancel, logs);
        await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
        await reading.TakeAsync(1);

        // Nothing is acknowledged: the server keeps all that is written from here on, until it may not.
        var failing = reading.FailAsync();
        await WriteSegmentsAsync(database, 2);
        await logs.WaitForAsync(line => line.Contains("capture.retained-wal-warn", StringComparison.Ordinal), Cancel);
        var (lag, safe) = (figures.Observe(Instruments.LagBytes), figures.Observe(Instruments.SlotSafeBytes));
        var status = await database.ScalarAsync<string>("select wal_status from pg_replication_slots where database = current_database()", Cancel);
        while (await database.ScalarAsync<string>("select wal_status from pg_replication_slots where database = current_database()", Cancel) != "unreserved") await WriteSegmentsAsync(database, 1);
        await logs.WaitForAsync(line => line.Contains("is about to lose them", StringComparison.Ordinal), Cancel);
        var (health, retained) = (figures.Observe(Instruments.SlotStatus), figures.Observe(Instruments.SlotRetainedBytes));
        await database.ExecuteAsync("checkpoint", Cancel);
        var failure = await failing;

        Assert.Equal("reserved", status);
        Assert.Equal(2, health);
        Assert.True(lag >= SegmentBytes && safe > 0, $"lag {lag}, safe {safe}");
        Assert.InRange(retained!.Value, 2 * SegmentBytes, 8 * SegmentBytes);
        Assert.True(failure.Kind == FaultKind.Gap, failure.Message);
        Assert.Equal(reading.Slot, failure.Split);
        Assert.Contains("wal_status lost", failure.Cause, StringComparison.Ordinal);
        Assert.Equal(1, figures.Sum(Instruments.PostgresGaps));
        Assert.Equal(2, logs.At(LogLevel.Warning).Count);

        // The plan: drop the slot by the SQL that is told, and read the table under another name.
        var sql = failure.NextStep[..(failure.NextStep.IndexOf(';', StringComparison.Ordinal) + 1)];
        await database.ExecuteAsync(sql, Cancel);
        await database.ExecuteAsync("insert into items values (2, 'missed by the slot')", Cancel);
        Assert.Equal([1, 2], (await SnapshotAsync(options with
        {
            Tables = [options.Tables[0] with { Name = "items_2" }],
            Capture = options.Capture with { Snapshot = true },
        })).Order());
    }

    [Fact]
    public async Task A_slot_that_was_lost_is_refused_at_the_start()
    {
        await using var database = await CreateAsync(small.Server);
        var options = Watched(database);
        await using var source = TestDatabase.Open(options);
        var slot = (await source.ListSplitsAsync("items", Cancel))[0].Id;
        await WriteSegmentsAsync(database, 4);
        await database.ExecuteAsync("checkpoint", Cancel);

        await using var reading = await CaptureReading.StartAsync(options, from: null, Cancel);
        var failure = await reading.FailAsync();
        var finding = Assert.Single(await source.CheckAsync(Cancel), finding => finding.Thing.EndsWith($"slot {options.Capture.Slot}", StringComparison.Ordinal));

        Assert.Equal((FaultKind.Gap, slot), (failure.Kind, failure.Split));
        Assert.False(finding.Ok);
        Assert.StartsWith("SELECT pg_drop_replication_slot", finding.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_slot_dropped_while_it_is_read_is_a_gap_that_can_be_accepted()
    {
        await using var database = await CreateAsync(server.Scratch);
        var options = Watched(database);
        await using var reading = await CaptureReading.StartAsync(options, from: null, Cancel);
        await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
        await reading.TakeAsync(1);

        var failing = reading.FailAsync();
        await database.ExecuteAsync($"""
            select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '{options.Capture.Slot}';
            do $$ begin
              loop
                begin perform pg_drop_replication_slot('{options.Capture.Slot}'); exit; exception when object_in_use then perform pg_sleep(0.001); end;
              end loop;
            end $$;
            insert into items values (2, 'missed by the slot');
            """, Cancel);
        var failure = await failing;
        await using var source = TestDatabase.Open(options);
        await source.ListSplitsAsync("items", Cancel);
        var gap = Assert.Single(await source.LookBackAsync([new SplitPosition(reading.Slot, reading.Position)], Cancel)).Fault!.Gap!.Value;
        // Who looks between the end of the stream and the drop sees a slot that is well, and finds the gap when trying again.
        if (failure.IsTransient) failure = await FailureFromAsync(options, reading.Position);
        await using var again = await CaptureReading.StartAsync(options, gap.To, Cancel);
        await database.ExecuteAsync("insert into items values (3, 'c')", Cancel);
        await again.TakeAsync(1);

        Assert.Equal((FaultKind.Gap, reading.Slot), (failure.Kind, failure.Split));
        Assert.Equal(reading.Position, gap.From);
        Assert.Equal(["c 3|c"], again.Changes.Select(change => change.ToString()));
    }

    [Fact]
    public async Task An_idle_table_on_a_busy_server_does_not_make_it_keep_WAL()
    {
        const int Segments = 6;
        await using var database = await CreateAsync(server.Scratch);
        await using var busy = await CreateAsync(server.Scratch);
        var options = Watched(database);
        await using var reading = await CaptureReading.StartAsync(options, from: null, Cancel);
        await database.ExecuteAsync("insert into items values (1, 'the only one')", Cancel);
        await reading.TakeAsync(1);

        await WriteSegmentsAsync(busy, Segments);
        var held = await RetainedAsync(database);
        // From here on the lake commits what it is given: positions without rows.
        while (await RetainedAsync(database) > 2 * SegmentBytes)
        {
            await reading.AcknowledgeAsync(Cancel);
            // The server's own note of running transactions, which a checkpoint writes, lets the slot move on.
            await busy.ExecuteAsync("insert into items values ((select count(*) from items), 'busy'); checkpoint", Cancel);
            await reading.TakeChunkAsync();
        }

        Assert.InRange(held, (Segments - 1) * SegmentBytes, long.MaxValue);
        Assert.Single(reading.Changes);
    }

    [Theory]
    [InlineData("reserved", 99, SlotAlarm.None)]
    [InlineData("reserved", 101, SlotAlarm.RetainsMuch)]
    [InlineData("extended", 99, SlotAlarm.None)]
    [InlineData("extended", 101, SlotAlarm.RetainsMuch)]
    [InlineData("unreserved", 1, SlotAlarm.Unreserved)]
    internal void What_is_alarming(string walStatus, long retainedBytes, SlotAlarm expected) =>
        Assert.Equal(expected, SlotAlarms.Of(new SlotState(0, "pgoutput", "app", SlotState.HealthOf(walStatus), IsActive: true, retainedBytes, 0, null, null), retainedBytesWarn: 100));

    private static PostgresSourceOptions Watched(TestDatabase database)
    {
        var options = database.CaptureOptions("items");
        return options with
        {
            Name = database.Name,
            Capture = options.Capture with { WalCheckInterval = TimeSpan.FromMilliseconds(50), HeartbeatInterval = TimeSpan.FromMilliseconds(100), RetainedWalWarn = SegmentBytes },
        };
    }

    private async Task<PipelineException> FailureFromAsync(PostgresSourceOptions options, long? from)
    {
        await using var reading = await CaptureReading.StartAsync(options, from, Cancel);
        return await reading.FailAsync();
    }

    private async Task<List<long>> SnapshotAsync(PostgresSourceOptions options)
    {
        await using var source = TestDatabase.Open(options);
        var splits = await source.ListSplitsAsync(options.Tables[0].Name, Cancel);
        var rows = new List<long>();
        await foreach (var chunk in source.ReadAsync([.. splits.Select(split => new SplitPosition(split.Id, null))], Cancel))
            using (chunk)
            {
                for (var row = 0; row < chunk.RowCount; row++) rows.Add(((Int32Array)chunk.Rows!.Column("id")).GetValue(row)!.Value);
                if (chunk.Range.To == SnapshotSplit.Complete) break;
            }

        return rows;
    }

    private async ValueTask<long> RetainedAsync(TestDatabase database) => await database.ScalarAsync<long>(
        "select pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint from pg_replication_slots where database = current_database()", Cancel);

    /// <summary>Uses up WAL without writing much.</summary>
    private async ValueTask WriteSegmentsAsync(TestDatabase database, int segments)
    {
        for (var i = 0; i < segments; i++) await database.ExecuteAsync("select pg_logical_emit_message(false, 'test', 'fills'); select pg_switch_wal()", Cancel);
    }

    private async ValueTask<TestDatabase> CreateAsync(ScratchPostgres on)
    {
        var database = await TestDatabase.CreateAsync(on, Cancel);
        await database.ExecuteAsync("create table items (id int primary key, name text)", Cancel);
        return database;
    }

    /// <summary>A server that keeps three segments of WAL for a slot.</summary>
    public sealed class SmallWal : IAsyncLifetime
    {
        private readonly ScratchDirectory _directory = new("pipeline-postgres-");

        public ScratchPostgres Server { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Server = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(_directory)
        {
            Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["max_slot_wal_keep_size"] = "48MB", ["min_wal_size"] = "32MB" },
        }, TestContext.Current.CancellationToken);

        public async ValueTask DisposeAsync()
        {
            await Server.DisposeAsync();
            _directory.Dispose();
        }
    }
}
