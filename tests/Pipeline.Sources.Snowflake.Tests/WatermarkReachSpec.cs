using System.Globalization;
using System.Text.RegularExpressions;
using Apache.Arrow;
using CsCheck;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Emulation.Snowflake;
using Pipeline.Testing;

namespace Pipeline.Sources.Snowflake.Tests;

/// <summary>Every row that a table has is read, or it is said that it is not.</summary>
public sealed partial class WatermarkReachSpec
{
    private static readonly SplitId Orders = new("crm", "orders");

    /// <summary>Watermarks that grow from batch to batch, with the ends of their type among them.</summary>
    [Theory]
    [InlineData("NUMBER(38,0)")]
    [InlineData("NUMBER(19,0)")]
    [InlineData("NUMBER(9,0)")]
    [InlineData("TIMESTAMP_NTZ")]
    [InlineData("TIMESTAMP_LTZ")]
    [InlineData("TIMESTAMP_TZ")]
    public async Task Reading_in_windows_gives_what_reading_everything_gives(string type)
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, createSql: $"CREATE TABLE ORDERS (NUMBER NUMBER(12,0), AT {type})");
        var isTimestamp = type.StartsWith("TIMESTAMP", StringComparison.Ordinal);
        string[] values = isTimestamp
            ? ["0001-01-01 00:00:00", "0001-01-01 00:00:00.000001", "1969-12-31 23:59:59.999999", "1970-01-01 00:00:00", "2026-01-01 00:00:00"]
            : type == "NUMBER(9,0)" ? ["-999999999", "-1", "0", "1", "999999999"]
            : ["-9223372036854775808", "-9223372036854775807", "-1", "0", "1", "9223372036854775805", "9223372036854775807"];
        var number = 0;

        await Gen.Int[0, values.Length - 1].Array[1, 6].SampleAsync(async indexes =>
        {
            table.Server.Database.Execute($"CREATE OR REPLACE TABLE ORDERS (NUMBER NUMBER(12,0), AT {type})");
            await using var source = table.Open(table.Options with { WatchTransactions = false, Tables = [new SnowflakeTableOptions("orders", "ORDERS", "AT", [])] });
            var (wanted, read) = (new List<long>(), new List<long>());
            long? position = null;
            foreach (var batch in indexes.Order().Chunk(2))
            {
                foreach (var index in batch)
                {
                    // What has been passed is told by a lag, and not by a window.
                    if (wanted.Count > 0 && !IsAhead(index)) continue;
                    table.Server.Database.Execute($"INSERT INTO ORDERS VALUES ({number}, {(isTimestamp ? $"'{values[index]}'" : values[index])})");
                    wanted.Add(number++);
                }

                if (read.Count == wanted.Count) continue;
                (var rows, position) = await ReadAsync(source, position, wanted.Count - read.Count, deadline.Token);
                read.AddRange(rows);
            }

            Assert.Equal(wanted, read.Order());

            bool IsAhead(int index) => position is { } at && (isTimestamp
                ? (DateTimeOffset.Parse(values[index], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal) - DateTimeOffset.UnixEpoch).Ticks / 10 >= at
                : long.Parse(values[index], CultureInfo.InvariantCulture) >= at && at < long.MaxValue);
        }, iter: 6, threads: 1);
    }

    [Theory]
    [InlineData("TIMESTAMP_LTZ", "9999-12-31 23:59:59.999999")]
    [InlineData("TIMESTAMP_NTZ", "9999-12-31 23:59:59.999999")]
    [InlineData("TIMESTAMP_LTZ", "10000-01-01 00:00:00")]
    public async Task A_row_ahead_of_the_clock_is_said_once_and_wakes_no_warehouse_until_something_changes(string type, string ahead)
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, watermark: type);
        table.Server.Database.Execute($"INSERT INTO ORDERS VALUES (1, 'wrong', 1, '{ahead}', 1), (2, 'right', 1, now(), 1)");
        var logs = new LogLines();
        await using var source = table.Open(table.Options, logs: logs);
        await using var chunks = source.ReadAsync([new SplitPosition(Orders, null)], deadline.Token).GetAsyncEnumerator(deadline.Token);
        Assert.True(await chunks.MoveNextAsync());
        Assert.Equal([2L], Numbers(chunks.Current));
        var next = chunks.MoveNextAsync();
        await LooksAsync(table.Server, 6, deadline.Token);

        // Each window was asked for because something had changed.
        Assert.InRange(table.Server.Executed.CountOfWindows(), 1, 2);
        table.Server.Database.Execute("INSERT INTO ORDERS VALUES (3, 'right', 1, now(), 1)");
        Assert.True(await next);
        Assert.Equal([3L], Numbers(chunks.Current));
        Assert.Single(logs.At(LogLevel.Warning), line => line.Contains("and the account's clock says", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_row_that_is_due_soon_is_read_then_though_nothing_changes()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        table.Server.Database.Execute("INSERT INTO ORDERS VALUES (1, 'wrong', 1, '9000-01-01', 1), (2, 'right', 1, now(), 1), (3, 'soon', 1, now() + INTERVAL 2 SECOND, 1)");
        await using var source = table.Open();

        Assert.Equal([2L, 3L], await Reading.NumbersAsync(source, null, 2, deadline.Token));
    }

    [Fact]
    public async Task A_number_beyond_64_bits_is_said_and_the_others_are_read()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, createSql: "CREATE TABLE ORDERS (NUMBER NUMBER(12,0), AT NUMBER(38,0))");
        table.Server.Database.Execute("INSERT INTO ORDERS VALUES (1, 5), (2, 9223372036854775808), (3, 9223372036854775807)");
        var logs = new LogLines();
        await using var source = table.Open(table.Options with { Tables = [new SnowflakeTableOptions("orders", "ORDERS", "AT", [])] }, logs: logs);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token);
        await using var chunks = source.ReadAsync([new SplitPosition(Orders, null)], stop.Token).GetAsyncEnumerator(stop.Token);

        Assert.True(await chunks.MoveNextAsync());
        Assert.Equal([1L, 3L], Numbers(chunks.Current));
        var next = chunks.MoveNextAsync();
        await LooksAsync(table.Server, 3, deadline.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await next);

        Assert.Single(logs.At(LogLevel.Warning), line => line.Contains("9223372036854775808, more than 64 bits hold", StringComparison.Ordinal));
        Assert.Single(logs.At(LogLevel.Warning), line => line.Contains("has reached the greatest number of 64 bits", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("DELETE FROM ORDERS WHERE NUMBER > 0", "read up to")]
    [InlineData("DELETE FROM ORDERS", "is none")]
    public async Task A_table_whose_greatest_watermark_went_down_is_said_once_and_read_on(string change, string said)
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        await table.AppendAsync(9, deadline.Token);
        var logs = new LogLines();
        await using var source = table.Open(table.Options, logs: logs);
        await using var chunks = source.ReadAsync([new SplitPosition(Orders, null)], deadline.Token).GetAsyncEnumerator(deadline.Token);
        Assert.True(await chunks.MoveNextAsync());
        table.Server.Database.Execute(change);
        var next = chunks.MoveNextAsync();
        await LooksAsync(table.Server, 4, deadline.Token);
        var windows = table.Server.Executed.CountOfWindows();

        Assert.Contains(said, Assert.Single(logs.At(LogLevel.Warning), line => line.Contains("rows below that time are not read", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Contains("./pipeline resume bronze/crm/orders --accept-gap", source.DoubtOf(Orders)!.NextStep, StringComparison.Ordinal);
        await table.AppendAsync(1, deadline.Token);
        Assert.True(await next);
        Assert.Equal([9L], Numbers(chunks.Current));
        Assert.Equal(1, windows);
        // The next look finds the greatest above what was read.
        next = chunks.MoveNextAsync();
        await LooksAsync(table.Server, 2, deadline.Token);
        Assert.Null(source.DoubtOf(Orders));
        // A table that loses its newest row again and again is known, and not told each time.
        table.Server.Database.Execute(change);
        await LooksAsync(table.Server, 2, deadline.Token);
        Assert.NotNull(source.DoubtOf(Orders));
        Assert.Single(logs.At(LogLevel.Warning), line => line.Contains("rows below that time are not read", StringComparison.Ordinal));
        await deadline.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await next);
    }

    [Fact]
    public async Task Times_that_fell_while_nobody_read_are_told_to_whoever_asks_where_the_table_stands_and_once_by_whoever_reads()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        await table.AppendAsync(9, deadline.Token);
        var logs = new LogLines();
        await using var source = table.Open(table.Options, logs: logs);
        var listed = Assert.Single(await source.ListSplitsAsync("orders", deadline.Token));
        long reached;
        await using (var chunks = source.ReadAsync([new SplitPosition(Orders, null)], deadline.Token).GetAsyncEnumerator(deadline.Token))
        {
            Assert.True(await chunks.MoveNextAsync());
            reached = chunks.Current.Range.To;
        }

        var left = new SplitPosition(Orders, reached) { Identity = listed.Identity };
        Assert.Null(Assert.Single(await source.LookBackAsync([left], deadline.Token)).Doubt);
        table.Server.Database.Execute("DELETE FROM ORDERS WHERE NUMBER > 3");

        var standing = Assert.Single(await source.LookBackAsync([left], deadline.Token));
        for (var reading = 0; reading < 2; reading++)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token);
            await using var chunks = source.ReadAsync([left], stop.Token).GetAsyncEnumerator(stop.Token);
            var next = chunks.MoveNextAsync();
            await LooksAsync(table.Server, 2, deadline.Token);
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await next);
        }

        Assert.Null(standing.Fault);
        Assert.Equal((FaultKind.Gap, (SplitId?)Orders, standing.Beginning), (standing.Doubt!.Kind, standing.Doubt.Split, standing.Doubt.ReadAgainFrom));
        Assert.Single(logs.At(LogLevel.Warning), line => line.Contains("rows below that time are not read", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Numbers_that_begin_again_are_read_and_their_rows_are_the_newest(bool isReadMeanwhile)
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, createSql: "CREATE TABLE ORDERS (NUMBER NUMBER(12,0), AT NUMBER(18,0))");
        table.Server.Database.Execute("INSERT INTO ORDERS VALUES (1, 10), (2, 20)");
        var logs = new LogLines();
        await using var source = table.Open(table.Options with { Tables = [new SnowflakeTableOptions("orders", "ORDERS", "AT", [])] }, logs: logs);
        if (!isReadMeanwhile) table.Server.Database.Execute("DELETE FROM ORDERS; INSERT INTO ORDERS VALUES (3, -5), (4, 20 - 1)");
        await using var chunks = source.ReadAsync([new SplitPosition(Orders, isReadMeanwhile ? null : 21)], deadline.Token).GetAsyncEnumerator(deadline.Token);
        if (isReadMeanwhile)
        {
            Assert.True(await chunks.MoveNextAsync());
            Assert.Equal([1L, 2L], Numbers(chunks.Current));
        Assert.Equal(new PositionRange(long.MinValue, 21), chunks.Current.Range);
            table.Server.Database.Execute("BEGIN; DELETE FROM ORDERS; INSERT INTO ORDERS VALUES (3, -5), (4, 20 - 1); COMMIT");
        }

        Assert.True(await chunks.MoveNextAsync());
        Assert.Equal([3L, 4L], Numbers(chunks.Current));
        Assert.Equal(new PositionRange(21, 22), chunks.Current.Range);
        Assert.All(((Int64Array)chunks.Current.Rows!.Column(BronzeColumns.Position)).Values.ToArray(), position => Assert.Equal(21, position));
        table.Server.Database.Execute("INSERT INTO ORDERS VALUES (5, 20)");
        Assert.True(await chunks.MoveNextAsync());
        Assert.Equal([5L], Numbers(chunks.Current));
        Assert.Equal(new PositionRange(22, 23), chunks.Current.Range);
        // Past what was read it goes on as before.
        table.Server.Database.Execute("INSERT INTO ORDERS VALUES (6, 22), (7, 30)");
        var last = new List<long>();
        while (last.Count < 2 && await chunks.MoveNextAsync()) last.AddRange(Numbers(chunks.Current));

        Assert.Equal([6L, 7L], last);
        Assert.Single(logs.At(LogLevel.Warning), line => line.Contains("it was emptied, restored, or lost its newest rows", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("CREATE OR REPLACE TABLE ORDERS (NUMBER NUMBER(12,0), NOTE VARCHAR(200), AMOUNT NUMBER(12,2), UPDATED_AT TIMESTAMP_LTZ NOT NULL, CHANGE NUMBER(18,0) NOT NULL)")]
    [InlineData("ALTER TABLE ORDERS SWAP WITH STAGED")]
    [InlineData("DROP TABLE ORDERS", "CREATE TABLE ORDERS (NUMBER NUMBER(12,0), NOTE VARCHAR(200), AMOUNT NUMBER(12,2), UPDATED_AT TIMESTAMP_LTZ NOT NULL, CHANGE NUMBER(18,0) NOT NULL)")]
    public async Task Another_table_of_the_name_is_noticed_before_anything_is_read_or_committed(params string[] change)
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        table.Server.Database.Execute("CREATE TABLE STAGED (NUMBER NUMBER(12,0), NOTE VARCHAR(200), AMOUNT NUMBER(12,2), UPDATED_AT TIMESTAMP_LTZ NOT NULL, CHANGE NUMBER(18,0) NOT NULL)");
        await using var source = table.Open();
        var listed = Assert.Single(await source.ListSplitsAsync("orders", deadline.Token));
        var left = new SplitPosition(listed.Id, 1) { Identity = listed.Identity };
        Assert.Null(Assert.Single(await source.LookBackAsync([left], deadline.Token)).Fault);
        await source.ConfirmAsync([listed], deadline.Token);

        foreach (var statement in change) table.Server.Database.Execute(statement);

        Assert.Contains("another table has its name now", (await UnconfirmedAsync(source, listed, deadline.Token)).Cause, StringComparison.Ordinal);
        Assert.True(Assert.Single(await source.LookBackAsync([left], deadline.Token)).Fault is { IsTransient: true });
        var anew = Assert.Single(await source.ListSplitsAsync("orders", deadline.Token));
        Assert.Equal(listed.Id, anew.Id);
        Assert.NotEqual(listed.Identity, anew.Identity);
        // What a reading of the one has brought is not the other's because that was listed meanwhile.
        Assert.True((await UnconfirmedAsync(source, listed, deadline.Token)).IsTransient);
        Assert.True(Assert.Single(await source.LookBackAsync([left], deadline.Token)).Fault is { IsTransient: true });
        Assert.Null(Assert.Single(await source.LookBackAsync([left with { Identity = anew.Identity }], deadline.Token)).Fault);
        await source.ConfirmAsync([anew], deadline.Token);
        await using var elsewhere = table.Open();
        Assert.Equal(anew.Identity, Assert.Single(await elsewhere.ListSplitsAsync("orders", deadline.Token)).Identity);
    }

    [Fact]
    public async Task Rows_of_a_table_that_was_not_there_when_it_was_listed_are_not_taken_for_those_of_the_one_before()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        table.Server.Database.Execute("DROP TABLE ORDERS");
        await using var source = table.Open();
        var listed = Assert.Single(await source.ListSplitsAsync("orders", deadline.Token));
        table.Server.Database.Execute("CREATE TABLE ORDERS (NUMBER NUMBER(12,0), NOTE VARCHAR(200), AMOUNT NUMBER(12,2), UPDATED_AT TIMESTAMP_LTZ NOT NULL, CHANGE NUMBER(18,0) NOT NULL)");

        Assert.True((await UnconfirmedAsync(source, listed, deadline.Token)).IsTransient);

        var made = Assert.Single(await source.ListSplitsAsync("orders", deadline.Token));
        Assert.NotNull(made.Identity);
        await source.ConfirmAsync([made], deadline.Token);
    }

    [Fact]
    public async Task Of_a_view_nobody_knows_whether_it_is_another_and_the_check_says_so()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        table.Server.ShowObjectsAs("VIEW");
        await using var source = table.Open();

        Assert.Null(Assert.Single(await source.ListSplitsAsync("orders", deadline.Token)).Identity);
        Assert.Contains(await source.CheckAsync(deadline.Token), finding => finding.Ok && finding.Detail.Contains("it is a view: that other rows have its name is not noticed", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("NUMBER(18,0)", "0ms", "Snowflake does not keep it unique")]
    [InlineData("TIMESTAMP_LTZ(0)", "0ms", "it holds steps of 1000 ms")]
    [InlineData("TIMESTAMP_NTZ(3)", "0ms", "it holds steps of 1 ms")]
    [InlineData("TIMESTAMP_LTZ(0)", "1s", null)]
    [InlineData("TIMESTAMP_TZ(9)", "0ms", null)]
    public async Task Where_changes_have_no_order_the_check_says_so(string type, string lag, string? said)
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, createSql: $"CREATE TABLE ORDERS (NUMBER NUMBER(12,0) NOT NULL, AT {type} NOT NULL)");
        await using var source = table.Open(table.Options with { CommitLag = lag == "1s" ? TimeSpan.FromSeconds(1) : TimeSpan.Zero, Tables = [new SnowflakeTableOptions("orders", "ORDERS", "AT", ["NUMBER"])] });

        var finding = Assert.Single(await source.CheckAsync(deadline.Token), finding => finding.Thing.Contains("orders", StringComparison.Ordinal));

        Assert.True(finding.Ok, finding.Detail);
        if (said is null) Assert.DoesNotContain("passed over", finding.Detail, StringComparison.Ordinal);
        else Assert.Contains(said, finding.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_an_account_stamps_whose_clock_was_set_back_is_read_while_it_is_behind_and_is_the_newest()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        await table.AppendAsync(1, deadline.Token);
        table.Server.Database.Execute("INSERT INTO ORDERS VALUES (100, 'stamped before it was set back', 1, now() + INTERVAL 61 MINUTE, 1)");
        var reached = (TimeProvider.System.GetUtcNow().AddHours(1) - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        var logs = new LogLines();
        await using var source = table.Open(table.Options, logs: logs);
        await using var chunks = source.ReadAsync([new SplitPosition(Orders, reached)], deadline.Token).GetAsyncEnumerator(deadline.Token);

        for (var number = 0; number < 3; number++)
        {
            Assert.True(await chunks.MoveNextAsync());
            Assert.Equal(number == 0 ? [0L, 100L] : [number], Numbers(chunks.Current));
            Assert.Equal(new PositionRange(reached + number, reached + number + 1), chunks.Current.Range);
            Assert.All(((Int64Array)chunks.Current.Rows!.Column(BronzeColumns.Position)).Values.ToArray(), position => Assert.Equal(reached + number, position));
            await table.AppendAsync(1, deadline.Token);
        }

        Assert.Single(logs.At(LogLevel.Warning), line => line.Contains("it was set back", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("TIMESTAMP_LTZ")]
    [InlineData("TIMESTAMP_NTZ")]
    public async Task A_check_sends_what_reading_sends(string type)
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, watermark: type);
        await table.AppendAsync(3, deadline.Token);
        await using (var source = table.Open()) Assert.All(await source.CheckAsync(deadline.Token), finding => Assert.True(finding.Ok, finding.Detail));
        var check = Shapes(table.Server.Executed);
        await using var reading = table.Open();
        await using var chunks = reading.ReadAsync([new SplitPosition(Orders, null)], deadline.Token).GetAsyncEnumerator(deadline.Token);
        Assert.True(await chunks.MoveNextAsync());
        await table.AppendAsync(3, deadline.Token);
        Assert.True(await chunks.MoveNextAsync());

        // Of the first window the check has the form of those that follow.
        var others = Shapes(table.Server.Executed).Except(check).ToList();
        Assert.All(others, sql => Assert.Contains("WHERE \"UPDATED_AT\" <", sql, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_row_ahead_of_the_clock_is_found_by_the_check()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        table.Server.Database.Execute("INSERT INTO ORDERS VALUES (1, 'wrong', 1, '9999-12-31', 1)");
        await using var source = table.Open();

        Assert.Contains("9999-12-31 00:00:00Z, ahead of the account's clock", Assert.Single(await source.CheckAsync(deadline.Token), finding => !finding.Ok).Detail, StringComparison.Ordinal);
    }

    private static HashSet<string> Shapes(IEnumerable<string> executed) => [.. executed.Select(sql => Digits().Replace(sql, "#"))];

    private static async Task<PipelineException> UnconfirmedAsync(ISource source, Split read, CancellationToken cancellationToken) =>
        await Assert.ThrowsAsync<PipelineException>(async () => await source.ConfirmAsync([read], cancellationToken));

    private static async Task LooksAsync(SnowflakeServer server, int count, CancellationToken cancellationToken)
    {
        int Looks() => server.Executed.Count(sql => sql.Contains("MAX(", StringComparison.Ordinal));
        var looks = Looks();
        await server.WaitForAsync(_ => Looks() >= looks + count, cancellationToken);
    }

    private static async Task<(List<long> Rows, long? Position)> ReadAsync(ISource source, long? from, int count, CancellationToken cancellationToken)
    {
        var rows = new List<long>();
        await foreach (var chunk in source.ReadAsync([new SplitPosition(Orders, from)], cancellationToken))
            using (chunk)
            {
                rows.AddRange(Numbers(chunk));
                if (rows.Count >= count && chunk.Range.IsAdvancing) return (rows, chunk.Range.To);
            }

        throw new InvalidOperationException("Reading does not end by itself.");
    }

    private static long[] Numbers(Chunk chunk) => ((Int64Array)chunk.Rows!.Column("number")).Values.ToArray();

    [GeneratedRegex(@"-?\d+", RegexOptions.CultureInvariant)]
    private static partial Regex Digits();
}
