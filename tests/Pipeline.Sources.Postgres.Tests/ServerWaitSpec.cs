using System.Diagnostics;
using Npgsql;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Client;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>A statement that is not answered, and rows that open transactions hold back, are told with the server's own reason.</summary>
public sealed class ServerWaitSpec(PostgresServer server) : PostgresSpec
{
    [Fact]
    public async Task A_copy_that_waits_for_a_lock_says_which_process_holds_it_and_when_it_goes_on()
    {
        await using var database = await CreateAsync();
        using var waits = new SaidWaits();
        await using var reading = await SourceReading.StartAsync(Options(database), from: null, Cancel, waits.Watch);
        await using var other = await database.DataSource.OpenConnectionAsync(Cancel);
        await using var transaction = await other.BeginTransactionAsync(Cancel);
        await new NpgsqlCommand("lock table items in access exclusive mode", other).ExecuteNonQueryAsync(Cancel);

        var taking = reading.TakeRowsAsync(1);
        await UntilBlockedAsync(database);
        var told = await waits.UntilToldAsync($"its statement waits for a lock that process {other.ProcessID} of the server, in a transaction since", Cancel);
        await transaction.RollbackAsync(Cancel);
        await taking;
        var over = await waits.UntilOverAsync(told.Reason, Cancel);

        Assert.Equal("Source app, table items", told.Thing);
        Assert.Equal((told.Thing, told.Reason, true), (over.Thing, over.Reason, over.IsOver));
    }

    [Fact]
    public async Task A_transaction_that_holds_back_what_may_be_read_is_told_with_its_start()
    {
        await using var database = await CreateAsync();
        using var waits = new SaidWaits();
        await using var reading = await SourceReading.StartAsync(Options(database), from: null, Cancel, waits.Watch);
        await reading.TakeRowsAsync(1);
        await using var other = await database.DataSource.OpenConnectionAsync(Cancel);
        await using var transaction = await other.BeginTransactionAsync(Cancel);
        await new NpgsqlCommand("select now()", other).ExecuteScalarAsync(Cancel);
        await database.ExecuteAsync("insert into items (number) values (1)", Cancel);

        var taking = reading.TakeRowsAsync(2);
        var told = await waits.UntilToldAsync("held back", Cancel);
        await transaction.RollbackAsync(Cancel);
        await taking;
        var over = await waits.UntilOverAsync(told.Reason, Cancel);

        Assert.StartsWith("what may be read is held back by a transaction that is open on the server since", told.Reason, StringComparison.Ordinal);
        Assert.True(over.IsOver);
    }

    /// <summary>A slot waits for the transactions of the whole server, so it may be told of those of other tests before and between.</summary>
    [Fact]
    public async Task A_slot_that_is_made_behind_long_transactions_says_for_which_it_waits_and_for_which_then()
    {
        await using var database = await CreateAsync();
        using var waits = new SaidWaits();
        await using var first = await database.DataSource.OpenConnectionAsync(Cancel);
        await using var second = await database.DataSource.OpenConnectionAsync(Cancel);
        await using var earlier = await first.BeginTransactionAsync(Cancel);
        await new NpgsqlCommand("insert into items (number) values (1)", first).ExecuteNonQueryAsync(Cancel);
        await using var source = TestDatabase.Open(database.CaptureOptions("items"), waits: waits.Watch);

        var listing = source.ListSplitsAsync("items", Cancel).AsTask();
        await waits.UntilToldAsync($"its statement waits for a lock that process {first.ProcessID} of the server", Cancel);
        await using var later = await second.BeginTransactionAsync(Cancel);
        await new NpgsqlCommand("insert into items (number) values (2)", second).ExecuteNonQueryAsync(Cancel);
        await earlier.RollbackAsync(Cancel);
        var told = await waits.UntilToldAsync($"its statement waits for a lock that process {second.ProcessID} of the server", Cancel);
        await later.RollbackAsync(Cancel);
        await listing;

        Assert.Equal(told.Thing, (await waits.UntilOverAsync("its statement waits for a lock", Cancel)).Thing);
    }

    /// <summary>The server's process is stopped, which keeps the connection and says nothing.</summary>
    [Fact]
    public async Task A_slot_that_sends_nothing_any_more_is_told_and_that_it_sends_again()
    {
        await using var database = await CreateAsync();
        using var waits = new SaidWaits();
        await using var reading = await CaptureReading.StartAsync(database.CaptureOptions("items"), from: null, Cancel, waits: waits.Watch);
        await database.ExecuteAsync("insert into items (number) values (1)", Cancel);
        await reading.TakeAsync(1);
        var sender = await database.ScalarAsync<int>("select active_pid from pg_replication_slots where database = current_database()", Cancel);

        WaitNotice told;
        await SignalAsync("STOP", sender);
        try
        {
            await database.ExecuteAsync("insert into items (number) values (2)", Cancel);
            told = await waits.UntilToldAsync($"process {sender} has not answered", Cancel);
        }
        finally
        {
            await SignalAsync("CONT", sender);
        }

        await reading.TakeAsync(2);
        var over = await waits.UntilOverAsync(told.Reason, Cancel);

        Assert.Equal((told.Thing, true), (over.Thing, over.IsOver));
        Assert.EndsWith($"slot slot_{database.Name}", told.Thing, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wait_for_a_free_connection_is_told_with_the_setting_that_bounds_them()
    {
        await using var database = await CreateAsync();
        using var waits = new SaidWaits();
        await using var connections = new PostgresConnections(Options(database) with { ConnectionsMax = 1 }, new LocalSecretStore(), "test", waits.Watch, new KnownCertificates());
        var leave = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        async ValueTask<bool> HoldAsync(CancellationToken cancellationToken)
        {
            await leave.Task.WaitAsync(cancellationToken);
            return true;
        }

        var first = connections.InTurnAsync("first", HoldAsync, Cancel).AsTask();
        var second = connections.InTurnAsync("second", HoldAsync, Cancel).AsTask();
        var told = await waits.UntilToldAsync("connections-max", Cancel);
        leave.SetResult();
        await Task.WhenAll(first, second);

        Assert.Contains("all of its 1 connections are used", told.Reason, StringComparison.Ordinal);
        Assert.True((await waits.UntilOverAsync(told.Reason, Cancel)).IsOver);
    }

    private static PostgresSourceOptions Options(TestDatabase database) => database.Options(TestDatabase.Table("items", "updated_at")) with { RequestTimeout = TimeSpan.FromHours(1) };

    private async Task SignalAsync(string signal, int process)
    {
        using var kill = Process.Start("sh", ["-c", $"kill -{signal} {process}"]);
        await kill.WaitForExitAsync(Cancel);
        Assert.Equal(0, kill.ExitCode);
    }

    private async Task UntilBlockedAsync(TestDatabase database)
    {
        while (await database.ScalarAsync<long>("select count(*) from pg_stat_activity where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0", Cancel) == 0)
            await Task.Delay(20, Cancel);
    }

    private async ValueTask<TestDatabase> CreateAsync()
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync("""
            create table items (id bigserial primary key, number bigint not null, updated_at timestamptz not null default now());
            create index on items (updated_at);
            insert into items (number) values (0)
            """, Cancel);
        return database;
    }
}
