using Microsoft.Extensions.Logging;
using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Reading.Watermark;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

public sealed class WatermarkFaultSpec(PostgresServer server) : PostgresSpec
{
    [Fact]
    public async Task A_connection_cut_while_reading_is_transient_and_reading_on_loses_and_repeats_nothing()
    {
        // More than sockets hold.
        const int Rows = 20_000;
        await using var database = await CreateAsync($"insert into items (number, payload) select i, repeat('x', 1000) from generate_series(0, {Rows - 1}) i");
        await using var proxy = new TcpProxy(server.Scratch.Port);
        var options = Options(database) with { Port = proxy.Port, ReadAheadBytesMax = 4 << 10 };
        var first = await SourceReading.StartAsync(options, from: null, Cancel);
        await first.TakeRowsAsync(1);

        proxy.Cut();
        var failure = await Assert.ThrowsAsync<PipelineException>(() => first.TakeRowsAsync(Rows).AsTask());
        await first.DisposeAsync();
        proxy.Restore();
        await using var second = await SourceReading.StartAsync(options, first.Position, Cancel);
        await second.TakeRowsAsync(Rows - first.Rows.Count);

        Assert.True(failure.IsTransient, failure.Message);
        Assert.InRange(first.Rows.Count, 1, Rows - 1);
        Assert.Equal(Enumerable.Range(0, Rows).Select(number => (long)number), first.Rows.Concat(second.Rows).Order());
    }

    [Fact]
    public async Task A_table_made_again_while_it_is_read_halts_its_split_and_is_a_new_one()
    {
        await using var database = await CreateAsync("insert into items (number) values (1)");
        await using var source = TestDatabase.Open(Options(database));
        var before = await source.ListSplitsAsync("items", Cancel);
        await using var reading = await SourceReading.StartAsync(Options(database), from: null, Cancel);
        await reading.TakeRowsAsync(1);

        await database.ExecuteAsync("begin; drop table items; create table items (number bigint, payload text, updated_at timestamptz not null default clock_timestamp()); commit", Cancel);
        var failure = await Assert.ThrowsAsync<PipelineException>(() => reading.TakeChunkAsync().AsTask());

        Assert.Equal(FaultKind.Gap, failure.Kind);
        Assert.Equal(before[0].Id, failure.Split);
        Assert.NotEqual(before[0].Id, (await source.ListSplitsAsync("items", Cancel))[0].Id);
    }

    [Fact]
    public async Task What_a_server_stamps_whose_clock_was_set_back_is_read_while_it_is_behind_and_is_the_newest()
    {
        await using var database = await CreateAsync("insert into items (number) values (1); insert into items (number, updated_at) values (0, now() + interval '61 minutes')");
        var reached = WatermarkColumn.PositionOf(new DateTimeOffset(await database.ScalarAsync<DateTime>("select clock_timestamp() + interval '1 hour'", Cancel)));
        var logs = new LogLines();
        await using var reading = await SourceReading.StartAsync(Options(database), reached, Cancel, logs: logs);

        // Since when the clock is behind nobody knows: all rows are read once more, what was stamped before it was set back too, and then only those that follow.
        await reading.TakeRowsAsync(2);
        await database.ExecuteAsync("insert into items (number) values (2)", Cancel);
        await reading.TakeRowsAsync(3);
        await database.ExecuteAsync("insert into items (number) values (3)", Cancel);
        await reading.TakeRowsAsync(4);

        Assert.Equal([0, 1, 2, 3], reading.Rows.Take(2).Order().Concat(reading.Rows.Skip(2)));
        // Each window moves the position by as little as can be.
        Assert.Equal(Enumerable.Range(0, reading.Ranges.Count).Select(window => new PositionRange(reached + window, reached + window + 1)), reading.Ranges);
        Assert.Single(logs.At(LogLevel.Warning), line => line.Contains("it was set back", StringComparison.Ordinal));
    }

    [Fact]
    public async Task When_the_clock_has_caught_up_reading_goes_on_by_the_position()
    {
        await using var database = await CreateAsync("insert into items (number) values (1)");
        // Far enough ahead that a busy machine looks before it is caught up with.
        var reached = WatermarkColumn.PositionOf(new DateTimeOffset(await database.ScalarAsync<DateTime>("select clock_timestamp() + interval '12 seconds'", Cancel)));
        var logs = new LogLines();
        await using var reading = await SourceReading.StartAsync(Options(database), reached, Cancel, logs: logs);
        await reading.TakeRowsAsync(1);

        await logs.WaitForAsync(line => line.Contains("has caught up with what was read", StringComparison.Ordinal), Cancel);
        await database.ExecuteAsync("insert into items (number) values (2)", Cancel);
        await reading.TakeRowsAsync(2);

        Assert.Equal([1, 2], reading.Rows);
        Assert.True(reading.Position > reached + 2);
    }

    [Fact]
    public async Task A_table_whose_columns_change_is_read_on_when_it_has_been_described_again()
    {
        await using var database = await CreateAsync("insert into items (number, payload) values (1, '17')");
        await using var source = TestDatabase.Open(Options(database));
        var split = (await source.ListSplitsAsync("items", Cancel))[0].Id;
        await source.DescribeAsync("items", Cancel);
        await using var chunks = source.ReadAsync([new SplitPosition(split, null)], Cancel).GetAsyncEnumerator(Cancel);
        Assert.True(await chunks.MoveNextAsync());
        var reached = chunks.Current.Range.To;
        chunks.Current.Dispose();

        await database.ExecuteAsync("alter table items alter payload type integer using payload::integer; update items set updated_at = clock_timestamp()", Cancel);
        var failure = await Assert.ThrowsAsync<PipelineException>(async () => await chunks.MoveNextAsync());
        var schema = await source.DescribeAsync("items", Cancel);
        await using var again = source.ReadAsync([new SplitPosition(split, reached)], Cancel).GetAsyncEnumerator(Cancel);
        Assert.True(await again.MoveNextAsync());
        using var after = again.Current;

        Assert.True(failure.IsTransient);
        Assert.Equal("int32", schema.GetFieldByName("payload").DataType.Name);
        Assert.Equal(17, ((Apache.Arrow.Int32Array)after.Rows!.Column("payload")).GetValue(0));
    }

    [Fact]
    public async Task Rows_without_a_watermark_are_read_with_the_first_window()
    {
        await using var database = await CreateAsync("alter table items alter updated_at drop not null; insert into items (number, updated_at) values (1, null), (2, now()), (3, '-infinity')");

        await using var reading = await SourceReading.StartAsync(Options(database), from: null, Cancel);
        await reading.TakeRowsAsync(3);

        Assert.Equal([1, 2, 3], reading.Rows.Order());
    }

    [Fact]
    public async Task An_overlap_reads_rows_again_that_came_with_an_older_time()
    {
        await using var database = await CreateAsync("insert into items (number) values (1)");
        var table = Options(database).Tables[0] with { Overlap = TimeSpan.FromHours(1) };
        await using var reading = await SourceReading.StartAsync(database.Options(table), from: null, Cancel);
        await reading.TakeRowsAsync(1);

        await database.ExecuteAsync("insert into items (number, updated_at) values (2, now() - interval '10 minutes')", Cancel);
        while (!reading.Rows.Contains(2)) await reading.TakeChunkAsync();

        Assert.Equal([1, 2], reading.Rows.Distinct().Order());
    }

    [Fact]
    public async Task Many_tables_share_one_connection_slot()
    {
        await using var database = await CreateAsync("insert into items (number) values (1)");
        await database.ExecuteAsync("create table others (like items including all); insert into others (number) values (2)", Cancel);
        await using var source = TestDatabase.Open(database.Options(TestDatabase.Table("items", "updated_at"), TestDatabase.Table("others", "updated_at")) with { ConnectionsMax = 1 });
        var splits = new[] { await source.ListSplitsAsync("items", Cancel), await source.ListSplitsAsync("others", Cancel) };
        var tables = new HashSet<string>(StringComparer.Ordinal);

        await foreach (var chunk in source.ReadAsync([.. splits.Select(split => new SplitPosition(split[0].Id, null))], Cancel))
            using (chunk)
            {
                tables.Add(chunk.Table);
                if (tables.Count == 2) break;
            }

        Assert.Equal(["items", "others"], tables.Order());
    }

    [Fact]
    public async Task A_full_window_is_cut_only_between_different_watermarks()
    {
        await using var database = await CreateAsync("insert into items (number, payload, updated_at) select i, repeat('x', 100), timestamptz '2026-01-01' + (i / 100) * interval '1 s' from generate_series(0, 999) i");

        await using var reading = await SourceReading.StartAsync(Options(database), from: null, Cancel);
        await reading.TakeRowsAsync(1000);

        var day = (new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero) - DateTimeOffset.UnixEpoch).Ticks / 10;
        Assert.Equal(Enumerable.Range(0, 9).Select(second => day + second * 1_000_000L + 1), reading.Ranges.Where(range => range.IsAdvancing).SkipLast(1).Select(range => range.To));
        Assert.Contains(reading.Ranges, range => !range.IsAdvancing);
    }

    [Fact]
    public async Task A_server_with_a_certificate_of_another_authority_is_refused()
    {
        await using var database = await CreateAsync("select 1");
        var otherCa = Path.GetTempFileName();
        await File.WriteAllTextAsync(otherCa, Emulation.Postgres.ScratchCertificates.Create(TimeProvider.System).AuthorityPem, Cancel);

        var failure = await FailureAsync(Options(database).Secured(security => security with { CaFile = otherCa }));
        var missing = await FailureAsync(Options(database).Secured(security => security with { CaFile = otherCa + ".no" }));
        var plain = await FailureAsync(Options(database).Secured(security => security with { Tls = TlsMode.Disable }));

        File.Delete(otherCa);
        Assert.Equal(FaultKind.NotAuthorised, failure.Kind);
        Assert.Contains("security.ca-file", failure.NextStep, StringComparison.Ordinal);
        Assert.Equal(FaultKind.Missing, missing.Kind);
        Assert.Equal(FaultKind.NotAuthorised, plain.Kind);
    }

    [Fact]
    public async Task A_client_certificate_takes_the_place_of_a_password()
    {
        await using var database = await CreateAsync("insert into items (number) values (1)");
        var role = $"certified_{database.Name}";
        await database.ExecuteAsync($"""
            do $$ begin create role certificate_users; exception when duplicate_object then null; end $$;
            create role {role} login in role certificate_users, pg_read_all_stats;
            grant select on items to {role};
            """, Cancel);
        var (certificate, key) = server.Scratch.Certificates.IssueClient(role);
        using var directory = new ScratchDirectory("pipeline-certificate-");
        var certified = new PostgresSecurityOptions { Username = role, CaFile = server.Scratch.CaFile, CertificateFile = Path.Combine(directory, "client.crt"), KeyFile = Path.Combine(directory, "client.key") };
        await File.WriteAllTextAsync(certified.CertificateFile, certificate, Cancel);
        await File.WriteAllTextAsync(certified.KeyFile, key, Cancel);

        await using var reading = await SourceReading.StartAsync(Options(database) with { Security = certified }, from: null, Cancel);
        await reading.TakeRowsAsync(1);

        Assert.Equal([1], reading.Rows);
        await database.ExecuteAsync($"drop owned by {role}; drop role {role}", Cancel);
    }

    [Fact]
    public async Task An_unreachable_server_and_a_missing_database_are_told_apart()
    {
        await using var database = await CreateAsync("select 1");
        await using var proxy = new TcpProxy(server.Scratch.Port);
        proxy.Cut();

        Assert.Equal(FaultKind.Unreachable, (await FailureAsync(Options(database) with { Port = proxy.Port })).Kind);
        Assert.Equal(FaultKind.Missing, (await FailureAsync(Options(database) with { Database = "no_such_database" })).Kind);
    }

    [Fact]
    public async Task The_check_gives_the_SQL_that_makes_reading_possible()
    {
        await using var database = await CreateAsync("insert into items (number) values (1); alter table items alter updated_at drop not null");
        var role = $"reader_{database.Name}";
        await database.ExecuteAsync($"create role {role} login password 'reader'; alter table items enable row level security; revoke all on schema public from public; grant usage on schema public to {role}", Cancel);
        var options = Options(database).Secured(security => security with { Username = role, Password = new Secret("reader") });
        await using var source = TestDatabase.Open(options);
        Assert.Equal(FaultKind.NotAuthorised, (await FailureAsync(options)).Kind);

        var missing = (await source.CheckAsync(Cancel)).Where(finding => !finding.Ok).ToList();
        foreach (var finding in missing) await database.ExecuteAsync(finding.NextStep!, Cancel);

        Assert.True(missing.Count >= 4, string.Join('\n', missing));
        Assert.All(await source.CheckAsync(Cancel), finding => Assert.True(finding.Ok, finding.ToString()));
        await using var reading = await SourceReading.StartAsync(options, from: null, Cancel);
        await reading.TakeRowsAsync(1);
        NpgsqlConnection.ClearAllPools();
    }

    private static PostgresSourceOptions Options(TestDatabase database) => database.Options(TestDatabase.Table("items", "updated_at"));

    private async Task<PipelineException> FailureAsync(PostgresSourceOptions options) =>
        await Assert.ThrowsAsync<PipelineException>(async () =>
        {
            await using var reading = await SourceReading.StartAsync(options, from: null, Cancel);
            await reading.TakeChunkAsync();
        });

    private async ValueTask<TestDatabase> CreateAsync(string sql)
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync("create table items (number bigint not null, payload text, updated_at timestamptz not null default clock_timestamp()); create index on items (updated_at)", Cancel);
        await database.ExecuteAsync(sql, Cancel);
        return database;
    }
}
