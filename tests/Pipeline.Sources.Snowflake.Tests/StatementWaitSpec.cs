using Pipeline.Core;
using Pipeline.Emulation.Snowflake;
using Pipeline.Testing;

namespace Pipeline.Sources.Snowflake.Tests;

/// <summary>What waits in Snowflake without an error is told with its reason.</summary>
public sealed class StatementWaitSpec
{
    [Fact]
    public async Task A_transaction_that_holds_back_what_may_be_read_is_told_and_so_is_its_end()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        await table.AppendAsync(3, deadline.Token);
        using var waits = new SaidWaits();
        await using var source = table.Open(table.Options, waits: waits.Watch);
        var open = table.Server.Database.Begin();
        var splits = await source.ListSplitsAsync("orders", deadline.Token);
        await using var chunks = source.ReadAsync([new SplitPosition(splits[0].Id, null)], deadline.Token).GetAsyncEnumerator(deadline.Token);
        // What was committed before it began may be read.
        Assert.True(await chunks.MoveNextAsync());
        chunks.Current.Dispose();
        await table.AppendAsync(3, deadline.Token);

        var next = chunks.MoveNextAsync().AsTask();
        var told = await waits.UntilToldAsync("a transaction that is open", deadline.Token);
        open.Dispose();
        Assert.True(await next);
        chunks.Current.Dispose();
        var over = await waits.UntilOverAsync(told.Reason, deadline.Token);

        Assert.StartsWith("The end of Source crm, table orders", told.Thing, StringComparison.Ordinal);
        Assert.StartsWith("a transaction that is open in the account since ", told.Reason, StringComparison.Ordinal);
        Assert.True(over.IsOver);
    }

    [Fact]
    public async Task A_statement_that_runs_for_minutes_is_told_with_its_handle_and_warehouse()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        using var waits = new SaidWaits();
        await using var source = table.Open(table.Options, waits: waits.Watch);
        var hold = table.Server.HoldStatements();
        var describing = source.DescribeAsync("orders", deadline.Token).AsTask();
        await table.Server.WaitForAsync(request => request is { Operation: SnowflakeOperation.Status, Status: 202 }, deadline.Token);

        var told = await waits.UntilToldAsync("has not ended in warehouse", deadline.Token);
        hold.Dispose();
        await describing;

        Assert.StartsWith("Source crm, table orders", told.Thing, StringComparison.Ordinal);
        Assert.Matches("^statement [0-9a-f-]+ has not ended in warehouse INGEST_WH$", told.Reason);
        Assert.True((await waits.UntilOverAsync(told.Reason, deadline.Token)).IsOver);
    }
}
