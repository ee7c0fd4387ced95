using Pipeline.Core;
using Pipeline.Emulation.Snowflake;
using Pipeline.Testing;

namespace Pipeline.Sources.Snowflake.Tests;

/// <summary>What goes wrong on the way does not show in the rows.</summary>
public sealed class SnowflakeFaultSpec
{
    [Theory]
    [InlineData(SnowflakeFault.DropAfterActing)]
    [InlineData(SnowflakeFault.FailAfterActing)]
    [InlineData(SnowflakeFault.TruncateAnswer)]
    public async Task A_statement_whose_answer_was_lost_is_not_executed_again(SnowflakeFault fault)
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        await table.AppendAsync(100, deadline.Token);
        await using var source = table.Open();
        await source.DescribeAsync("orders", deadline.Token);
        // The clock, then the open transactions, then the window itself.
        table.Server.Faults.Inject(SnowflakeOperation.Submit, fault, times: 3);

        var numbers = await Reading.NumbersAsync(source, null, 100, deadline.Token);

        Assert.Equal(Reading.Numbers(100), numbers);
        Assert.Equal(1, table.Server.Executed.CountOfWindows());
        Assert.Contains(table.Server.Requests, request => request.Target.Contains("retry=true", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_busy_account_is_asked_again_without_claiming_that_it_acted()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        await table.AppendAsync(100, deadline.Token);
        await using var source = table.Open();
        foreach (var operation in Enum.GetValues<SnowflakeOperation>())
            table.Server.Faults.Inject(operation, SnowflakeFault.TooManyRequests, times: 2);

        var numbers = await Reading.NumbersAsync(source, null, 100, deadline.Token);

        Assert.Equal(Reading.Numbers(100), numbers);
        Assert.DoesNotContain(table.Server.Requests, request => request.Target.Contains("retry=true", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_token_that_expires_between_partitions_is_renewed()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        await table.AppendAsync(2_000, deadline.Token);
        await using var source = table.Open();
        table.Server.Faults.Inject(SnowflakeOperation.Partition, SnowflakeFault.TokenExpired, times: 2);

        var numbers = await Reading.NumbersAsync(source, null, 2_000, deadline.Token);

        Assert.Equal(Reading.Numbers(2_000), numbers);
        Assert.True(table.Server.Requests.Count(request => request.Operation == SnowflakeOperation.Token) >= 2);
    }

    [Fact]
    public async Task A_statement_that_turns_asynchronous_is_polled_for()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        await table.AppendAsync(100, deadline.Token);
        await using var source = table.Open();
        table.Server.Faults.Inject(SnowflakeOperation.Submit, SnowflakeFault.RunAsynchronously, times: 5);

        var numbers = await Reading.NumbersAsync(source, null, 100, deadline.Token);

        Assert.Equal(Reading.Numbers(100), numbers);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Every_row_comes_once_while_a_third_of_all_requests_fails(int seed)
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, change: options => options with
        {
            Retry = new RetryPolicy { BackoffMin = TimeSpan.FromMilliseconds(1), BackoffMax = TimeSpan.FromMilliseconds(5), AttemptsMax = 50 },
        });
        await table.AppendAsync(3_000, deadline.Token);
        await using var source = table.Open();
        table.Server.Faults.InjectAtRandom(0.3, seed, SnowflakeFault.TooManyRequests, SnowflakeFault.InternalError, SnowflakeFault.ServiceUnavailable,
            SnowflakeFault.DropBeforeActing, SnowflakeFault.DropAfterActing, SnowflakeFault.TruncateAnswer, SnowflakeFault.FailAfterActing,
            SnowflakeFault.RunAsynchronously);

        var numbers = await Reading.NumbersAsync(source, null, 3_000, deadline.Token);

        Assert.Equal(Reading.Numbers(3_000), numbers);
        Assert.Equal(1, table.Server.Executed.CountOfWindows());
    }

    [Fact]
    public async Task Attempts_have_an_end()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        await using var source = table.Open();
        table.Server.Faults.Inject(SnowflakeOperation.Submit, SnowflakeFault.ServiceUnavailable, times: 1_000);

        var failure = await Assert.ThrowsAsync<PipelineException>(async () => await source.DescribeAsync("orders", deadline.Token));

        Assert.Equal(FaultKind.Unreachable, failure.Kind);
        Assert.True(failure.IsTransient);
        Assert.Equal(table.Options.Retry.AttemptsMax, table.Server.Requests.Count(request => request.Operation == SnowflakeOperation.Submit));
    }

    [Fact]
    public async Task A_refused_token_is_renewed_twice_and_then_reported()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        await using var source = table.Open();
        table.Server.Faults.Inject(SnowflakeOperation.Submit, SnowflakeFault.TokenExpired, times: 1_000);

        var failure = await Assert.ThrowsAsync<PipelineException>(async () => await source.DescribeAsync("orders", deadline.Token));

        Assert.Equal(FaultKind.NotAuthorised, failure.Kind);
        Assert.Equal(3, table.Server.Requests.Count(request => request.Operation == SnowflakeOperation.Token));
    }

    [Fact]
    public async Task A_reader_that_is_cancelled_cancels_its_statement()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        await using var source = table.Open();
        using var hold = table.Server.HoldStatements();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token);
        var describing = source.DescribeAsync("orders", stop.Token).AsTask();
        await table.Server.WaitForAsync(request => request is { Operation: SnowflakeOperation.Status, Status: 202 }, deadline.Token);

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => describing);
        await table.Server.WaitForAsync(request => request is { Operation: SnowflakeOperation.Cancel, Status: 200 }, deadline.Token);
        Assert.Empty(table.Server.Executed);
    }

    [Fact]
    public async Task A_statement_that_is_said_to_run_for_ever_is_given_up_and_cancelled()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        var time = new HeldClock(TimeProvider.System.GetUtcNow());
        await using var source = table.Open(table.Options, time);
        using var hold = table.Server.HoldStatements();

        var describing = source.DescribeAsync("orders", deadline.Token).AsTask();
        await table.Server.WaitForAsync(request => request is { Operation: SnowflakeOperation.Status, Status: 202 }, deadline.Token);
        time.Advance(table.Options.StatementTimeout + 2 * table.Options.RequestTimeout);
        var failure = await Assert.ThrowsAsync<PipelineException>(() => describing);

        Assert.Equal(FaultKind.Unreachable, failure.Kind);
        Assert.Contains("beyond its time limit", failure.Message, StringComparison.Ordinal);
        await table.Server.WaitForAsync(request => request is { Operation: SnowflakeOperation.Cancel, Status: 200 }, deadline.Token);
    }

    [Theory]
    [InlineData("{\"data\":[]}")]
    [InlineData("{\"data\":[[\"1\",\"x\",\"1.00\",\"1700000000.000000000\",\"1\"]]}")]
    [InlineData("{\"data\":null}")]
    [InlineData("<html>sign in</html>")]
    [InlineData("")]
    public async Task A_partition_without_its_rows_is_no_end_of_the_window(string page)
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        await table.AppendAsync(2_000, deadline.Token);
        await using var proxy = await FaultProxy.StartAsync(table.Server.Url, deadline.Token);
        await using var source = table.Open(table.Options with { AccountUrl = proxy.Url });
        proxy.Inject(new ProxyFault.AnswerWith(200, page, "application/json"), request => request.Target.Contains("partition=1", StringComparison.Ordinal));

        var numbers = new List<long>();
        var failure = await Assert.ThrowsAsync<PipelineException>(async () =>
        {
            await foreach (var chunk in source.ReadAsync([new SplitPosition(new SplitId(source.Name, "orders"), null)], deadline.Token))
                using (chunk) if (chunk.Rows is { } rows) numbers.AddRange(Enumerable.Range(0, rows.Length).Select(row => table.NumberOf(rows, row)));
        });

        Assert.Equal(FaultKind.Unreachable, failure.Kind);
        Assert.Equal(Reading.Numbers(numbers.Count), numbers);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_named()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        await using var source = table.Open();
        await table.Server.DisposeAsync();

        var failure = await Assert.ThrowsAsync<PipelineException>(async () => await source.DescribeAsync("orders", deadline.Token));

        Assert.Equal(FaultKind.Unreachable, failure.Kind);
        Assert.Contains("127.0.0.1", failure.Message);
    }
}
