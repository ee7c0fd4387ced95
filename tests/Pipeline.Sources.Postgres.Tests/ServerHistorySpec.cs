using Npgsql;
using Pipeline.Core;
using Pipeline.Emulation.Postgres;
using Pipeline.Sources.Postgres.Reading.Capture;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>A server that is behind the lake, or beside it: told before anything is read or confirmed.</summary>
public sealed class ServerHistorySpec : PostgresSpec
{
    [Fact]
    public async Task A_backup_that_was_put_back_is_noticed_and_nothing_of_the_future_is_confirmed()
    {
        using var directory = new ScratchDirectory("pipeline-postgres-");
        var (backup, options, left) = await BackUpAndGoOnAsync(directory);
        await using var restored = await StartAsync(backup);
        await using var source = TestDatabase.Open(At(options, restored));
        var confirmed = await ConfirmedAsync(restored);

        var standing = Assert.Single(await source.LookBackAsync([left], Cancel));
        var failure = await Assert.ThrowsAsync<PipelineException>(() => ReadAsync(source, left));

        Assert.Contains("but the server's log ends at", standing.Fault!.Cause, StringComparison.Ordinal);
        Assert.Equal((FaultKind.Gap, (long?)confirmed), (failure.Kind, failure.ReadAgainFrom));
        Assert.Equal(confirmed, await ConfirmedAsync(restored));
    }

    /// <summary>It stands on the same timeline, and its numbers are greater than the lake's: only the last transaction that was read is not in its log.</summary>
    /// <param name="hasOthers">Whether there are other transactions of captured tables where that one was.</param>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_disk_that_was_put_back_and_has_written_more_than_was_read_is_noticed_and_nothing_is_confirmed(bool hasOthers)
    {
        using var directory = new ScratchDirectory("pipeline-postgres-");
        var (backup, options, left) = await BackUpAndGoOnAsync(directory);
        await using var restored = await StartAsync(backup);
        var confirmed = await ConfirmedAsync(restored);
        if (hasOthers) await ExecuteAsync(restored, "insert into items values (2, 'another')");
        await ExecuteAsync(restored, "create table others (id bigint)");
        while (Lsn.Parse(await ScalarAsync<string>(restored, "select pg_current_wal_insert_lsn()::text")) <= left.Position) await ExecuteAsync(restored, "insert into others select generate_series(1, 1000)");
        await using var source = TestDatabase.Open(At(options, restored));

        Assert.Null(Assert.Single(await source.LookBackAsync([left], Cancel)).Fault);
        var failure = await Assert.ThrowsAsync<PipelineException>(() => ReadAsync(source, left));

        Assert.Contains("and has read a transaction of", failure.Cause, StringComparison.Ordinal);
        Assert.Equal((FaultKind.Gap, (long?)confirmed, left.Split), (failure.Kind, failure.ReadAgainFrom, failure.Split!.Value));
        Assert.Equal(confirmed, await ConfirmedAsync(restored));
    }

    /// <summary>Tables of one slot stand where each has been committed: the one that is furthest has read what the others have not.</summary>
    [Fact]
    public async Task What_one_table_alone_has_read_of_the_future_is_noticed()
    {
        using var directory = new ScratchDirectory("pipeline-postgres-");
        var (backup, options, left) = await BackUpAndGoOnAsync(directory);
        await using var promoted = await PromoteAsync(backup);
        await ExecuteAsync(promoted, "insert into items select i, repeat('z', 1000) from generate_series(1000, 3000) i");
        await using var source = TestDatabase.Open(At(options, promoted));
        var confirmed = await ConfirmedAsync(promoted);
        var behind = new SplitPosition(left.Split, confirmed)
        {
            Tables = new Dictionary<string, long?>(StringComparer.Ordinal) { ["items"] = confirmed, ["others"] = left.Position },
            TableMarks = new Dictionary<string, SplitMarks>(StringComparer.Ordinal) { ["others"] = left.Marks },
        };

        var standing = Assert.Single(await source.LookBackAsync([behind], Cancel));

        Assert.Equal((FaultKind.Gap, (long?)confirmed), (standing.Fault!.Kind, standing.Fault.ReadAgainFrom));
    }

    [Fact]
    public async Task A_server_that_took_over_behind_is_noticed_also_when_it_has_written_more_since()
    {
        using var directory = new ScratchDirectory("pipeline-postgres-");
        var (backup, options, left) = await BackUpAndGoOnAsync(directory);
        await using var promoted = await PromoteAsync(backup);
        await ExecuteAsync(promoted, "insert into items select i, repeat('z', 1000) from generate_series(1000, 3000) i");
        await using var source = TestDatabase.Open(At(options, promoted));
        var confirmed = await ConfirmedAsync(promoted);

        var standing = Assert.Single(await source.LookBackAsync([left], Cancel));

        Assert.Equal(FaultKind.Gap, standing.Fault!.Kind);
        Assert.Contains("the server has left timeline 1 at", standing.Fault.Cause, StringComparison.Ordinal);
        Assert.InRange(standing.Fault.ReadAgainFrom!.Value, confirmed, left.Position!.Value - 1);
        Assert.Equal(confirmed, await ConfirmedAsync(promoted));
    }

    [Fact]
    public async Task A_server_that_took_over_with_all_that_the_lake_has_is_read_on()
    {
        using var directory = new ScratchDirectory("pipeline-postgres-");
        var data = Path.Combine(directory, "primary");
        PostgresSourceOptions options;
        SplitPosition left;
        await using (var primary = await StartAsync(data))
        {
            options = await SetUpAsync(primary);
            left = await InsertAndReadAsync(primary, options, from: null, number: 1);
        }

        await using var promoted = await PromoteAsync(data);
        options = At(options, promoted);
        await using var source = TestDatabase.Open(options);
        var standing = Assert.Single(await source.LookBackAsync([left], Cancel));
        var next = await InsertAndReadAsync(promoted, options, left, number: 2);

        Assert.Null(standing.Fault);
        Assert.Equal((1L, 2L), (left.Marks.Note, next.Marks.Note));
    }

    [Theory]
    [InlineData("1\t0/3000060\tno recovery target specified\n", 1, 0x3000060L)]
    [InlineData("# of old\n1\t0/3000060\treason\n\n2\t1/0\treason\n", 2, 0x100000000L)]
    [InlineData("1\t0/3000060\treason\n", 2, null)]
    public void A_timeline_ended_where_its_history_says(string history, long timeline, long? expected) => Assert.Equal(expected, SlotHistory.LeftAt(history, timeline));

    /// <summary>A copy of a server, and how far the lake has read of what it did afterwards.</summary>
    private async Task<(string Backup, PostgresSourceOptions Options, SplitPosition Left)> BackUpAndGoOnAsync(ScratchDirectory directory)
    {
        var (data, backup) = (Path.Combine(directory, "primary"), Path.Combine(directory, "backup"));
        PostgresSourceOptions options;
        SplitPosition left;
        await using (var primary = await StartAsync(data))
        {
            options = await SetUpAsync(primary);
            left = await InsertAndReadAsync(primary, options, from: null, number: 1);
        }

        await using (var copy = OutsideProgram.TryStart("cp", ["-a", data, backup])!) Assert.Equal(0, (await copy.WaitForExitAsync(Cancel)).ExitCode);
        await using var again = await StartAsync(data);
        options = At(options, again);
        for (var number = 2; number < 5; number++) left = await InsertAndReadAsync(again, options, left, number);
        return (backup, options, left);
    }

    private static PostgresSourceOptions At(PostgresSourceOptions options, ScratchPostgres server) => options with { Port = server.Port, Security = options.Security with { Password = new Secret(server.Password), CaFile = server.CaFile } };

    private Task<ScratchPostgres> StartAsync(string data, params (string Name, string Value)[] settings) =>
        ScratchPostgres.StartAsync(new ScratchPostgresOptions(data) { Settings = settings.ToDictionary(setting => setting.Name, setting => setting.Value, StringComparer.Ordinal) }, Cancel);

    /// <summary>A server that comes up at the end of its own log, on a timeline of its own, as a standby that takes over does.</summary>
    private async Task<ScratchPostgres> PromoteAsync(string data)
    {
        var signal = Path.Combine(data, "data", "recovery.signal");
        await using (var make = OutsideProgram.TryStart("cp", ["-a", Path.Combine(data, "data", "PG_VERSION"), signal])!) await make.WaitForExitAsync(Cancel);
        var server = await StartAsync(data, ("restore_command", "false"));
        while (await ScalarAsync<bool>(server, "select pg_is_in_recovery()")) await Task.Delay(20, Cancel);
        return server;
    }

    private async Task<PostgresSourceOptions> SetUpAsync(ScratchPostgres server)
    {
        await ExecuteAsync(server, "create table items (number bigint primary key, note text)");
        var options = new PostgresSourceOptions
        {
            Name = "app", Host = server.Host, Port = server.Port, Database = server.Database, Mode = ReadMode.Cdc, ChunkAgeMax = TimeSpan.FromMilliseconds(20),
            Security = new PostgresSecurityOptions { Username = server.User, Password = new Secret(server.Password), CaFile = server.CaFile },
            Capture = new CaptureOptions { Slot = "pipeline_app", Publication = "pipeline_app", Snapshot = false },
            Tables = [new PostgresTableOptions("items", "public.items", Watermark: "", [], TimeSpan.Zero)],
        };
        await using var source = TestDatabase.Open(options);
        await source.ListSplitsAsync("items", Cancel);
        return options;
    }

    /// <summary>What the lake would hold when it has read a row more.</summary>
    private async Task<SplitPosition> InsertAndReadAsync(ScratchPostgres server, PostgresSourceOptions options, SplitPosition? from, int number)
    {
        await using var source = TestDatabase.Open(options);
        var slot = (await source.ListSplitsAsync("items", Cancel))[0].Id;
        await source.DescribeAsync("items", Cancel);
        await ExecuteAsync(server, $"insert into items values ({number}, 'note')");
        await foreach (var chunk in source.ReadAsync([from ?? new SplitPosition(slot, null)], Cancel))
        {
            using (chunk)
                if (chunk.Rows is not null && chunk.Range.IsAdvancing) return new SplitPosition(slot, chunk.Range.To) { Marks = chunk.Marks };
        }

        throw new InvalidOperationException("A slot ends.");
    }

    private async Task ReadAsync(PostgresSource source, SplitPosition from)
    {
        await foreach (var chunk in source.ReadAsync([from], Cancel)) chunk.Dispose();
    }

    private async Task<long> ConfirmedAsync(ScratchPostgres server) => Lsn.Parse(await ScalarAsync<string>(server, "select confirmed_flush_lsn::text from pg_replication_slots"));

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
}
