using System.Text.RegularExpressions;
using Npgsql;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Nights;

/// <summary>Faults of a source, each made on a running pipeline: <c>why</c> names cause and remedy, and doing literally what it says heals the table.</summary>
[Collection(HealthySources.Name)]
public sealed class PostgresNightsSpec(HealthySources healthy) : IDisposable
{
    private const string Quick = "transform { interval-min = 100ms, poll-interval = 1s }";

    private readonly ScratchDirectory _directory = new("pipeline-nights-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_right_that_was_revoked_is_named_with_the_check_that_prints_the_grant()
    {
        await using var night = await BeginAsync("revoked");
        await night.SqlAsync("REVOKE SELECT ON public.revoked FROM revoked; INSERT INTO public.revoked VALUES (2)");

        var told = await night.Called.UntilToldAsync(night.Table, "mend");
        Assert.Contains("permission denied", (string)told["cause"]!, StringComparison.Ordinal);
        Assert.Contains("'pipeline check' prints the SQL", (string)told["next_step"]!, StringComparison.Ordinal);
        var check = await night.Called.RunAsync("check", "-o", "json");
        var sql = OnCall.RowsOf(check.Data).Select(row => (string?)row["told"]!["next_step"]).Single(step => step?.StartsWith("GRANT SELECT", StringComparison.Ordinal) == true);
        await night.SqlAsync(sql!);
        await night.Called.HelpAsync(told);

        await night.HealsAsync(rows: 2);
    }

    [Fact]
    public async Task A_password_that_has_expired_is_named_with_the_statement_that_sets_it_anew()
    {
        OnCall.OnlyByNight("A few of the ten are made by day");
        await using var night = await BeginAsync("expired");
        await night.SqlAsync("ALTER ROLE expired VALID UNTIL '2001-01-01'; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'expired'; INSERT INTO public.expired VALUES (2)");

        var told = await night.Called.UntilToldAsync(night.Table, "mend");
        Assert.Contains("password authentication failed", (string)told["cause"]!, StringComparison.Ordinal);
        await night.SqlAsync(Regex.Match((string)told["next_step"]!, "ALTER ROLE [^;]*;").Value.Replace("'...'", "'night'", StringComparison.Ordinal));
        await night.Called.HelpAsync(told);

        await night.HealsAsync(rows: 2);
    }

    [Fact]
    public async Task A_slot_that_was_lost_is_named_with_the_command_that_reads_on_without_a_restart()
    {
        await using var night = await BeginAsync("lost", slot: "night_lost");
        await night.DropSlotAsync();
        await night.SqlAsync("INSERT INTO public.lost VALUES (2)");

        var told = await night.Called.UntilToldAsync(night.Table, "gap");
        Assert.Contains("night_lost", (string)told["thing"]! + told["cause"], StringComparison.Ordinal);
        Assert.Equal(["resume", night.Table, "--accept-gap"], OnCall.HelpOf(told));
        await night.Called.HelpAsync(told);

        await night.HealsAsync(rows: 2);
    }

    [Fact]
    public async Task A_transaction_that_nobody_ends_is_named_with_the_statement_that_ends_it()
    {
        OnCall.OnlyByNight("A wait is told when it has lasted for a minute");
        await using var night = await BeginAsync("stuck");
        await using var other = await night.Database.OpenConnectionAsync(Cancel);
        await using var open = await other.BeginTransactionAsync(Cancel);
        await new NpgsqlCommand("SELECT now()", other).ExecuteScalarAsync(Cancel);
        await night.SqlAsync("INSERT INTO public.stuck VALUES (2)");

        var told = await night.Called.UntilToldAsync(night.Table, "waits");
        Assert.Contains("held back by a transaction that is open on the server since", (string)told["cause"]!, StringComparison.Ordinal);
        await night.SqlAsync(Regex.Match((string)told["next_step"]!, @"SELECT pg_terminate_backend\(\d+\);").Value);

        await night.HealsAsync(rows: 2);
    }

    private async Task<PostgresNight> BeginAsync(string name, string? slot = null)
    {
        var database = NpgsqlDataSource.Create(healthy.PostgresConnectionString);
        await using (var create = database.CreateCommand($"""
            CREATE TABLE public.{name} (id bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp()); INSERT INTO public.{name} VALUES (1);
            CREATE ROLE {name} LOGIN PASSWORD 'night'; GRANT pg_read_all_stats TO {name}; GRANT SELECT ON public.{name} TO {name};
            """)) await create.ExecuteNonQueryAsync(Cancel);
        var source = slot is null ? healthy.PostgresAs(name, "night", $$"""{{name}} { table = "public.{{name}}", watermark = at, key = [id] }""", "poll-interval = 100ms")
            : healthy.PostgresOf($$"""{{name}} { table = "public.{{name}}", key = [id] }""", $$"""mode = cdc, capture { slot = {{slot}}, publication = {{slot}} }""");
        var node = await RunningNode.StartAsync(_directory, source, behind: Quick);
        await node.WaitForRowsAsync($"bronze/app/{name}", 1);
        return new PostgresNight(node, database, $"bronze/app/{name}", slot);
    }

    /// <summary>One node and one table, and who is called about it.</summary>
    private sealed class PostgresNight(RunningNode node, NpgsqlDataSource database, string table, string? slot) : IAsyncDisposable
    {
        public NpgsqlDataSource Database => database;

        public string Table => table;

        public OnCall Called { get; } = new(node.ConfigPath, node.LakeDirectory);

        public async Task SqlAsync(string sql)
        {
            await using var command = database.CreateCommand(sql);
            await command.ExecuteNonQueryAsync(Cancel);
        }

        public async Task HealsAsync(long rows)
        {
            await node.WaitForRowsAsync(table, rows);
            await Called.UntilWellAsync(table);
        }

        /// <summary>A server takes a moment to know that a connection is gone.</summary>
        public async Task DropSlotAsync()
        {
            while (true)
            {
                try
                {
                    await SqlAsync($"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{slot}' AND active_pid IS NOT NULL; SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{slot}'");
                    return;
                }
                catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.ObjectInUse or PostgresErrorCodes.UndefinedObject)
                {
                    // Whoever reads it has come back meanwhile.
                }
            }
        }

        public async ValueTask DisposeAsync()
        {
            await node.DisposeAsync();
            // One that is left would hold the server's log.
            if (slot is not null) await DropSlotAsync();
            await database.DisposeAsync();
        }
    }
}
