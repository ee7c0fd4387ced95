using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Tests.Silver;

public sealed class SourceEndSpec
{
    [Fact]
    public void A_truncate_comes_after_the_beginning_of_its_epoch_and_before_the_next()
    {
        SourceEnd[] inOrder = [new(0, 7), new(0, 9), new(1, null), new(1, 0), new(1, 5), new(2, null)];

        for (var i = 0; i < inOrder.Length; i++)
            for (var j = 0; j < inOrder.Length; j++) Assert.Equal(i > j, inOrder[i].IsAfter(inOrder[j]));
        Assert.Equal(new SourceEnd(2, null), SourceEnd.Last([null, new SourceEnd(2, null), new SourceEnd(1, 5)]));
        Assert.Equal(new SourceEnd(2, null), SourceEnd.Last([new SourceEnd(1, 5), null, new SourceEnd(2, null)]));
        Assert.Null(SourceEnd.Last([null]));
    }

    [Fact]
    public void Is_told_from_everything_else_that_a_table_remembers()
    {
        Assert.All((string[])["truncated", "truncated#3", SourceEnd.SnapshotAppId], appId => Assert.True(SourceEnd.Is(appId)));
        Assert.All((string[])["run", "truncated#", "truncated#x", "truncated 3", "snapshot"], appId => Assert.False(SourceEnd.Is(appId)));
    }

    [Fact]
    public async Task Is_remembered_by_the_table_that_reflects_it()
    {
        using var lake = new TestLake(TestGraph.Of("users { from = bronze/app/users, columns { user_id { type = long } }, key = [user_id] }"));
        var table = await lake.Tables.OpenOrCreateAsync(TableId.Silver("users"), TestLake.BronzeColumns("user_id long"), TestContext.Current.CancellationToken);
        Assert.Null(SourceEnd.Of(table.Current));

        await MoveAsync(new TxnMove(new SourceEnd(0, 9).AppId, null, 9));
        Assert.Equal(new SourceEnd(0, 9), SourceEnd.Of(table.Current));
        Assert.Equal("truncated", new SourceEnd(0, 9).AppId);

        await MoveAsync(new TxnMove(SourceEnd.SnapshotAppId, null, 1));
        Assert.Equal(new SourceEnd(1, null), SourceEnd.Of(table.Current));

        await MoveAsync(new TxnMove("truncated#1", null, 3), new TxnMove("truncated#x", null, 3), new TxnMove("truncated#", null, 99), new TxnMove("run", null, 4));
        Assert.Equal(new SourceEnd(1, 3), SourceEnd.Of(table.Current));
        Assert.Equal("truncated#1", new SourceEnd(1, 3).AppId);

        async Task MoveAsync(params TxnMove[] moves) =>
            Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = [.. moves] }, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_snapshot_of_a_later_epoch_is_finished_when_all_of_its_splits_are()
    {
        using var lake = new TestLake(TestGraph.Of("users { from = bronze/app/users, columns { user_id { type = long } }, key = [user_id] }"));
        var cancel = TestContext.Current.CancellationToken;
        var table = await lake.Tables.OpenOrCreateAsync(TableId.Parse("bronze/app/users"), TestLake.BronzeColumns("user_id long"), cancel);
        var (stream, one, two) = (new SplitId("app", "slot/s"), new SplitId("app", "snapshot/1"), new SplitId("app", "snapshot/2"));
        Assert.Null(SourceEnd.SnapshotOf(table.Current));

        // The first has nothing before it.
        Assert.Null(await MoveAsync(one, 0, isSnapshot: true, long.MaxValue));
        Assert.Null(await MoveAsync(stream, 1, isSnapshot: false, 5));
        Assert.Null(await MoveAsync(one, 1, isSnapshot: true, 7));
        Assert.Null(await MoveAsync(two, 1, isSnapshot: true, long.MaxValue));
        Assert.Equal(1, await MoveAsync(one, 1, isSnapshot: true, long.MaxValue));
        Assert.Equal(1, await MoveAsync(stream, 2, isSnapshot: false, 5));
        Assert.Null(await MoveAsync(two, 2, isSnapshot: true, 5));
        // What was left behind of an epoch before is never finished.
        Assert.Null(await MoveAsync(new SplitId("app", "snapshot/3"), 1, isSnapshot: true, 7));
        Assert.Equal(2, await MoveAsync(two, 2, isSnapshot: true, long.MaxValue));

        async Task<int?> MoveAsync(SplitId split, int epoch, bool isSnapshot, long to)
        {
            await lake.MoveAsync("bronze/app/users", split, new SplitHistory(epoch, $"server {epoch}", isSnapshot), to);
            return SourceEnd.SnapshotOf(await table.RefreshAsync(cancel));
        }
    }
}
