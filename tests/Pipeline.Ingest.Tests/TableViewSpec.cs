using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Ingest.Committer;

namespace Pipeline.Ingest.Tests;

public sealed class TableViewSpec
{
    [Fact]
    public void A_table_that_nobody_has_made_holds_nothing()
    {
        Assert.Equal((-1L, null), (MissingTableView.Instance.Version, MissingTableView.Instance.Position(new SplitId("test", "a"))));
        Assert.False(MissingTableView.Instance.Contains("part-1.parquet"));
    }

    [Fact]
    public async Task A_version_of_a_table_holds_its_positions_and_its_files()
    {
        using var oracle = new LakeOracle();
        var cancel = TestContext.Current.CancellationToken;
        var table = await oracle.Lake.OpenOrCreateAsync(TableId.Bronze("test", "orders"), new Schema([new Field("id", Int64Type.Default, nullable: true)], null), [],
            ImmutableDictionary<string, string>.Empty, cancel);
        await table.CommitAsync(new Transaction("APPEND", Isolation.BlindAppend)
        {
            Moves = [new TxnMove("test/a", From: null, To: 10), new TxnMove("test/c", From: null, To: 30)],
            Marks = [.. SplitHistory.MarksOf(new SplitId("test", "c"), epoch: 0, new SplitMarks(Note: 7))],
            Adds = [new AddFile("part-1.parquet", ImmutableDictionary<string, string?>.Empty, Size: 1, DateTimeOffset.UnixEpoch, DataChange: true, Stats: null)],
        }, cancel);

        var view = new SnapshotView(table, table.Current);

        Assert.Equal((1L, 10L, null), (view.Version, view.Position(new SplitId("test", "a")), view.Position(new SplitId("test", "b"))));
        Assert.Null(view.MarksOf([new SplitId("test", "a")]));
        Assert.Equal([KeyValuePair.Create(new SplitId("test", "c"), new SplitMarks(Note: 7))], view.MarksOf([new SplitId("test", "a"), new SplitId("test", "c")])!);
        Assert.True(view.Contains("part-1.parquet"));
        Assert.False(view.Contains("part-2.parquet"));
    }
}
