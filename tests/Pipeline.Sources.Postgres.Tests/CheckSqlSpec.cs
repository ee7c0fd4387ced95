using Npgsql;
using Pipeline.Core;
using Pipeline.Emulation.Postgres;
using Pipeline.Sources.Postgres.Reading.Capture;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>Every next step of the check, run as it is told by a superuser, removes its finding.</summary>
public sealed class CheckSqlSpec : PostgresSpec
{
    [Fact]
    public async Task From_a_server_where_everything_is_missing_the_SQL_of_the_check_leads_to_a_running_capture()
    {
        using var directory = new ScratchDirectory("pipeline-postgres-");
        var written = new Dictionary<string, string>(StringComparer.Ordinal);
        var told = new List<string>();
        await using (var before = await StartAsync(directory, new Dictionary<string, string>(StringComparer.Ordinal)
                     {
                         ["wal_level"] = "replica", ["max_replication_slots"] = "1", ["max_wal_senders"] = "0", ["archive_mode"] = "off",
                     }))
        {
            await using var admin = NpgsqlDataSource.Create(before.ConnectionString);
            await ExecuteAsync(admin, """
                create role owner; create schema shop authorization owner; create table shop.items (id int, name text); alter table shop.items owner to owner;
                alter table shop.items enable row level security;
                create role reader password 'reader'; revoke connect on database app from public;
                """);
            await ExecuteAsync(admin, "select pg_create_physical_replication_slot('somebody_else')");
            await RunToldAsync(admin, Options(before), told, needsRestart: true);
            await using var settings = admin.CreateCommand("select name, setting from pg_file_settings where sourcefile like '%postgresql.auto.conf'");
            await using var reader = await settings.ExecuteReaderAsync(Cancel);
            while (await reader.ReadAsync(Cancel)) written[reader.GetString(0)] = reader.GetString(1);
        }

        // The scratch server takes its settings from its command line, which outranks what ALTER SYSTEM has written.
        await using var after = await StartAsync(directory, written);
        await using var superuser = NpgsqlDataSource.Create(after.ConnectionString);
        await RunToldAsync(superuser, Options(after), told, needsRestart: false);
        await using var reading = await CaptureReading.StartAsync(Options(after), from: null, Cancel);
        await ExecuteAsync(superuser, "insert into shop.items values (1, 'a')");
        await reading.TakeAsync(1);

        Assert.Equal(["max_replication_slots", "max_wal_senders", "wal_level"], written.Keys.Order());
        foreach (var right in (string[])["LOGIN", "GRANT CONNECT", "REPLICATION;", "GRANT USAGE ON SCHEMA shop", "GRANT SELECT ON shop.items", "BYPASSRLS", "REPLICA IDENTITY FULL", "GRANT CREATE ON DATABASE"])
            Assert.Single(told, sql => sql.Contains(right, StringComparison.Ordinal));
        Assert.Equal(["c 1|a"], reading.Changes.Select(change => change.ToString()));
    }

    [Fact]
    public async Task The_SQL_for_an_unreserved_slot_makes_the_server_keep_its_WAL()
    {
        using var directory = new ScratchDirectory("pipeline-postgres-");
        await using var server = await StartAsync(directory, new Dictionary<string, string>(StringComparer.Ordinal) { ["min_wal_size"] = "32MB" });
        await using var admin = NpgsqlDataSource.Create(server.ConnectionString);
        await ExecuteAsync(admin, "create schema shop; create table shop.items (id int primary key, name text)");
        await RunAllAsync(admin, "ALTER SYSTEM SET max_slot_wal_keep_size = '32MB'; SELECT pg_reload_conf()");
        await using var source = TestDatabase.Open(Options(server).Secured(security => security with { Username = server.User, Password = new Secret(server.Password) }));
        await source.ListSplitsAsync("items", Cancel);

        Finding finding;
        do
        {
            await RunAllAsync(admin, "select pg_logical_emit_message(false, 'test', 'fills'); select pg_switch_wal()");
            finding = await SlotFindingAsync(source);
        }
        while (finding.Ok);
        await RunAllAsync(admin, finding.NextStep!);
        // A reload reaches a session at its next statement.
        while (!(await SlotFindingAsync(source)).Ok) await Task.Delay(20, Cancel);
        await ExecuteAsync(admin, "checkpoint");

        Assert.Contains("unreserved", finding.Detail, StringComparison.Ordinal);
        Assert.True((await SlotFindingAsync(source)).Ok);
    }

    private async ValueTask<Finding> SlotFindingAsync(PostgresSource source) =>
        Assert.Single(await source.CheckAsync(Cancel), finding => finding.Thing.EndsWith("slot pipeline_app", StringComparison.Ordinal));

    /// <summary>Checks and runs what is told until nothing is; a step that is told twice did not help.</summary>
    private async Task RunToldAsync(NpgsqlDataSource superuser, PostgresSourceOptions options, List<string> told, bool needsRestart)
    {
        while (true)
        {
            await using var source = TestDatabase.Open(options);
            var missing = (await source.CheckAsync(Cancel)).Where(finding => !finding.Ok && !(needsRestart && finding.NextStep!.Contains("restart the server", StringComparison.Ordinal) && told.Contains(finding.NextStep))).ToList();
            if (missing.Count == 0) return;
            foreach (var finding in missing)
            {
                Assert.False(told.Contains(finding.NextStep!), $"Told twice: {finding}");
                told.Add(finding.NextStep!);
                await RunAllAsync(superuser, SqlOf(finding.NextStep!));
            }
        }
    }

    /// <summary>What stands in a sentence is SQL from its first keyword to its last semicolon.</summary>
    private static string SqlOf(string nextStep)
    {
        var from = new[] { "ALTER ", "GRANT ", "SELECT " }.Select(word => nextStep.IndexOf(word, StringComparison.Ordinal)).Where(at => at >= 0).Min();
        var comment = nextStep.IndexOf("--", StringComparison.Ordinal);
        var sql = comment < 0 ? nextStep : nextStep[..comment];
        return sql[from..(sql.LastIndexOf(';') + 1)];
    }

    private async Task RunAllAsync(NpgsqlDataSource superuser, string sql)
    {
        // ALTER SYSTEM wants to be alone, as psql sends it.
        foreach (var statement in sql.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)) await ExecuteAsync(superuser, statement);
    }

    private async Task ExecuteAsync(NpgsqlDataSource superuser, string sql)
    {
        await using var command = superuser.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    private Task<ScratchPostgres> StartAsync(string directory, Dictionary<string, string> settings) => ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory) { Settings = settings }, Cancel);

    private static PostgresSourceOptions Options(ScratchPostgres server) => new()
    {
        Name = "app",
        Host = server.Host,
        Port = server.Port,
        Database = server.Database,
        Security = new PostgresSecurityOptions { Username = "reader", Password = new Secret("reader"), CaFile = server.CaFile },
        Mode = ReadMode.Cdc,
        Capture = new CaptureOptions { Slot = "pipeline_app", Publication = "pipeline_app", Snapshot = false },
        ChunkAgeMax = TimeSpan.FromMilliseconds(20),
        Tables = [new PostgresTableOptions("items", "shop.items", Watermark: "", [], TimeSpan.Zero)],
    };
}
