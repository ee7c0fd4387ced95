using Apache.Arrow;
using Microsoft.Extensions.Logging;
using Npgsql;
using Pipeline.Core;
using Pipeline.Emulation.Postgres;
using Pipeline.Sources.Postgres.Reading.Capture;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>What servers have since version 17, on real ones.</summary>
public sealed class NewerServerSpec : PostgresSpec
{
    private const int Rows = 20_000;

    /// <param name="whose">Whose sessions have the limit.</param>
    [Theory]
    [InlineData(17, "alter system")]
    [InlineData(18, "alter role pipeline")]
    [InlineData(18, "alter database app")]
    public async Task A_limit_for_transactions_ends_neither_a_snapshot_nor_a_large_transaction_of_the_stream(int version, string whose)
    {
        using var directory = new ScratchDirectory("pipeline-postgres-");
        await using var server = await NewerServers.StartAsync(version, directory, new Dictionary<string, string>(StringComparer.Ordinal), Cancel);
        await using var admin = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(server.ConnectionString) { Options = "-c transaction_timeout=0" }.ConnectionString);
        await ExecuteAsync(admin, $"{whose} set transaction_timeout = '500ms'");
        await ExecuteAsync(admin, "select pg_reload_conf()");
        await ExecuteAsync(admin, $"create table items (number bigint primary key, note text); insert into items select i, repeat('x', 100) from generate_series(1, {Rows}) i");
        await using var source = TestDatabase.Open(OptionsOf(server));
        Assert.All(await source.CheckAsync(Cancel), finding => Assert.True(finding.Ok, finding.ToString()));
        var splits = await source.ListSplitsAsync("items", Cancel);
        await source.DescribeAsync("items", Cancel);

        var snapshot = await ReadSlowlyAsync(admin, source, splits[1].Id, Rows);
        await ExecuteAsync(admin, $"insert into items select i, repeat('y', 100) from generate_series({Rows + 1}, {2 * Rows}) i");
        var changes = await ReadSlowlyAsync(admin, source, splits[0].Id, Rows);

        Assert.Equal((Rows, Rows), (snapshot, changes));
    }

    [Fact]
    public async Task Columns_that_the_server_computes_come_where_they_are_published_and_are_told_where_they_are_not()
    {
        using var directory = new ScratchDirectory("pipeline-postgres-");
        await using var server = await NewerServers.StartAsync(18, directory, new Dictionary<string, string>(StringComparer.Ordinal), Cancel);
        await using var admin = NpgsqlDataSource.Create(server.ConnectionString);
        await ExecuteAsync(admin, "create table items (number bigint primary key, twice bigint generated always as (number * 2) stored, thrice bigint generated always as (number * 3)); insert into items values (1)");
        var logs = new LogLines();
        await using (var source = TestDatabase.Open(OptionsOf(server), logs))
        {
            await source.ListSplitsAsync("items", Cancel);
            Assert.Equal(["number"], ColumnsOf(await source.DescribeAsync("items", Cancel)));
        }

        Assert.Contains(logs.At(LogLevel.Information), line => line.Contains("the server computes twice, thrice and does not publish them", StringComparison.Ordinal) && line.Contains("publish_generated_columns = stored", StringComparison.Ordinal));
        await ExecuteAsync(admin, "alter publication pipeline_app set (publish_generated_columns = stored)");
        await using var published = TestDatabase.Open(OptionsOf(server));
        var splits = await published.ListSplitsAsync("items", Cancel);
        Assert.Equal(["number", "twice"], ColumnsOf(await published.DescribeAsync("items", Cancel)));
        await ExecuteAsync(admin, "insert into items values (2)");

        Assert.Equal([2L, 4L], await TwicesAsync(published, splits[1].Id, 2));
        Assert.Equal([4L], await TwicesAsync(published, splits[0].Id, 1));
    }

    private static IEnumerable<string> ColumnsOf(Schema schema) => schema.FieldsList.Select(field => field.Name).Where(name => name[0] != '_');

    private async Task<List<long>> TwicesAsync(PostgresSource source, SplitId split, int rows)
    {
        var values = new List<long>();
        await foreach (var chunk in source.ReadAsync([new SplitPosition(split, null)], Cancel))
        {
            using (chunk)
            {
                if (chunk.Rows is { } read) values.AddRange(((Int64Array)read.Column("twice")).Values.ToArray());
                if (values.Count >= rows) break;
            }
        }

        return values;
    }

    [Fact]
    public async Task A_slot_that_was_idle_for_too_long_is_told_by_the_setting_that_took_it()
    {
        using var directory = new ScratchDirectory("pipeline-postgres-");
        await using var server = await NewerServers.StartAsync(18, directory, new Dictionary<string, string>(StringComparer.Ordinal) { ["idle_replication_slot_timeout"] = "1s" }, Cancel);
        await using var admin = NpgsqlDataSource.Create(server.ConnectionString);
        await ExecuteAsync(admin, "create table items (number bigint primary key, note text)");
        await using var source = TestDatabase.Open(OptionsOf(server));
        var slot = (await source.ListSplitsAsync("items", Cancel))[0].Id;
        while (await ScalarAsync<string>(admin, "select coalesce(invalidation_reason, '') from pg_replication_slots") != "idle_timeout")
            await ExecuteAsync(admin, "select pg_switch_wal(); checkpoint");

        var failure = await Assert.ThrowsAsync<PipelineException>(async () =>
        {
            await foreach (var chunk in source.ReadAsync([new SplitPosition(slot, 1)], Cancel)) chunk.Dispose();
        });

        Assert.Equal(FaultKind.Gap, failure.Kind);
        var told = Assert.Single(await source.CheckAsync(Cancel), finding => !finding.Ok);
        Assert.Equal(failure.Cause, told.Detail);
        Assert.Contains("idle_replication_slot_timeout = 0", told.NextStep, StringComparison.Ordinal);
        Assert.Contains("idle_replication_slot_timeout", failure.Cause, StringComparison.Ordinal);
        Assert.Contains("idle_replication_slot_timeout = 0", failure.NextStep, StringComparison.Ordinal);
    }

    /// <summary>Leaves the reading alone until the server's transaction is older than its limit, and reads on.</summary>
    private async Task<int> ReadSlowlyAsync(NpgsqlDataSource admin, PostgresSource source, SplitId split, int rows)
    {
        var read = 0;
        await foreach (var chunk in source.ReadAsync([new SplitPosition(split, null)], Cancel))
        {
            using (chunk)
            {
                var isFirst = read == 0 && chunk.Rows is not null;
                read += chunk.Rows?.Length ?? 0;
                if (isFirst) await ExecuteAsync(admin, "select pg_sleep(1.5)");
                if (read >= rows && (chunk.Range.To == long.MaxValue || SlotSplit.Is(split))) break;
            }
        }

        return read;
    }

    private static PostgresSourceOptions OptionsOf(ScratchPostgres server) => new()
    {
        Name = "app", Host = server.Host, Port = server.Port, Database = server.Database, Mode = ReadMode.Cdc, ChunkBytesMax = 4 << 10, ReadAheadBytesMax = 16 << 10, ReadersMax = 1,
        Security = new PostgresSecurityOptions { Username = server.User, Password = new Secret(server.Password), CaFile = server.CaFile },
        Capture = new CaptureOptions { Slot = "pipeline_app", Publication = "pipeline_app" },
        Tables = [new PostgresTableOptions("items", "public.items", Watermark: "", [], TimeSpan.Zero)],
    };

    private async Task ExecuteAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    private async Task<T> ScalarAsync<T>(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(Cancel))!;
    }
}
