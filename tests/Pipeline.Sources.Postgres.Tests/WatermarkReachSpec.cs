using CsCheck;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>Every row that a table has is read, or it is said that it is not.</summary>
public sealed class WatermarkReachSpec(PostgresServer server) : PostgresSpec
{
    /// <summary>Watermarks that grow from batch to batch, with the ends of their type among them.</summary>
    [Theory]
    [InlineData("smallint", "-32768 -1 0 1 32766 32767")]
    [InlineData("integer", "-2147483648 -1 0 1 2147483646 2147483647")]
    [InlineData("bigint", "-9223372036854775808 -9223372036854775807 -1 0 1 9223372036854775805 9223372036854775807")]
    [InlineData("timestamp", "-infinity 4713-01-01T00:00:00BC 0001-01-01T00:00:00 1969-12-31T23:59:59.999999 1970-01-01T00:00:00 2026-01-01T00:00:00")]
    [InlineData("timestamptz", "-infinity 4713-01-01T00:00:00BC 0001-01-01T00:00:00Z 1969-12-31T23:59:59.999999Z 1970-01-01T00:00:00Z 2026-01-01T00:00:00Z")]
    public async Task Reading_in_windows_gives_what_reading_everything_gives(string type, string ends)
    {
        await using var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        var values = ends.Split(' ');
        var isTimestamp = type.StartsWith("timestamp", StringComparison.Ordinal);
        var count = 0;

        await Gen.Select(Gen.Int[-1, values.Length - 1].Array[1, 6], Gen.Bool).SampleAsync(async (indexes, isIndexed) =>
        {
            var name = $"items{count++}";
            await database.ExecuteAsync($"create table {name} (number bigint not null, at {type}); {(isIndexed ? $"create index on {name} (at)" : "")}", Cancel);
            var wanted = new List<long>();
            SourceReading? reading = null;
            // What lies below the position is late, which is another matter; of timestamps all but the first batch does.
            foreach (var batch in isTimestamp ? [indexes.Order().ToArray()] : indexes.Order().Distinct().Chunk(2))
            {
                foreach (var index in batch)
                {
                    await database.ExecuteAsync($"insert into {name} values ({wanted.Count}, {(index < 0 ? "null" : $"'{(values[index].EndsWith("BC", StringComparison.Ordinal) ? values[index].Replace("BC", " BC", StringComparison.Ordinal) : values[index])}'")})", Cancel);
                    wanted.Add(wanted.Count);
                }

                reading ??= await SourceReading.StartAsync(database.Options(TestDatabase.Table(name, "at")) with { CommitLag = TimeSpan.Zero }, from: null, Cancel);
                // Rows that have no watermark are read with the first window, which there is none of them alone.
                if (batch.All(index => index < 0)) wanted.Clear();
                else await reading.TakeRowsAsync(wanted.Count);
            }

            Assert.Equal(wanted, reading!.Rows.Order());
            await reading.DisposeAsync();
        }, iter: 5, threads: 1);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Times_that_fell_are_said_once_told_to_whoever_asks_and_their_rows_are_read_when_somebody_says_so(bool isIndexed)
    {
        await using var database = await CreateAsync($"insert into items values (1, now() - interval '1 hour'), (2, now() - interval '1 minute'); {(isIndexed ? "create index on items (at)" : "")}");
        var logs = new LogLines();
        await using var source = TestDatabase.Open(database.Options(TestDatabase.Table("items", "at")), logs);
        var listed = Assert.Single(await source.ListSplitsAsync("items", Cancel));
        var left = await ReadAsync(source, new SplitPosition(listed.Id, null) { Identity = listed.Identity }, [1, 2]);
        Assert.Null(Assert.Single(await source.LookBackAsync([left], Cancel)).Doubt);

        await database.ExecuteAsync("truncate items; insert into items values (3, now() - interval '2 days'), (4, null)", Cancel);
        var standing = Assert.Single(await source.LookBackAsync([left], Cancel));
        for (var reading = 0; reading < 2; reading++)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
            await using var chunks = source.ReadAsync([left], stop.Token).GetAsyncEnumerator(stop.Token);
            var next = chunks.MoveNextAsync();
            while (source.DoubtOf(listed.Id) is null) await Task.Delay(10, Cancel);
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await next);
        }

        Assert.Null(standing.Fault);
        Assert.Contains("./pipeline resume bronze/app/items --accept-gap", standing.Doubt!.NextStep, StringComparison.Ordinal);
        Assert.Single(logs.At(LogLevel.Warning), line => line.Contains("rows with times before that are not read", StringComparison.Ordinal));
        // As the table goes on after the decision.
        var anew = await ReadAsync(source, left with { Position = standing.Doubt.ReadAgainFrom, Marks = default }, [3, 4]);
        Assert.Null(Assert.Single(await source.LookBackAsync([anew], Cancel)).Doubt);
    }

    /// <summary>As when the address has become that of a server on which the same statements made the table.</summary>
    [Fact]
    public async Task A_table_of_the_same_number_on_another_server_is_not_read_on()
    {
        await using var database = await CreateAsync("insert into items values (1, now())");
        await using var source = TestDatabase.Open(database.Options(TestDatabase.Table("items", "at")));
        var listed = Assert.Single(await source.ListSplitsAsync("items", Cancel));
        var here = new SplitPosition(listed.Id, null) { Identity = listed.Identity };
        var elsewhere = here with { Identity = listed.Identity!.Replace("watermark/", "watermark/1", StringComparison.Ordinal) };

        var standings = await source.LookBackAsync([here, elsewhere], Cancel);
        var failure = await Assert.ThrowsAsync<PipelineException>(async () =>
        {
            await foreach (var chunk in source.ReadAsync([elsewhere], Cancel)) chunk.Dispose();
        });

        Assert.Null(standings[0].Fault);
        Assert.True(standings[1].Fault is { IsTransient: true } fault && fault.Cause.Contains("another server", StringComparison.Ordinal));
        Assert.True(failure.IsTransient && failure.Cause.Contains("another server", StringComparison.Ordinal), failure.Message);
        await using var chunks = source.ReadAsync([here], Cancel).GetAsyncEnumerator(Cancel);
        Assert.True(await chunks.MoveNextAsync());
        chunks.Current.Dispose();
    }

    [Fact]
    public async Task Rows_of_another_table_that_got_the_name_between_a_look_and_its_window_are_not_taken()
    {
        await using var database = await CreateAsync("insert into items values (1, now() - interval '1 minute'); create table staged (like items); insert into staged values (2, now() - interval '1 minute')");
        await using var source = TestDatabase.Open(database.Options(TestDatabase.Table("items", "at")));
        var listed = Assert.Single(await source.ListSplitsAsync("items", Cancel));
        await source.DescribeAsync("items", Cancel);
        // The look has found which table it is when it waits for the lock.
        var swap = await TableSwap.HoldAsync(database, "items", Cancel);
        await using var chunks = source.ReadAsync([new SplitPosition(listed.Id, null) { Identity = listed.Identity }], Cancel).GetAsyncEnumerator(Cancel);
        var next = chunks.MoveNextAsync().AsTask();

        await swap.EndAsync("staged", Cancel);

        var failure = await Assert.ThrowsAsync<PipelineException>(() => next);
        Assert.Contains("it was altered before it could be read", failure.Cause, StringComparison.Ordinal);
        Assert.NotEqual(listed.Id, Assert.Single(await source.ListSplitsAsync("items", Cancel)).Id);
    }

    [Fact]
    public async Task Rows_to_which_no_window_comes_are_said_and_found_by_the_check()
    {
        await using var database = await CreateAsync("""
            insert into items values (1, now()), (2, 'infinity'), (3, now() + interval '2 days'), (4, '9999-12-31 23:59:59.999999'), (5, '294276-12-31 23:59:59'), (6, null)
            """);
        var options = database.Options(TestDatabase.Table("items", "at"));
        var logs = new LogLines();
        await using var reading = await SourceReading.StartAsync(options, from: null, Cancel, logs: logs);
        await reading.TakeRowsAsync(2);
        await using (var again = await SourceReading.StartAsync(options, reading.Position, Cancel, logs: logs))
        {
            await database.ExecuteAsync("insert into items values (7, now())", Cancel);
            await again.TakeRowsAsync(1);
        }

        Assert.Equal([1, 6], reading.Rows.Order());
        Assert.Equal(2, logs.At(LogLevel.Warning).Count(line => line.Contains("the watermark at of 4 rows lies more than a day ahead", StringComparison.Ordinal)));
        Assert.Single(logs.At(LogLevel.Warning), line => line.Contains("1 rows have no value in the watermark column at", StringComparison.Ordinal));
        await using var source = TestDatabase.Open(options);
        var finding = Assert.Single(await source.CheckAsync(Cancel), finding => finding.Detail.StartsWith("4 lie more than a day ahead", StringComparison.Ordinal));
        await database.ExecuteAsync(finding.NextStep!, Cancel);
        Assert.DoesNotContain(await source.CheckAsync(Cancel), other => other.Thing == finding.Thing);
    }

    [Fact]
    public async Task A_watermark_at_the_end_of_its_type_is_said_once_and_its_rows_are_read_once()
    {
        await using var database = await CreateAsync("alter table items alter at type bigint using 0; insert into items values (1, 9223372036854775807)");
        var options = database.Options(TestDatabase.Table("items", "at"));
        await using var reading = await SourceReading.StartAsync(options, from: null, Cancel);
        await reading.TakeRowsAsync(1);

        var logs = new LogLines();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        await using var again = await SourceReading.StartAsync(options, reading.Position, stop.Token, logs: logs);
        var next = again.TakeChunkAsync().AsTask();
        await logs.WaitForAsync(line => line.Contains("has reached the greatest number of its type", StringComparison.Ordinal), Cancel);
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<Exception>(() => next);
        Assert.Equal(long.MaxValue, reading.Position);
        Assert.Empty(again.Ranges);
    }

    [Theory]
    [InlineData("bigint", true)]
    [InlineData("smallint", false)]
    public async Task Numbers_that_begin_again_are_read_and_their_rows_are_the_newest(string type, bool isReadMeanwhile)
    {
        const string anew = "begin; truncate items; insert into items values (3, -5), (4, 19); commit";
        await using var database = await CreateAsync($"alter table items alter at type {type} using 0; insert into items values (1, 10), (2, 20)");
        var options = database.Options(TestDatabase.Table("items", "at")) with { CommitLag = TimeSpan.Zero };
        var logs = new LogLines();
        var before = await SourceReading.StartAsync(options, from: null, Cancel, logs: logs);
        await before.TakeRowsAsync(2);
        var reached = before.Position;
        if (!isReadMeanwhile) await before.DisposeAsync();
        await database.ExecuteAsync(anew, Cancel);

        await using var again = isReadMeanwhile ? before : await SourceReading.StartAsync(options, reached, Cancel, logs: logs);
        var known = isReadMeanwhile ? 2 : 0;
        await again.TakeRowsAsync(known + 2);
        await database.ExecuteAsync("insert into items values (5, 20)", Cancel);
        await again.TakeRowsAsync(known + 3);
        await database.ExecuteAsync("insert into items values (6, 22), (7, 30)", Cancel);
        await again.TakeRowsAsync(known + 5);

        Assert.Equal([3L, 4L, 5L, 6L, 7L], again.Rows.Skip(known).Order());
        Assert.Equal([new PositionRange(21, 22), new PositionRange(22, 23)], again.Ranges.SkipWhile(range => range.To <= 21).Take(2));
        Assert.Single(logs.At(LogLevel.Warning), line => line.Contains("it was truncated, restored, or lost its newest rows", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("bigint", "", "it is not unique")]
    [InlineData("bigint", "create unique index on items (at, number)", "it is not unique")]
    [InlineData("bigint", "create unique index on items (at) where number > 0", "it is not unique")]
    [InlineData("bigint", "create unique index on items (at)", null)]
    [InlineData("timestamptz(0)", "", "it holds steps of 1000 ms")]
    [InlineData("timestamp(3)", "", "it holds steps of 1 ms")]
    [InlineData("timestamptz", "", null)]
    public async Task Where_changes_have_no_order_the_check_says_so(string type, string index, string? said)
    {
        await using var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync($"create table items (number bigint not null, at {type} not null); {index}", Cancel);
        await using var source = TestDatabase.Open(database.Options(TestDatabase.Table("items", "at")) with { CommitLag = TimeSpan.Zero });

        var order = (await source.CheckAsync(Cancel)).Where(finding => finding.Thing.EndsWith(": order", StringComparison.Ordinal)).ToList();

        if (said is null) Assert.Empty(order);
        else Assert.True(Assert.Single(order) is { Ok: true } finding && finding.Detail.Contains(said, StringComparison.Ordinal), order[0].Detail);
    }

    [Fact]
    public async Task A_check_sends_what_reading_sends()
    {
        await using var database = await CreateAsync("""
            create role guest login password 'guest';
            create function secret(bigint) returns bigint language sql as 'select $1'; revoke execute on function secret(bigint) from public;
            create view shown as select secret(number) as number, at from items; grant select on shown to guest; grant pg_read_all_stats to guest
            """);
        var options = database.Options(TestDatabase.Table("shown", "at")).Secured(security => security with { Username = "guest", Password = new Secret("guest") });
        await using var source = TestDatabase.Open(options);

        var findings = await source.CheckAsync(Cancel);

        Assert.Contains(findings, finding => !finding.Ok && finding.Detail.Contains("permission denied for function secret", StringComparison.Ordinal));
        Npgsql.NpgsqlConnection.ClearAllPools();
        await database.ExecuteAsync("drop owned by guest; drop role guest", Cancel);
    }

    /// <summary>Reads rows of these numbers, and no others; returns where the table stands then.</summary>
    private async Task<SplitPosition> ReadAsync(PostgresSource source, SplitPosition from, long[] numbers)
    {
        var read = new List<long>();
        await foreach (var chunk in source.ReadAsync([from], Cancel))
        {
            using (chunk)
            {
                read.AddRange(((Apache.Arrow.Int64Array)chunk.Rows!.Column("number")).Values.ToArray());
                if (read.Count < numbers.Length || !chunk.Range.IsAdvancing) continue;
                Assert.Equal(numbers, read.Order());
                return new SplitPosition(from.Split, chunk.Range.To) { Marks = chunk.Marks, Identity = from.Identity };
            }
        }

        throw new InvalidOperationException("A table ends.");
    }

    private async ValueTask<TestDatabase> CreateAsync(string sql)
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync("create table items (number bigint not null, at timestamptz); create index on items (at)", Cancel);
        await database.ExecuteAsync(sql, Cancel);
        return database;
    }
}
