using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Jobs;

public sealed class ReflectedSpec : IDisposable
{
    private static readonly TableId Users = TableId.Bronze("app", "users");

    private readonly TestLake _lake = new(TestGraph.Of(""));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task A_version_without_an_id_is_of_whatever_table_is_there_until_one_with_an_id_stands_beside_it()
    {
        Assert.Empty(Reflected.AllOf(await MadeAsync()));
        var bare = await MadeAsync(("bronze/app/users", 4), ("run", 7), ("app/users/0", 9), ("silver/teams#t", 2), ("gold/days", 1));

        Assert.Equal([new Reflected(Users, null, 4), new Reflected(TableId.Gold("days"), null, 1), new Reflected(TableId.Silver("teams"), "t", 2)], Reflected.AllOf(bare).OrderBy(read => read.Table.ToString(), StringComparer.Ordinal));
        Assert.Equal((4, false), (Reflected.Of(bare, Users, "a"), Reflected.IsOfAnother(bare, Users, "a")));

        var named = await MadeAsync(("bronze/app/users#a", 6));
        Assert.Equal((6, false), (Reflected.Of(named, Users, "a"), Reflected.IsOfAnother(named, Users, "a")));
        Assert.Equal((null, true), (Reflected.Of(named, Users, "b"), Reflected.IsOfAnother(named, Users, "b")));
        Assert.Equal((null, false), (Reflected.Of(named, TableId.Bronze("app", "orders"), "b"), Reflected.IsOfAnother(named, TableId.Bronze("app", "orders"), "b")));
        Assert.Equal((6, 2, 1, null), (named.Position(Users), named.Position(TableId.Silver("teams")), named.Position(TableId.Gold("days")), named.Position(TableId.Gold("weeks"))));

        _lake.Time.Advance(TimeSpan.FromMinutes(1));
        var anew = await MadeAsync(("bronze/app/users#b", 1));
        Assert.Equal((6, 1, 1), (Reflected.Of(anew, Users, "a"), Reflected.Of(anew, Users, "b"), anew.Position(Users)));
    }

    [Fact]
    public void A_lower_version_that_was_committed_later_is_of_another_history_and_news()
    {
        var head = new InputHead(10, TestLake.Start);

        Assert.True(head.IsOlderThan(new InputSeen(Users, 11, 0, TestLake.Start)));
        Assert.False(head.IsOlderThan(new InputSeen(Users, 10, 0, TestLake.Start.AddHours(1))));
        Assert.False(head.IsOlderThan(new InputSeen(Users, 9, 0, TestLake.Start)));
        Assert.True(head.IsOlderThan(new InputSeen(Users, 9, 0, TestLake.Start.AddTicks(1))));
    }

    private async Task<Snapshot> MadeAsync(params (string AppId, long Version)[] txns)
    {
        var table = await _lake.Tables.OpenOrCreateAsync(TableId.Silver("users"), TestLake.BronzeColumns("user_id long"), Cancel);
        return Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = [.. txns.Select(txn => new TxnMove(txn.AppId, table.Current.Position(txn.AppId), txn.Version))] }, Cancel)).Snapshot;
    }
}
