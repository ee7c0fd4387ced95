using Npgsql;
using Pipeline.Core;
using Pipeline.Emulation.Postgres;
using Pipeline.Sources.Postgres.Reading.Capture;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>A real primary and a real standby of it, of a version whose standbys have slots.</summary>
public sealed class StandbySpec : PostgresSpec
{
    private const int Version = 17;

    [Fact]
    public async Task A_standby_is_read_as_the_check_says_and_its_slot_waits_for_the_primary_to_say_what_is_open()
    {
        using var directory = new ScratchDirectory("pipeline-postgres-");
        await using var pair = await StartAsync(directory, []);
        var options = OptionsOf(pair.Standby) with { RequestTimeout = TimeSpan.FromMinutes(2) };

        // Nothing can be made here; the statement that is told runs on the primary.
        var unpublished = Assert.Single(await CheckAsync(options), finding => !finding.Ok);
        PipelineException failure;
        await using (var source = TestDatabase.Open(options)) failure = await Assert.ThrowsAsync<PipelineException>(async () => await source.ListSplitsAsync("items", Cancel));
        Assert.StartsWith("On the primary, as the owner: create publication", unpublished.NextStep, StringComparison.Ordinal);
        Assert.StartsWith(unpublished.NextStep!.TrimEnd(';'), failure.NextStep, StringComparison.Ordinal);
        await ExecuteAsync(pair.Primary, failure.NextStep["On the primary, as the owner:".Length..]);
        await pair.UntilReplayedAsync(Cancel);

        var findings = await CheckAsync(options);
        Assert.All(findings, finding => Assert.True(finding.Ok, finding.ToString()));
        Assert.Contains(findings, finding => finding.Thing == "app: primary" && finding.Detail.Contains("this is a standby, which can be read too", StringComparison.Ordinal));
        Assert.Contains(findings, finding => finding.Thing == "app: making the slot" && finding.Detail.Contains("SELECT pg_log_standby_snapshot();", StringComparison.Ordinal));
        Assert.Contains(findings, finding => finding.Thing == "app: failover slot" && finding.Detail.Contains("no other server keeps the slot", StringComparison.Ordinal));

        // Until the primary says it, whoever waits is told what for.
        await using (var source = TestDatabase.Open(options with { RequestTimeout = TimeSpan.FromSeconds(2) }))
        {
            PipelineException waits;
            do waits = await Assert.ThrowsAsync<PipelineException>(async () => await source.ListSplitsAsync("items", Cancel));
            while (!waits.Cause.Contains("was not made within", StringComparison.Ordinal));
            Assert.True(waits.IsTransient, waits.Message);
            Assert.Contains("On the primary: SELECT pg_log_standby_snapshot();", waits.NextStep, StringComparison.Ordinal);
        }

        var starting = CaptureReading.StartAsync(options, from: null, Cancel).AsTask();
        while (!starting.IsCompleted)
        {
            await ExecuteAsync(pair.Primary, "select pg_log_standby_snapshot()");
            await Task.WhenAny(starting, Task.Delay(100, Cancel));
        }

        await using var reading = await starting;
        await ExecuteAsync(pair.Primary, "insert into items values (1, 'a')");
        await reading.TakeAsync(1);

        Assert.Equal(["c 1|a"], reading.Changes.Select(change => change.ToString()));
        Assert.False(await ScalarAsync<bool>(pair.Standby, "select failover from pg_replication_slots where slot_name = 'pipeline_app'"));
        Assert.All(await CheckAsync(options), finding => Assert.True(finding.Ok, finding.ToString()));
    }

    [Fact]
    public async Task A_standby_that_has_the_slot_and_all_changes_is_read_on_when_it_takes_over()
    {
        using var directory = new ScratchDirectory("pipeline-postgres-");
        await using var pair = await StartAsync(directory, [("sync_replication_slots", "on")]);
        var options = OptionsOf(pair.Primary);
        var first = Assert.Single(await CheckAsync(options), finding => finding.Thing == "app: standbys");
        Assert.True(first.Ok);
        Assert.Contains("better: ALTER SYSTEM SET synchronized_standby_slots = 'standby'; SELECT pg_reload_conf();", first.Detail, StringComparison.Ordinal);
        await RunAllAsync(pair.Primary, first.Detail[first.Detail.IndexOf("ALTER SYSTEM", StringComparison.Ordinal)..]);
        while (!(await StandbysAsync(options)).Detail.Contains("a takeover loses nothing", StringComparison.Ordinal)) await Task.Delay(20, Cancel);

        long position;
        SplitMarks marks;
        await using (var reading = await CaptureReading.StartAsync(options, from: null, Cancel))
        {
            await ExecuteAsync(pair.Primary, "insert into items values (1, 'a')");
            await reading.TakeAsync(1);
            await reading.AcknowledgeAsync(Cancel);
            // In step means that the standby has the slot for good, and not for as long as it copies it.
            var (seen, taken) = (new List<string>(), 1);
            while (!await ScalarAsync<bool>(pair.Standby, "select exists (select from pg_replication_slots where slot_name = 'pipeline_app' and synced and not temporary)"))
            {
                seen.AddRange((await CheckAsync(OptionsOf(pair.Standby))).Where(finding => finding.Thing == "app: slot pipeline_app").Select(finding => finding.Detail));
                await ExecuteAsync(pair.Primary, "select pg_log_standby_snapshot()");
                // A copy that was begun ahead of the slot waits until this has moved.
                await ExecuteAsync(pair.Primary, $"insert into items values ({100 + taken}, 'moves')");
                await reading.TakeAsync(++taken);
                await reading.AcknowledgeAsync(Cancel);
                await Task.Delay(100, Cancel);
            }

            (position, marks) = (reading.Position!.Value, reading.Marks);
            Assert.DoesNotContain(seen, detail => detail.Contains("WAL reserved", StringComparison.Ordinal));
            // While the standby is away, nothing comes that it has not.
            await pair.Standby.StopAsync(Cancel);
            while ((await StandbysAsync(options)).Ok) await Task.Delay(20, Cancel);
            await ExecuteAsync(pair.Primary, "insert into items values (2, 'b')");
            var away = await StandbysAsync(options);
            Assert.Contains("holds changes back: synchronized_standby_slots names standby is read by nobody", away.Detail, StringComparison.Ordinal);
            Assert.Equal(taken, reading.Changes.Count);
            await pair.Standby.RestartAsync(Cancel);
            await reading.TakeAsync(taken + 1);
        }

        // The copy is not read before its server takes over: the check and the reading say the same.
        var standby = OptionsOf(pair.Standby);
        var copy = Assert.Single(await CheckAsync(standby), finding => finding.Thing == "app: slot pipeline_app");
        await using (var source = TestDatabase.Open(standby))
        {
            var failure = await Assert.ThrowsAsync<PipelineException>(async () => await source.ListSplitsAsync("items", Cancel));
            Assert.Equal((copy.Ok, copy.Detail, copy.NextStep), (false, failure.Cause, failure.NextStep));
            Assert.True(failure.IsTransient);
        }

        Assert.Contains("ready for the day that this server takes over", copy.Detail, StringComparison.Ordinal);
        await pair.Primary.StopAsync(Cancel);
        await ExecuteAsync(pair.Standby, "select pg_promote()");
        while (await ScalarAsync<bool>(pair.Standby, "select pg_is_in_recovery()")) await Task.Delay(20, Cancel);

        // Of a server that lets nobody follow it, nothing is held back.
        await ExecuteAsync(pair.Standby, "alter system reset synchronized_standby_slots");
        await ExecuteAsync(pair.Standby, "select pg_reload_conf()");
        await using var after = await CaptureReading.StartAsync(standby, position, Cancel, marks: marks);
        await ExecuteAsync(pair.Standby, "insert into items values (3, 'c')");
        await after.TakeAsync(2);

        Assert.Equal(["c 2|b", "c 3|c"], after.Changes.Select(change => change.ToString()));
    }

    private async Task<Finding> StandbysAsync(PostgresSourceOptions options) => Assert.Single(await CheckAsync(options), finding => finding.Thing == "app: standbys");

    private async Task<IReadOnlyList<Finding>> CheckAsync(PostgresSourceOptions options)
    {
        await using var source = TestDatabase.Open(options);
        return await source.CheckAsync(Cancel);
    }

    private async Task<Pair> StartAsync(ScratchDirectory directory, (string Name, string Value)[] settings)
    {
        var (primary, standby) = (Path.Combine(directory, "primary"), Path.Combine(directory, "standby"));
        await using (var made = await NewerServers.StartAsync(Version, primary, Settings(), Cancel))
        {
            await ExecuteAsync(made, "create table items (id int primary key, val text)");
            await ExecuteAsync(made, "select pg_create_physical_replication_slot('standby')");
        }

        await using (var copy = OutsideProgram.TryStart("cp", ["-a", primary, standby])!) Assert.Equal(0, (await copy.WaitForExitAsync(Cancel)).ExitCode);
        await using (var signal = OutsideProgram.TryStart("cp", ["-a", Path.Combine(standby, "data", "PG_VERSION"), Path.Combine(standby, "data", "standby.signal")])!) await signal.WaitForExitAsync(Cancel);
        var first = await NewerServers.StartAsync(Version, primary, Settings(), Cancel);
        try
        {
            var source = $"host={first.Host} port={first.Port} user={first.User} password={first.Password} dbname={first.Database} sslmode=require";
            return new Pair(first, await NewerServers.StartAsync(Version, standby, Settings([("primary_conninfo", source), ("primary_slot_name", "standby"), ("hot_standby_feedback", "on"), .. settings]), Cancel));
        }
        catch
        {
            await first.DisposeAsync();
            throw;
        }
    }

    private static Dictionary<string, string> Settings(params (string Name, string Value)[] settings) => settings.ToDictionary(setting => setting.Name, setting => setting.Value, StringComparer.Ordinal);

    private static PostgresSourceOptions OptionsOf(ScratchPostgres server) => new()
    {
        Name = "app", Host = server.Host, Port = server.Port, Database = server.Database, Mode = ReadMode.Cdc, ChunkAgeMax = TimeSpan.FromMilliseconds(20),
        Security = new PostgresSecurityOptions { Username = server.User, Password = new Secret(server.Password), CaFile = server.CaFile },
        Capture = new CaptureOptions { Slot = "pipeline_app", Publication = "pipeline_app", Snapshot = false },
        Tables = [new PostgresTableOptions("items", "public.items", Watermark: "", [], TimeSpan.Zero)],
    };

    private async Task RunAllAsync(ScratchPostgres server, string sql)
    {
        // ALTER SYSTEM wants to be alone.
        foreach (var statement in sql.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)) await ExecuteAsync(server, statement);
    }

    private async Task ExecuteAsync(ScratchPostgres server, string sql)
    {
        await using var database = NpgsqlDataSource.Create(server.ConnectionString);
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    private async Task<T> ScalarAsync<T>(ScratchPostgres server, string sql)
    {
        await using var database = NpgsqlDataSource.Create(server.ConnectionString);
        await using var command = database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(Cancel))!;
    }

    private sealed record Pair(ScratchPostgres Primary, ScratchPostgres Standby) : IAsyncDisposable
    {
        /// <summary>Until the standby has all that the primary has written.</summary>
        public async Task UntilReplayedAsync(CancellationToken cancellationToken)
        {
            await using var primary = NpgsqlDataSource.Create(Primary.ConnectionString);
            await using var standby = NpgsqlDataSource.Create(Standby.ConnectionString);
            await using var written = primary.CreateCommand("select pg_current_wal_insert_lsn()::text");
            var end = Lsn.Parse((string)(await written.ExecuteScalarAsync(cancellationToken))!);
            await using var replayed = standby.CreateCommand("select pg_last_wal_replay_lsn()::text");
            while (Lsn.Parse((string)(await replayed.ExecuteScalarAsync(cancellationToken))!) < end) await Task.Delay(20, cancellationToken);
        }

        public async ValueTask DisposeAsync()
        {
            await Standby.DisposeAsync();
            await Primary.DisposeAsync();
        }
    }
}
