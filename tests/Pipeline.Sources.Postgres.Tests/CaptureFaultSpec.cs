using Npgsql;
using Pipeline.Core;
using Pipeline.Emulation.Postgres;
using Pipeline.Sources.Postgres.Reading.Capture;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

public sealed class CaptureFaultSpec(PostgresServer server) : PostgresSpec
{
    [Fact]
    public async Task A_connection_cut_in_the_middle_of_a_transaction_repeats_it_whole()
    {
        // More than sockets hold.
        const int Rows = 5_000, Length = 4_000;
        await using var database = await CreateAsync("create table items (number bigint primary key, name text)");
        await using var proxy = new TcpProxy(server.Scratch.Port);
        var options = database.CaptureOptions("items") with { Port = proxy.Port, ReadAheadBytesMax = 4 << 10 };
        var first = await CaptureReading.StartAsync(options, from: null, Cancel);
        await database.ExecuteAsync("insert into items values (-1, 'before')", Cancel);
        await first.TakeAsync(1);

        await database.ExecuteAsync($"insert into items select i, repeat('x', {Length}) from generate_series(0, {Rows - 1}) i", Cancel);
        await first.TakeChunkAsync();
        proxy.Cut();
        var failure = await first.FailAsync();
        await first.DisposeAsync();
        proxy.Restore();
        await using var second = await CaptureReading.StartAsync(options, first.Position, Cancel);
        await second.TakeAsync(Rows);

        Assert.True(failure.IsTransient, failure.Message);
        Assert.Single(first.Changes);
        Assert.Equal(Enumerable.Range(0, Rows).Select(number => $"c {number}|{new string('x', Length)}"), second.Changes.Select(change => change.ToString()));
    }

    [Fact]
    public async Task A_session_that_ends_while_capture_is_set_up_is_told_as_what_it_is()
    {
        await using var database = await CreateAsync("create table items (id int primary key)");
        await using var holder = await database.DataSource.OpenConnectionAsync(Cancel);
        await using var transaction = await holder.BeginTransactionAsync(Cancel);
        await using (var hold = new NpgsqlCommand("lock table items in access exclusive mode", holder, transaction)) await hold.ExecuteNonQueryAsync(Cancel);
        await using var source = TestDatabase.Open(database.CaptureOptions("items"), logs: null);

        // A publication is made of the table, which waits for the lock.
        var failing = Assert.ThrowsAsync<PipelineException>(async () => await source.ListSplitsAsync(source.Tables[0].Name, Cancel));
        while (await database.ScalarAsync<long>("""
            select count(pg_terminate_backend(pid)) from pg_stat_activity
            where datname = current_database() and application_name like 'pipeline/%' and wait_event_type = 'Lock'
            """, Cancel) == 0) await Task.Delay(20, Cancel);

        Assert.True((await failing).IsTransient);
    }

    [Fact]
    public async Task A_server_that_is_restarted_goes_on_where_the_lake_is()
    {
        using var directory = new ScratchDirectory("pipeline-postgres-");
        await using var scratch = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory), Cancel);
        await using var database = await TestDatabase.CreateAsync(scratch, Cancel);
        await database.ExecuteAsync("create table items (id int primary key, name text)", Cancel);
        await using var first = await CaptureReading.StartAsync(database.CaptureOptions("items"), from: null, Cancel);
        await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
        await first.TakeAsync(1);

        var reading = Assert.ThrowsAsync<PipelineException>(async () =>
        {
            while (true)
            {
                await first.AcknowledgeAsync(Cancel);
                await first.TakeChunkAsync();
            }
        });
        await scratch.RestartAsync(Cancel);
        var failure = await reading;
        database.DataSource.Clear();
        await database.ExecuteAsync("insert into items values (2, 'b')", Cancel);
        await using var second = await CaptureReading.StartAsync(database.CaptureOptions("items"), first.Position, Cancel);
        await second.TakeAsync(1);

        Assert.True(failure.IsTransient, failure.Message);
        Assert.Equal(["c 2|b"], second.Changes.Select(change => change.ToString()));
    }

    [Fact]
    public async Task Evolve_takes_a_new_column_when_the_table_has_been_described_again()
    {
        await using var database = await CreateAsync("create table items (id int primary key, name text)");
        var first = await CaptureReading.StartAsync(database.CaptureOptions("items"), from: null, Cancel);
        await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
        await first.TakeAsync(1);

        await database.ExecuteAsync("alter table items add extra int; insert into items values (2, 'b', 5)", Cancel);
        var failure = await first.FailAsync();
        await first.DisposeAsync();
        await using var second = await CaptureReading.StartAsync(database.CaptureOptions("items"), first.Position, Cancel);
        await second.TakeAsync(1);
        await database.ExecuteAsync("alter table items drop name; insert into items values (3, 6)", Cancel);
        await second.TakeAsync(2);

        Assert.True(failure.IsTransient, failure.Message);
        Assert.Equal(["c 2|b|5", "c 3|-|6"], second.Changes.Select(change => change.ToString()));
    }

    [Fact]
    public async Task Freeze_leaves_a_new_column_out()
    {
        await using var database = await CreateAsync("create table items (id int primary key, name text)");
        await using var reading = await CaptureReading.StartAsync(With(database, SchemaChanges.Freeze), from: null, Cancel);
        await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
        await reading.TakeAsync(1);

        await database.ExecuteAsync("alter table items add extra int; insert into items values (2, 'b', 5)", Cancel);
        await reading.TakeAsync(2);

        Assert.Equal(["c 1|a", "c 2|b"], reading.Changes.Select(change => change.ToString()));
    }

    [Theory]
    [InlineData(SchemaChanges.Fail, "alter table items add extra int")]
    [InlineData(SchemaChanges.Fail, "alter table items drop name")]
    public async Task A_change_that_the_policy_forbids_halts_the_split(SchemaChanges policy, string change)
    {
        await using var database = await CreateAsync("create table items (id int primary key, name text)");
        await using var reading = await CaptureReading.StartAsync(With(database, policy), from: null, Cancel);
        await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
        await reading.TakeAsync(1);

        await database.ExecuteAsync($"{change}; insert into items values (2)", Cancel);
        var failure = await reading.FailAsync();

        Assert.Equal(FaultKind.Invalid, failure.Kind);
        Assert.Equal(reading.Slot, failure.Split);
    }

    [Fact]
    public async Task Another_type_of_the_lake_has_the_table_described_again_with_the_type_that_it_has_now()
    {
        await using var database = await CreateAsync("create table items (id int primary key, name text)");
        await using var reading = await CaptureReading.StartAsync(With(database, SchemaChanges.Evolve), from: null, Cancel);
        await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
        await reading.TakeAsync(1);

        await database.ExecuteAsync("alter table items alter name type int using 1; insert into items values (2, 5)", Cancel);
        var failure = await reading.FailAsync();

        Assert.True(failure.IsTransient, failure.Message);
        Assert.Contains("column name is of type int4, and was text", failure.Cause, StringComparison.Ordinal);
        Assert.Equal("int32", (await reading.Source.DescribeAsync("items", Cancel)).GetFieldByName("name").DataType.Name);
    }

    private static PostgresSourceOptions With(TestDatabase database, SchemaChanges policy)
    {
        var options = database.CaptureOptions("items");
        return options with { Capture = options.Capture with { SchemaChanges = policy } };
    }

    private async ValueTask<TestDatabase> CreateAsync(string sql)
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync(sql, Cancel);
        return database;
    }
}
