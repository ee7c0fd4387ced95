using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Emulation.Snowflake;

namespace Pipeline.Sources.Snowflake.Tests;

/// <summary>Windows lose nothing that is committed late, and chunks advance only where nothing is left behind.</summary>
public sealed class WatermarkWindowSpec
{
    private static readonly SplitId Orders = new("crm", "orders");

    [Fact]
    public async Task A_row_committed_after_younger_ones_is_not_lost()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        await table.AppendAsync(3, deadline.Token);
        await using var source = table.Open();
        var late = table.Server.Database.Begin();
        table.Append(late, 3);
        await table.AppendAsync(3, deadline.Token);

        // While the first transaction is open nothing younger than its beginning is read.
        await using var chunks = source.ReadAsync([new SplitPosition(Orders, null)], deadline.Token).GetAsyncEnumerator(deadline.Token);
        Assert.True(await chunks.MoveNextAsync());
        Assert.Equal([0L, 1, 2], Numbers(chunks.Current));
        var windows = table.Server.Executed.CountOfWindows();
        late.Commit();
        late.Dispose();
        Assert.True(await chunks.MoveNextAsync());

        Assert.Equal([3L, 4, 5, 6, 7, 8], Numbers(chunks.Current));
        Assert.Equal(1, windows);
    }

    [Theory]
    [InlineData("UPDATED_AT")]
    [InlineData("CHANGE")]
    public async Task Where_the_clock_says_nothing_all_that_was_open_must_end_before_younger_rows_are_read(string watermark)
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, watermark: "TIMESTAMP_NTZ", rowsPerWatermark: 1, change: options => options with
        {
            Tables = [options.Tables[0] with { Watermark = watermark }],
        });
        await using var source = table.Open();
        var late = table.Server.Database.Begin();
        table.Append(late, 3);
        await table.AppendAsync(3, deadline.Token);
        await using var chunks = source.ReadAsync([new SplitPosition(Orders, null)], deadline.Token).GetAsyncEnumerator(deadline.Token);
        var first = chunks.MoveNextAsync();

        // The transaction has been looked at twice, and nothing was read.
        await table.Server.WaitForAsync(_ => table.Server.Executed.Count(sql => sql.StartsWith("SHOW TRANSACTIONS", StringComparison.Ordinal)) >= 2, deadline.Token);
        Assert.Equal(0, table.Server.Executed.CountOfWindows());
        late.Commit();
        late.Dispose();

        Assert.True(await first);
        Assert.Equal([0L, 1, 2, 3, 4, 5], Numbers(chunks.Current));
    }

    [Fact]
    public async Task A_local_time_far_behind_the_clock_is_read_to_its_end_and_no_further()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, watermark: "TIMESTAMP_NTZ");
        table.Server.Database.Execute("INSERT INTO ORDERS VALUES (1, 'Los Angeles', 1, now()::TIMESTAMP - INTERVAL 8 HOUR, 1)");
        await using var source = table.Open();
        await using var chunks = source.ReadAsync([new SplitPosition(Orders, null)], deadline.Token).GetAsyncEnumerator(deadline.Token);
        Assert.True(await chunks.MoveNextAsync());
        Assert.Equal([1L], Numbers(chunks.Current));

        table.Server.Database.Execute("INSERT INTO ORDERS VALUES (2, 'a moment later', 1, now()::TIMESTAMP - INTERVAL 8 HOUR, 1)");

        Assert.True(await chunks.MoveNextAsync());
        Assert.Equal([2L], Numbers(chunks.Current));
    }

    [Theory]
    [InlineData("TIMESTAMP_LTZ")]
    [InlineData("TIMESTAMP_NTZ")]
    public async Task A_row_from_the_future_hides_nothing_that_follows(string type)
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, watermark: type);
        table.Server.Database.Execute("INSERT INTO ORDERS VALUES (1, 'wrong', 1, '9000-01-01', 1), (2, 'right', 1, now(), 1)");
        await using var source = table.Open();
        await using var chunks = source.ReadAsync([new SplitPosition(Orders, null)], deadline.Token).GetAsyncEnumerator(deadline.Token);
        Assert.True(await chunks.MoveNextAsync());
        Assert.Equal([2L], Numbers(chunks.Current));

        table.Server.Database.Execute("INSERT INTO ORDERS VALUES (3, 'right', 1, now(), 1)");

        Assert.True(await chunks.MoveNextAsync());
        Assert.Equal([3L], Numbers(chunks.Current));
    }

    [Fact]
    public async Task A_table_without_changes_is_not_read_again()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        await table.AppendAsync(3, deadline.Token);
        await using var source = table.Open();
        await using var chunks = source.ReadAsync([new SplitPosition(Orders, null)], deadline.Token).GetAsyncEnumerator(deadline.Token);
        Assert.True(await chunks.MoveNextAsync());
        var looks = Looks();
        var next = chunks.MoveNextAsync();

        await table.Server.WaitForAsync(_ => Looks() >= looks + 5, deadline.Token);
        Assert.Equal(1, table.Server.Executed.CountOfWindows());
        await table.AppendAsync(1, deadline.Token);

        Assert.True(await next);
        Assert.Equal([3L], Numbers(chunks.Current));

        int Looks() => table.Server.Executed.Count(sql => sql.Contains("MAX(", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("UPDATED_AT", "2020-01-01T00:00:03Z", "2020-01-01T00:00:06Z")]
    [InlineData("CHANGE", "3", "6")]
    public async Task A_part_has_the_rows_between_its_two_values_and_ends_there_though_no_row_lies_there(string watermark, string from, string to)
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, change: options => options with { Tables = [options.Tables[0] with { Watermark = watermark }] });
        for (var number = 0; number < 9; number++) table.Server.Database.Execute($"INSERT INTO ORDERS VALUES ({number}, 'x', 1, TIMESTAMPTZ '2020-01-01 00:00:0{number}+00', {number})");
        await using var source = table.Open();
        var part = Assert.Single(await ((IPartSource)source).LocateAsync("orders", from, to, deadline.Token));

        Assert.Equal([3L, 4, 5], await ReadAsync(source, part));
        table.Server.Database.Execute("DELETE FROM ORDERS");
        Assert.Empty(await ReadAsync(source, part));

        async Task<List<long>> ReadAsync(ISource read, SplitPart meant)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token);
            await using var chunks = read.ReadAsync([new SplitPosition(meant.Split, meant.From) { End = meant.To }], stop.Token).GetAsyncEnumerator(stop.Token);
            var (reached, rows) = (meant.From, new List<long>());
            while (reached < meant.To)
            {
                Assert.True(await chunks.MoveNextAsync());
                using var chunk = chunks.Current;
                if (chunk.Rows is not null) rows.AddRange(Numbers(chunk));
                reached = chunk.Range.To;
            }

            Assert.Equal(meant.To, reached);
            var more = chunks.MoveNextAsync();
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await more);
            return rows;
        }
    }

    [Fact]
    public async Task Rows_younger_than_the_commit_lag_wait()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token,
            change: options => options with { CommitLag = TimeSpan.FromHours(1), WatchTransactions = false });
        table.Server.Database.Execute("""
            INSERT INTO ORDERS VALUES (1, 'old', 1, now() - INTERVAL 2 HOUR, 1), (2, 'young', 2, now() - INTERVAL 30 MINUTE, 2)
            """);
        await using var source = table.Open();

        await foreach (var chunk in source.ReadAsync([new SplitPosition(Orders, null)], deadline.Token))
        {
            using (chunk)
            {
                Assert.Equal([1L], Numbers(chunk));
                var end = DateTimeOffset.UnixEpoch.AddMicroseconds(chunk.Range.To);
                Assert.InRange(TimeProvider.System.GetUtcNow() - end, TimeSpan.FromHours(1), TimeSpan.FromHours(1.1));
                break;
            }
        }
    }

    [Fact]
    public async Task An_integer_is_read_only_once_it_has_been_visible_for_the_commit_lag()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, change: options => options with
        {
            Tables = [new SnowflakeTableOptions("orders", "ORDERS", "CHANGE", [])],
            CommitLag = TimeSpan.FromMilliseconds(200),
        }, rowsPerWatermark: 1);
        await table.AppendAsync(5, deadline.Token);
        await using var source = table.Open();

        var numbers = await Reading.NumbersAsync(source, null, 5, deadline.Token);

        Assert.Equal(Reading.Numbers(5), numbers);
        Assert.True(table.Server.Executed.Count(sql => sql.Contains("MAX(", StringComparison.Ordinal)) >= 2, "The greatest value was asked for only once.");
    }

    [Fact]
    public async Task A_full_chunk_ends_before_a_new_watermark()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        await table.AppendAsync(20_000, deadline.Token);
        await using var source = table.Open();

        var chunks = await ChunksAsync(source, 20_000, deadline.Token);

        Assert.True(chunks.Count > 3, $"{chunks.Count} chunks");
        Assert.Contains(chunks, chunk => chunk.Range.IsAdvancing && chunk != chunks[^1]);
        var complete = new List<(long Number, long Position)>();
        foreach (var chunk in chunks)
        {
            complete.AddRange(chunk.Rows);
            if (chunk.Range.IsAdvancing) Assert.All(chunk.Rows, row => Assert.InRange(row.Position, chunk.Range.From, chunk.Range.To - 1));
            // Nothing that comes later may lie below an advancing chunk's end.
            if (chunk.Range.IsAdvancing)
                Assert.All(chunks.SkipWhile(other => other != chunk).Skip(1).SelectMany(other => other.Rows), row => Assert.True(row.Position >= chunk.Range.To));
        }

        Assert.Equal(Reading.Numbers(20_000), complete.Select(row => row.Number));
    }

    [Fact]
    public async Task Rows_of_one_watermark_beyond_a_chunk_come_in_pieces_that_do_not_advance()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, rowsPerWatermark: 1_000_000);
        await table.AppendAsync(20_000, deadline.Token);
        await using var source = table.Open();

        var chunks = await ChunksAsync(source, 20_000, deadline.Token);

        Assert.True(chunks.Count > 3, $"{chunks.Count} chunks");
        Assert.All(chunks.SkipLast(1), chunk => Assert.False(chunk.Range.IsAdvancing));
        Assert.True(chunks[^1].Range.IsAdvancing);
        Assert.Equal(Reading.Numbers(20_000), chunks.SelectMany(chunk => chunk.Rows).Select(row => row.Number));
    }

    [Fact]
    public async Task Partitions_are_fetched_only_a_few_ahead_of_the_reader()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, change: options => options with { ReadersMax = 3 });
        await table.AppendAsync(20_000, deadline.Token);
        await using var source = table.Open();
        await using var chunks = source.ReadAsync([new SplitPosition(Orders, null)], deadline.Token).GetAsyncEnumerator(deadline.Token);
        int Fetched() => table.Server.Requests.Count(request => request.Operation == SnowflakeOperation.Partition);

        Assert.True(await chunks.MoveNextAsync());
        var rows = chunks.Current.RowCount;
        var share = (double)rows / 20_000;
        var fetchedForFirst = Fetched();
        while (rows < 20_000)
        {
            Assert.True(await chunks.MoveNextAsync());
            rows += chunks.Current.RowCount;
        }

        // Later partitions are fetched when the reader asks for the next one, and by nothing else.
        Assert.InRange(fetchedForFirst, 1, Math.Ceiling(Fetched() * share) + 3);
        Assert.True(Fetched() > 100, $"{Fetched()} partitions");
    }

    [Fact]
    public async Task A_partition_larger_than_the_budget_is_fetched_alone()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, change: options => options with { ReadAheadBytesMax = 1 });
        await table.AppendAsync(3_000, deadline.Token);
        await using var source = table.Open();

        Assert.Equal(Reading.Numbers(3_000), await Reading.NumbersAsync(source, null, 3_000, deadline.Token));
    }

    [Fact]
    public async Task Changed_columns_end_the_reading_so_that_it_starts_with_the_new_ones()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        await table.AppendAsync(3, deadline.Token);
        await using var source = table.Open();
        await source.DescribeAsync("orders", deadline.Token);
        table.Server.Database.Execute("CREATE OR REPLACE TABLE ORDERS (NUMBER NUMBER(12,0), ADDED BOOLEAN, UPDATED_AT TIMESTAMP_NTZ NOT NULL)");
        table.Server.Database.Execute("INSERT INTO ORDERS VALUES (7, TRUE, now()::TIMESTAMP)");

        var failure = await Assert.ThrowsAsync<PipelineException>(() => Reading.NumbersAsync(source, null, 1, deadline.Token));
        var numbers = await Reading.NumbersAsync(source, null, 1, deadline.Token);

        Assert.True(failure.IsTransient);
        Assert.Contains("columns have changed", failure.Message);
        Assert.Equal([7L], numbers);
    }

    [Fact]
    public async Task Several_tables_are_read_at_once_and_a_failing_one_is_named()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, change: options => options with
        {
            Tables = [options.Tables[0], new SnowflakeTableOptions("absent", "ABSENT", "UPDATED_AT", [])],
        });
        await table.AppendAsync(3, deadline.Token);
        await using var source = table.Open();

        var failure = await Assert.ThrowsAsync<PipelineException>(async () =>
        {
            await foreach (var chunk in source.ReadAsync([new SplitPosition(Orders, null), new SplitPosition(new SplitId("crm", "absent"), null)], deadline.Token))
                chunk.Dispose();
        });

        Assert.Equal(new SplitId("crm", "absent"), failure.Split);
    }

    private static long[] Numbers(Chunk chunk) => ((Int64Array)chunk.Rows!.Column("number")).Values.ToArray();

    private static async Task<List<ReadChunk>> ChunksAsync(ISource source, int rows, CancellationToken cancellationToken)
    {
        var chunks = new List<ReadChunk>();
        var seen = 0;
        await foreach (var chunk in source.ReadAsync([new SplitPosition(Orders, null)], cancellationToken))
        {
            using (chunk)
            {
                var positions = ((Int64Array)chunk.Rows!.Column(BronzeColumns.Position)).Values.ToArray();
                chunks.Add(new ReadChunk(chunk.Range, [.. Numbers(chunk).Zip(positions)]));
                if ((seen += chunk.RowCount) >= rows) break;
            }
        }

        return chunks;
    }

    private sealed record ReadChunk(PositionRange Range, IReadOnlyList<(long Number, long Position)> Rows);
}
