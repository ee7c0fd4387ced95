using Pipeline.Core;
using Pipeline.Ingest.Committer;
using Pipeline.Ingest.Streams;

namespace Pipeline.Ingest.Tests.Streams;

public sealed class RollPositionsSpec
{
    private static readonly SplitId One = new("test", "orders/0");
    private static readonly SplitId Two = new("test", "orders/1");

    private readonly RollPositions _positions = new(isSparse: false);

    [Fact]
    public void A_roll_starts_where_the_table_stands_and_the_next_one_behind_it()
    {
        _positions.Start(One, position: 10, readFrom: 10);
        _positions.Start(Two, position: null, readFrom: null);
        Assert.False(_positions.HasProgress);

        _positions.Advance(One, 20);
        _positions.Advance(Two, 5);
        _positions.Advance(One, 30);
        Assert.True(_positions.HasProgress);
        Assert.Equal([new StagedRange(One, 10, 30), new StagedRange(Two, null, 5)], _positions.Close().OrderBy(range => range.Split.Name, StringComparer.Ordinal));

        Assert.False(_positions.HasProgress);
        _positions.Advance(One, 40);
        Assert.Equal([new StagedRange(One, 30, 40)], _positions.Close());
    }

    [Fact]
    public void What_the_table_has_already_is_skipped_until_reading_has_passed_it()
    {
        _positions.Start(One, position: 50, readFrom: 40);
        Assert.Equal(50, _positions.SkipBelow(One));

        _positions.Advance(One, 50);
        Assert.False(_positions.HasProgress);
        Assert.Equal(50, _positions.SkipBelow(One));
        _positions.Advance(One, 51);

        Assert.Null(_positions.SkipBelow(One));
        Assert.Equal([new StagedRange(One, 50, 51)], _positions.Close());
    }

    [Theory]
    [InlineData(50L, 50L)]
    [InlineData(null, null)]
    [InlineData(null, 50L)]
    public void Nothing_is_skipped_that_the_table_lacks(long? position, long? readFrom)
    {
        _positions.Start(One, position, readFrom);

        Assert.Null(_positions.SkipBelow(One));
    }

    [Fact]
    public void A_table_that_stands_somewhere_skips_what_is_read_from_the_beginning()
    {
        _positions.Start(One, position: 50, readFrom: null);

        Assert.Equal(50, _positions.SkipBelow(One));
        Assert.False(RollPositions.Lacks(49, _positions.SkipBelow(One)));
        Assert.True(RollPositions.Lacks(50, _positions.SkipBelow(One)));
        Assert.True(RollPositions.Lacks(0, skipBelow: null));
    }

    [Fact]
    public void A_sparse_table_moves_only_with_rows()
    {
        var sparse = new RollPositions(isSparse: true);
        sparse.Start(One, position: null, readFrom: 10);

        sparse.Advance(One, 20);
        Assert.False(sparse.HasProgress);
        sparse.Wrote(One);
        sparse.Advance(One, 30);
        Assert.Equal([new StagedRange(One, null, 30)], sparse.Close());

        sparse.Advance(One, 40);
        Assert.False(sparse.HasProgress);
    }

    [Fact]
    public void A_sparse_table_that_gets_rows_below_where_it_stands_moves_by_one_each_time()
    {
        var sparse = new RollPositions(isSparse: true);
        sparse.Start(One, position: 50, readFrom: 10);

        sparse.Wrote(One);
        sparse.Advance(One, 20);
        Assert.Equal([new StagedRange(One, 50, 51)], sparse.Close());
        sparse.Wrote(One);
        sparse.Advance(One, 30);
        Assert.Equal([new StagedRange(One, 51, 52)], sparse.Close());
        Assert.Equal(50, sparse.SkipBelow(One));

        sparse.Wrote(One);
        sparse.Advance(One, 40);
        sparse.Advance(One, 60);
        Assert.Equal([new StagedRange(One, 52, 60)], sparse.Close());
        Assert.Null(sparse.SkipBelow(One));
    }

    [Theory]
    [InlineData(10, 5L, null, false, true)]
    [InlineData(4, 5L, null, false, false)]
    [InlineData(10, null, 20L, true, false)]
    [InlineData(10, null, 20L, false, true)]
    [InlineData(20, null, 20L, true, true)]
    [InlineData(4, 5L, 20L, false, false)]
    public void A_record_enters_once_as_what_it_was_first(long position, long? skipBelow, long? lettersBelow, bool isHeld, bool enters) =>
        Assert.Equal(enters, RollPositions.Enters(position, skipBelow, lettersBelow, isHeld));

    [Fact]
    public void A_roll_closes_the_dead_letters_first_and_tables_that_only_moved_when_their_time_has_come()
    {
        var (dead, idle, busy, still) = (new Rolled(1, true), new Rolled(0, true), new Rolled(3, true), new Rolled(0, false));

        Assert.Equal([dead, busy], RollOrder.ToClose(dead, [idle, busy, still], withIdle: false));
        Assert.Equal([dead, idle, busy], RollOrder.ToClose(dead, [idle, busy, still], withIdle: true));
        Assert.Equal([busy], RollOrder.ToClose(new Rolled(0, true), [busy], withIdle: true));
        // Rows in the middle of what can only be committed together.
        Assert.Empty(RollOrder.ToClose<Rolled>(null, [new Rolled(3, false)], withIdle: true));
    }

    private sealed record Rolled(long Rows, bool HasProgress) : IRolledTable;
}
