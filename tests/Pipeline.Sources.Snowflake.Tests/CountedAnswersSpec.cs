using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using Pipeline.Core;
using Pipeline.Emulation.Snowflake;
using Pipeline.Testing;

namespace Pipeline.Sources.Snowflake.Tests;

/// <summary>What an answer says of itself is compared with what it holds before a position moves; and waiting for one ends.</summary>
public sealed partial class CountedAnswersSpec
{
    private const int Rows = 400;

    public enum Lie
    {
        HalfOfTheRows,
        FewerRowsThanTold,
        MoreRowsThanTold,
        NotAllRows,
        RowsBehindTheRows,
        NoPartitions,
    }

    [Theory]
    [InlineData(Lie.HalfOfTheRows, false)]
    [InlineData(Lie.FewerRowsThanTold, false)]
    [InlineData(Lie.MoreRowsThanTold, false)]
    [InlineData(Lie.NotAllRows, false)]
    [InlineData(Lie.RowsBehindTheRows, false)]
    [InlineData(Lie.NoPartitions, false)]
    [InlineData(Lie.HalfOfTheRows, true)]
    [InlineData(Lie.NotAllRows, true)]
    [InlineData(Lie.RowsBehindTheRows, true)]
    public async Task An_answer_whose_counts_contradict_it_moves_no_position(Lie lie, bool isLaterPartition)
    {
        using var deadline = Reading.StartDeadline();
        // Chunks are smaller than partitions: the position could move before a partition's end is seen.
        await using var table = await EmulatedTable.StartAsync(deadline.Token, new SnowflakeServerOptions { PartitionBytes = 8 << 10 }, options => options with { ChunkBytesMax = 4 << 10 });
        await table.AppendAsync(Rows, deadline.Token);
        await using var proxy = await FaultProxy.StartAsync(table.Server.Url, deadline.Token);
        await using var source = table.Open(table.Options with { AccountUrl = proxy.Url });
        proxy.Use(request => request.Method == "GET" && request.Target.Contains("partition=1", StringComparison.Ordinal) == isLaterPartition
            ? new ProxyFault.Change(body => Changed(body, lie, isLaterPartition)) : null);

        var first = await ReadAsync(source, null, deadline.Token);
        proxy.Use(_ => null);
        var second = await ReadAsync(source, first.Position, deadline.Token, Rows - first.Numbers.Count);

        Assert.NotNull(first.Fault);
        Assert.Null(second.Fault);
        Assert.Equal(Reading.Numbers(Rows), first.Numbers.Concat(second.Numbers));
    }

    [Theory]
    [InlineData(SnowflakeOperation.Status)]
    [InlineData(SnowflakeOperation.Partition)]
    public async Task A_statement_of_which_a_busy_account_says_nothing_for_long_is_not_executed_again(SnowflakeOperation operation)
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, change: options => options with { Retry = options.Retry with { AttemptsMax = 2 } });
        await table.AppendAsync(Rows, deadline.Token);
        await using var source = table.Open();
        await source.DescribeAsync("orders", deadline.Token);
        table.Server.Faults.Inject(operation, SnowflakeFault.TooManyRequests, times: 5);

        Assert.Equal(Reading.Numbers(Rows), await Reading.NumbersAsync(source, null, Rows, deadline.Token));
        Assert.Equal(1, table.Server.Executed.CountOfWindows());
    }

    [Fact]
    public async Task An_account_that_is_busy_for_ever_is_given_up_and_the_statement_cancelled()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        var time = new HeldClock(TimeProvider.System.GetUtcNow());
        await using var source = table.Open(table.Options, time);
        using var hold = table.Server.HoldStatements();
        table.Server.Faults.Inject(SnowflakeOperation.Status, SnowflakeFault.TooManyRequests, times: 10_000);

        var describing = source.DescribeAsync("orders", deadline.Token).AsTask();
        await table.Server.WaitForAsync(request => request.Operation == SnowflakeOperation.Status, deadline.Token);
        time.Advance(table.Options.StatementTimeout + 2 * table.Options.RequestTimeout);
        var failure = await Assert.ThrowsAsync<PipelineException>(() => describing);

        Assert.Equal(FaultKind.Unreachable, failure.Kind);
        await table.Server.WaitForAsync(request => request is { Operation: SnowflakeOperation.Cancel, Status: 200 }, deadline.Token);
    }

    [Fact]
    public async Task An_answer_that_cannot_be_understood_cancels_the_statement_that_runs()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, change: options => options with { Retry = options.Retry with { AttemptsMax = 1 } });
        await using var proxy = await FaultProxy.StartAsync(table.Server.Url, deadline.Token);
        await using var source = table.Open(table.Options with { AccountUrl = proxy.Url });
        using var hold = table.Server.HoldStatements();
        proxy.Inject(new ProxyFault.AnswerWith(200, "{\"code\":\"090001\"} and more", "application/json"), request => request.Method == "GET");

        await Assert.ThrowsAsync<PipelineException>(async () => await source.DescribeAsync("orders", deadline.Token));

        await table.Server.WaitForAsync(request => request is { Operation: SnowflakeOperation.Cancel, Status: 200 }, deadline.Token);
    }

    [Fact]
    public async Task Open_transactions_are_all_looked_at_however_many_answers_tell_them()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, new SnowflakeServerOptions { PartitionBytes = 256 });
        await table.AppendAsync(3, deadline.Token);
        // Those that are listed before the oldest are younger: they are where others were.
        var first = Enumerable.Range(0, 10).Select(_ => table.Server.Database.Begin()).ToList();
        using var oldest = table.Server.Database.Begin();
        foreach (var transaction in first) transaction.Dispose();
        await table.AppendAsync(3, deadline.Token);
        var younger = Enumerable.Range(0, 10).Select(_ => table.Server.Database.Begin()).ToList();
        table.Append(oldest, 1);
        await using var source = table.Open();

        await using var chunks = source.ReadAsync([new SplitPosition(new SplitId("crm", "orders"), null)], deadline.Token).GetAsyncEnumerator(deadline.Token);
        Assert.True(await chunks.MoveNextAsync());

        // What was committed since the oldest began waits for it.
        Assert.Equal(3, chunks.Current.RowCount);
        foreach (var transaction in younger) transaction.Dispose();
    }

    private static byte[] Changed(byte[] body, Lie lie, bool isLaterPartition)
    {
        var isCompressed = body is [0x1F, 0x8B, ..];
        var text = Encoding.UTF8.GetString(isCompressed ? Plain(body) : body);
        // Small answers are of other statements.
        if (!isLaterPartition && !text.Contains($"\"numRows\":{Rows}", StringComparison.Ordinal)) return body;
        var changed = lie switch
        {
            Lie.HalfOfTheRows => WithHalfOfTheRows(text),
            Lie.FewerRowsThanTold => text.Replace($"\"numRows\":{Rows}", $"\"numRows\":{Rows + 5}", StringComparison.Ordinal),
            Lie.MoreRowsThanTold => text.Replace($"\"numRows\":{Rows}", $"\"numRows\":{Rows - 5}", StringComparison.Ordinal),
            Lie.NotAllRows when isLaterPartition => text[..^1] + ",\"code\":\"391908\"}",
            Lie.NotAllRows => text.Replace("\"code\":\"090001\"", "\"code\":\"391908\"", StringComparison.Ordinal),
            Lie.RowsBehindTheRows => text + text,
            _ => PartitionInfo().Replace(text, "\"partitionInfo\":[]"),
        };
        Assert.NotEqual(text, changed);
        return isCompressed ? Compressed(Encoding.UTF8.GetBytes(changed)) : Encoding.UTF8.GetBytes(changed);
    }

    /// <summary>Every other row is cut out.</summary>
    private static string WithHalfOfTheRows(string text)
    {
        var (start, end) = (text.IndexOf("\"data\":[[", StringComparison.Ordinal) + 8, text.IndexOf("]]", StringComparison.Ordinal) + 1);
        var rows = text[start..end].Split("],[");
        return text[..start] + "[" + string.Join("],[", rows.Where((_, i) => i % 2 == 0).Select(row => row.Trim('[', ']'))) + "]" + text[end..];
    }

    private static async Task<(List<long> Numbers, long? Position, PipelineException? Fault)> ReadAsync(ISource source, long? from, CancellationToken cancellationToken, int rows = int.MaxValue)
    {
        var (numbers, pending, position) = (new List<long>(), new List<long>(), from);
        try
        {
            await foreach (var chunk in source.ReadAsync([new SplitPosition(new SplitId(source.Name, "orders"), from)], cancellationToken))
                using (chunk)
                {
                    if (chunk.Rows is { } batch) pending.AddRange(((Apache.Arrow.Int64Array)batch.Column("number")).Values);
                    if (!chunk.Range.IsAdvancing) continue;
                    numbers.AddRange(pending);
                    pending.Clear();
                    position = chunk.Range.To;
                    if (numbers.Count >= rows) break;
                }
        }
        catch (PipelineException e)
        {
            return (numbers, position, e);
        }

        return (numbers, position, null);
    }

    private static byte[] Plain(byte[] body)
    {
        using var plain = new MemoryStream();
        using (var gzip = new GZipStream(new MemoryStream(body), CompressionMode.Decompress)) gzip.CopyTo(plain);
        return plain.ToArray();
    }

    private static byte[] Compressed(byte[] body)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest)) gzip.Write(body);
        return compressed.ToArray();
    }

    [GeneratedRegex("\"partitionInfo\":\\[[^\\]]*\\]", RegexOptions.CultureInvariant)]
    private static partial Regex PartitionInfo();
}
