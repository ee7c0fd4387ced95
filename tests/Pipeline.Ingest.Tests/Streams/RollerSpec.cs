using Pipeline.Core;
using Pipeline.Ingest.Committer;
using static Pipeline.Ingest.Tests.Streams.RollScene;

namespace Pipeline.Ingest.Tests.Streams;

/// <summary>Which rows a roll holds and which positions it moves.</summary>
public sealed class RollerSpec
{
    private static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Rows_of_a_later_epoch_say_so_and_those_of_the_first_need_no_column()
    {
        await using var scene = new RollScene();
        await scene.StartAsync(epoch: 3);

        await scene.AddAsync(Other, "orders", 0, 2, [0, 1]);
        await scene.AddAsync(Slot, "orders", 10, 12, [10, 11], dead: [12]);
        await scene.AddAsync(Other, "orders", 2, 3, [2]);
        await scene.AddAsync(Slot, "lines", 12, 13, [12]);
        var stages = await scene.CloseAsync();

        Assert.Equal([new StagedRange(Other, 0, 3), new StagedRange(Slot, 10, 13, Epoch: 3)], Of(stages, Orders).Ranges.OrderBy(range => range.From));
        Assert.Equal([new StagedRange(Slot, 10, 13)], Of(stages, Lines).Ranges);
        Assert.Equal(1, Assert.Single(Of(stages, Dead).Ranges).Epoch);
        Assert.Equal([0, 1, 2, 10, 11], await scene.PositionsAsync(Of(stages, Orders)));
        await scene.PositionsAsync(Of(stages, Lines));
        await scene.PositionsAsync(Of(stages, Dead));
        Assert.Equal(["0:NULL", "1:NULL", "2:NULL", "10:3", "11:3"], (await scene.Oracle.ColumnAsync(Orders, "_position || ':' || coalesce(_epoch::varchar, 'NULL')")).OrderBy(text => int.Parse(text.Split(':')[0])));
        Assert.Equal(["12:3"], await scene.Oracle.ColumnAsync(Dead, "_position || ':' || _epoch"));
        Assert.False((await scene.Oracle.Lake.TryOpenAsync(Lines, TestContext.Current.CancellationToken))!.Current.Schema.FieldsLookup.Contains("_epoch"));
    }

    [Theory]
    [InlineData(0, "10:NULL:3", "11:NULL:3", "12:NULL:3")]
    [InlineData(2, "10:2:3", "11:2:3", "12:2:3")]
    public async Task Rows_that_are_read_again_say_the_epoch_of_their_order_and_that_of_their_reading_dead_letters_too(int order, string first, string second, string letter)
    {
        await using var scene = new RollScene();
        await scene.StartAsync(epoch: 3, order: order);

        await scene.AddAsync(Other, "orders", 0, 1, [0]);
        await scene.AddAsync(Slot, "orders", 10, 11, [10]);
        await scene.AddAsync(Other, "orders", 1, 2, [1]);
        await scene.AddAsync(Slot, "orders", 11, 12, [11], dead: [12]);
        await scene.AddAsync(Slot, "lines", 12, 13, [12]);
        var stages = await scene.CloseAsync();

        // The table is in the epoch of its reading.
        Assert.Equal(3, Of(stages, Orders).Ranges.Single(range => range.Split == Slot).Epoch);
        Assert.Equal([0, 1, 10, 11], await scene.PositionsAsync(Of(stages, Orders)));
        await scene.PositionsAsync(Of(stages, Dead));
        const string All = "_position || ':' || coalesce(_epoch::varchar, 'NULL') || ':' || coalesce(_reading::varchar, 'NULL')";
        var all = order == 0 ? All.Replace("_epoch::varchar", "NULL", StringComparison.Ordinal) : All;
        Assert.Equal(["0:NULL:NULL", "10", "11", "1:NULL:NULL"], (await scene.Oracle.ColumnAsync(Orders, all)).Select(row => row == first ? "10" : row == second ? "11" : row).Order(StringComparer.Ordinal));
        Assert.Equal([letter], await scene.Oracle.ColumnAsync(Dead, all));
        Assert.Equal(order > 0, (await scene.Oracle.Lake.TryOpenAsync(Orders, TestContext.Current.CancellationToken))!.Current.Schema.FieldsLookup.Contains("_epoch"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task Rows_that_bring_a_time_of_order_keep_every_other_column(int epoch)
    {
        await using var scene = new RollScene();
        await scene.StartAsync(epoch: epoch);

        await scene.AddAsync(Slot, "orders", 10, 12, [10, 11]);
        await scene.AddAsync(Slot, "orders", 12, 13, [12], orderTime: DateTimeOffset.UnixEpoch);
        await scene.AddAsync(Slot, "orders", 13, 14, [13]);
        var stages = await scene.CloseAsync();

        Assert.Equal([10, 11, 12, 13], await scene.PositionsAsync(Of(stages, Orders)));
        Assert.Equal(["10:NULL:true", "11:NULL:true", "12:0:true", "13:NULL:true"],
            (await scene.Oracle.ColumnAsync(Orders, "_position || ':' || coalesce(epoch_us(_order_time)::varchar, 'NULL') || ':' || (_ingested_at > timestamptz '2026-01-01 00:00:00+00')")).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_table_that_is_ahead_of_the_reading_gets_only_what_it_lacks()
    {
        await using var scene = new RollScene();
        await scene.StartAsync(orders: 13, lines: 10, from: 10);

        await scene.AddAsync(Slot, "orders", 10, 15, [10, 12, 13, 14]);
        var stages = await scene.CloseAsync();

        Assert.Equal([new StagedRange(Slot, 13, 15)], Of(stages, Orders).Ranges);
        Assert.Equal([13, 14], await scene.PositionsAsync(Of(stages, Orders)));
        Assert.Equal([new StagedRange(Slot, 10, 15)], Of(stages, Lines).Ranges);
        Assert.Empty(Of(stages, Lines).Files);
    }

    [Fact]
    public async Task A_roll_counts_the_letters_of_its_ranges_whether_or_not_they_are_in_the_lake_already()
    {
        await using var scene = new RollScene();
        await scene.StartAsync(orders: 12, lines: 10, dead: 14, from: 10);

        await scene.AddAsync(Slot, "orders", 10, 16, [10, 12, 14], dead: [11, 13, 15]);
        var stages = await scene.CloseAsync();

        // The letter at 11 is below the table's position; that at 13 is not there, though the letters' position is behind it.
        Assert.Equal((2L, 2L), (Of(stages, Orders).Rows, Of(stages, Orders).Letters));
        Assert.Equal((0L, 0L), (Of(stages, Lines).Rows, Of(stages, Lines).Letters));
        Assert.Equal(2, Of(stages, Dead).Rows);
        // Nothing numbers these records: a position without one means nothing.
        Assert.Equal(0, Of(stages, Orders).Unused);
    }

    [Fact]
    public async Task A_roll_of_numbered_records_counts_the_numbers_for_which_the_source_had_none()
    {
        await using var scene = new RollScene(isNumbered: true);
        await scene.StartAsync(orders: 12, lines: 10, from: 10);

        await scene.AddAsync(Slot, "orders", 10, 20, [11, 12, 14], dead: [15]);
        await scene.AddAsync(Slot, "orders", 20, 23, [22]);
        var orders = Of(await scene.CloseAsync(), Orders);

        Assert.Equal((3L, 1L, 7L), (orders.Rows, orders.Letters, orders.Unused));
        var checksum = Assert.NotNull(Assert.Single(orders.Files).Checksum);
        Assert.Equal(checksum, Pipeline.Delta.Storage.FileChecksums.Read(scene.Oracle.Lake.Store.LocalPath($"{Orders}/{orders.Files[0].Path}")!));
    }

    [Fact]
    public async Task Until_the_reading_reaches_a_table_that_is_ahead_the_table_has_nothing_to_commit()
    {
        await using var scene = new RollScene();
        await scene.StartAsync(orders: 13, lines: 10, from: 10);

        await scene.AddAsync(Slot, "orders", 10, 13, [10, 11, 12]);

        Assert.False(scene.Roller.HasRows);
        Assert.Equal(Lines, Assert.Single(await scene.CloseAsync()).Table);
        await scene.AddAsync(Slot, "orders", 13, 14, [13]);
        Assert.Equal([new StagedRange(Slot, 13, 14)], Of(await scene.CloseAsync(), Orders).Ranges);
    }

    [Fact]
    public async Task What_was_a_dead_letter_stays_one_and_what_is_one_now_joins_them_though_others_came_before()
    {
        await using var scene = new RollScene();
        await scene.StartAsync();
        await scene.AddAsync(Slot, "orders", 10, 16, [10, 11, 13, 14], dead: [12, 15]);
        await scene.CommitAsync(Of(await scene.CloseAsync(), Dead));

        // The table has nothing of it: everything is read again, and decoded to something else.
        await scene.StartAsync(dead: 16, from: 10);
        await scene.AddAsync(Slot, "orders", 10, 14, [10, 12, 13], dead: [11]);
        var second = await scene.CloseAsync();
        await scene.CommitAsync(Of(second, Dead));
        await scene.StartAsync(dead: 17, from: 10);
        await scene.AddAsync(Slot, "orders", 10, 20, [11, 12, 13, 14, 15, 16, 18], dead: [10, 17, 19]);
        var third = await scene.CloseAsync();

        Assert.Equal([10, 13], await scene.PositionsAsync(Of(second, Orders)));
        Assert.Equal([new StagedRange(Slot, 16, 17)], Of(second, Dead).Ranges);
        Assert.Equal([new StagedRange(Slot, 17, 20)], Of(third, Dead).Ranges);
        Assert.Equal([10, 11, 12, 15, 17, 19], await scene.PositionsAsync(Of(third, Dead)));
        // Of those that were committed with the second roll, had it been.
        Assert.Equal([10, 13, 13, 14, 16, 18], await scene.PositionsAsync(Of(third, Orders)));
    }

    [Fact]
    public async Task A_record_that_its_table_has_as_a_row_becomes_no_dead_letter_when_it_is_read_for_another_table()
    {
        await using var scene = new RollScene();
        await scene.StartAsync(orders: 13, lines: 10, from: 10);

        await scene.AddAsync(Slot, "orders", 10, 15, [14], dead: [11, 13]);
        var stages = await scene.CloseAsync();

        Assert.Equal([13], await scene.PositionsAsync(Of(stages, Dead)));
    }

    [Fact]
    public async Task The_next_roll_starts_where_the_one_before_has_ended()
    {
        await using var scene = new RollScene();
        await scene.StartAsync();
        await scene.AddAsync(Slot, "orders", 10, 12, [10, 11], newestEventAt: Noon);
        await scene.AddAsync(Slot, "orders", 12, 13, [12], newestEventAt: Noon.AddSeconds(-1));

        var first = Of(await scene.CloseAsync(), Orders);
        await scene.AddAsync(Slot, "orders", 13, 14, [13]);
        var second = Of(await scene.CloseAsync(), Orders);

        Assert.Equal((3L, Noon, new StagedRange(Slot, 10, 13)), (first.Rows, first.NewestEventAt, Assert.Single(first.Ranges)));
        Assert.Equal((1L, null, new StagedRange(Slot, 13, 14)), (second.Rows, second.NewestEventAt, Assert.Single(second.Ranges)));
        Assert.Empty(await scene.CloseAsync());
    }

    [Fact]
    public async Task Rows_in_the_middle_of_a_transaction_are_committed_with_its_end_and_keep_nobody_waiting()
    {
        await using var scene = new RollScene();
        await scene.StartAsync();
        await scene.AddAsync(Slot, "orders", 10, 10, [10, 11], newestEventAt: Noon);
        Assert.Equal((false, false), (scene.Roller.HasRows, scene.Roller.HasProgress));
        await scene.AddAsync(Other, "orders", 0, 1, [0]);

        var others = Of(await scene.CloseAsync(), Orders);
        await scene.AddAsync(Slot, "orders", 10, 20, [12]);
        var whole = Of(await scene.CloseAsync(), Orders);

        Assert.Equal((1L, new StagedRange(Other, 0, 1)), (others.Rows, Assert.Single(others.Ranges)));
        Assert.Equal((3L, Noon, new StagedRange(Slot, 10, 20)), (whole.Rows, whole.NewestEventAt, Assert.Single(whole.Ranges)));
        Assert.Equal([10, 11, 12], await scene.PositionsAsync(whole));
    }

    [Fact]
    public async Task A_transaction_ends_beside_rows_of_others_in_files_of_both()
    {
        await using var scene = new RollScene();
        await scene.StartAsync();
        await scene.AddAsync(Slot, "orders", 10, 10, [10]);
        await scene.AddAsync(Other, "orders", 0, 1, [0]);
        await scene.AddAsync(Slot, "orders", 10, 20, [11]);
        await scene.AddAsync(Slot, "orders", 20, 21, [20]);

        var stage = Of(await scene.CloseAsync(), Orders);

        Assert.Equal((4L, 2), (stage.Rows, stage.Files.Length));
        Assert.Equal([0, 10, 11, 20], await scene.PositionsAsync(stage));
    }

    [Fact]
    public async Task A_transaction_larger_than_a_file_is_written_into_several()
    {
        await using var scene = new RollScene(new IngestOptions { FileBytesMax = 1, RowGroupBytesMax = 1 });
        await scene.StartAsync();
        await scene.AddAsync(Slot, "orders", 10, 10, [10]);
        await scene.AddAsync(Slot, "orders", 10, 10, [11]);
        await scene.AddAsync(Slot, "orders", 10, 20, [12]);

        Assert.True(scene.Roller.IsFull);
        var stage = Of(await scene.CloseAsync(), Orders);

        Assert.Equal((3L, 3), (stage.Rows, stage.Files.Length));
        Assert.False(scene.Roller.IsFull);
    }

    [Fact]
    public async Task Files_that_wait_for_the_end_of_the_roll_hold_no_more_than_a_row_group_together()
    {
        await using var scene = new RollScene(new IngestOptions { RowGroupBytesMax = 1 });
        await scene.StartAsync();
        await scene.AddAsync(Other, "orders", 0, 1, [0]);
        await scene.AddAsync(Slot, "orders", 10, 10, [10]);
        await scene.AddAsync(Slot, "orders", 10, 20, [11]);

        var closing = scene.Roller.Close(withIdle: false);

        var part = Assert.Single(closing.Tables).Part;
        Assert.Equal((1, 1), (part.Complete.Count, part.Open.Count));
    }

    [Fact]
    public async Task Progress_without_rows_is_committed_when_asked_for()
    {
        await using var scene = new RollScene();
        await scene.StartAsync();
        await scene.AddAsync(Slot, "orders", 10, 20, []);

        Assert.Equal((false, true), (scene.Roller.HasRows, scene.Roller.HasProgress));
        Assert.Empty(await scene.CloseAsync(withIdle: false));
        Assert.Equal([Orders, Lines], (await scene.CloseAsync(withIdle: true)).Select(stage => stage.Table));
    }

    [Fact]
    public async Task Dead_letters_come_first_with_the_positions_of_those_splits_that_brought_them()
    {
        await using var scene = new RollScene();
        await scene.StartAsync(dead: 4);
        await scene.AddAsync(Other, "orders", 0, 1, [0]);
        await scene.AddAsync(Slot, "orders", 10, 12, [11], dead: [10]);
        await scene.AddAsync(Slot, "orders", 12, 14, [12]);
        await scene.AddAsync(Other, "orders", 1, 2, [1]);
        Assert.True(scene.Roller.HasRows);

        var stages = await scene.CloseAsync(withIdle: false);
        await scene.AddAsync(Slot, "orders", 14, 15, [14]);
        var next = await scene.CloseAsync();
        await scene.AddAsync(Slot, "orders", 15, 16, [15]);
        await scene.AddAsync(Other, "orders", 2, 3, [], dead: [2]);
        var others = await scene.CloseAsync();

        Assert.Equal(Other, Assert.Single(Of(others, Dead).Ranges).Split);
        Assert.Equal([Dead, Orders], stages.Select(stage => stage.Table));
        Assert.Equal((1L, new StagedRange(Slot, 4, 14)), (stages[0].Rows, Assert.Single(stages[0].Ranges)));
        Assert.DoesNotContain(next, stage => stage.Table == Dead);
    }

    [Fact]
    public async Task Dead_letters_that_the_table_has_are_not_written_again()
    {
        await using var scene = new RollScene();
        await scene.StartAsync();
        await scene.AddAsync(Slot, "orders", 10, 12, [], dead: [10, 11]);
        await scene.CommitAsync(Of(await scene.CloseAsync(), Dead));
        await scene.StartAsync(dead: 12);

        await scene.AddAsync(Slot, "orders", 10, 14, [], dead: [10, 11, 12, 13]);

        Assert.Equal([10, 11, 12, 13], await scene.PositionsAsync(Of(await scene.CloseAsync(), Dead)));
    }

    [Fact]
    public async Task A_chunk_gives_its_bytes_back_when_it_is_written_and_when_it_cannot_be()
    {
        await using var scene = new RollScene();
        await scene.StartAsync();

        await scene.AddAsync(Slot, "orders", 10, 12, [10, 11]);
        await Assert.ThrowsAsync<InvalidOperationException>(() => scene.AddAsync(Slot, "unknown", 12, 13, [12]));

        Assert.Equal(0, scene.Budget.BytesUsed);
    }

    private static StageFiles Of(IEnumerable<StageFiles> stages, TableId table) => stages.Single(stage => stage.Table == table);
}
