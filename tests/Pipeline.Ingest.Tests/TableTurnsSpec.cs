using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests;

/// <summary>Parts of a table that are read again, whoever dies on the way.</summary>
public sealed class TableTurnsSpec : IDisposable
{
    private static readonly TableId Orders = TableId.Bronze("test", "orders");

    private readonly LakeOracle _oracle = new();
    private readonly ScriptedSystem _system = new ScriptedSystem("test") { Identity = "a" }.WithTable("orders");
    private readonly SplitId _split;
    private readonly SplitId _other;

    public TableTurnsSpec()
    {
        (_split, _other) = (_system.AddSplit("orders/0", "orders"), _system.AddSplit("orders/1", "orders"));
        _system.BeginAt(_split, 0);
        _system.BeginAt(_other, 0);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _oracle.Dispose();

    /// <param name="cutAt">How far a reader had come when it was cut off: in the part, or beyond it, as one that knows of no end.</param>
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(7)]
    [InlineData(10)]
    [InlineData(11)]
    public async Task A_part_is_read_again_and_its_split_goes_on_where_it_was_left_wherever_it_was_cut_off(long cutAt)
    {
        await GivenReadAsync();
        await TableTurns.BeginAsync(_oracle.Lake, Orders, [new SplitPart(_split, 2, 5)], isInOrder: false, TimeProvider.System, Cancel);
        if (cutAt > 2) await CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove(_split, 1, 2, cutAt)] });
        // What that one read behind where the split was left.
        if (cutAt > 10) _system.AppendRows(_split, "orders", (int)cutAt - 10);

        await using (var node = await StartAsync())
        {
            await UntilAsync(snapshot => snapshot.Position(_split) == Math.Max(10, cutAt) && SplitTurn.Of(snapshot.Metadata.Configuration).Count == 0);
            _system.AppendRows(_split, "orders", 12 - (int)Math.Max(10, cutAt));
            _system.AppendRows(_other, "orders", 2);
            await UntilAsync(snapshot => snapshot.Position(_split) == 12 && snapshot.Position(_other) == 6);
        }

        var table = await UntilAsync(_ => true);
        var (left, behind) = (Math.Max(0, 5 - (int)cutAt), (int)Math.Max(10, cutAt));
        string[] again = [.. Enumerable.Range((int)cutAt, left).Concat(Enumerable.Range(behind, 12 - behind)).Select(position => $"orders/0:{position} 1"), "orders/1:4 1", "orders/1:5 1"];
        Assert.Equal(again.Order(StringComparer.Ordinal), (await _oracle.ColumnAsync(Orders, "id || ' ' || coalesce(_epoch, 0)")).Where(row => row.EndsWith(" 1", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.Empty(SplitTurn.Of(table.Metadata.Configuration));
        Assert.Equal(14 + again.Length, table.RowCount);
    }

    [Fact]
    public async Task All_from_a_place_on_is_read_again_and_the_other_splits_go_on_in_the_same_epoch()
    {
        await GivenReadAsync();
        await TableTurns.BeginAsync(_oracle.Lake, Orders, [new SplitPart(_split, 7)], isInOrder: false, TimeProvider.System, Cancel);

        await using var node = await StartAsync();
        var table = await UntilAsync(snapshot => snapshot.Position(_split) == 10);

        Assert.Equal((17, 1, 1), (table.RowCount, table.Histories.EpochOf(_split), table.Histories.EpochOf(_other)));
        Assert.Equal(4, table.Position(_other));
    }

    [Fact]
    public async Task Times_of_what_is_read_again_begin_where_it_does_and_those_of_the_other_splits_go_on()
    {
        await GivenReadAsync();
        var marks = new SplitMarks(OrderTime: 900, Note: 70, Last: 3);
        await CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove(_split, 10, 11), new TxnMove(_other, 4, 5)], Marks = [.. SplitHistory.MarksOf(_split, 0, marks), .. SplitHistory.MarksOf(_other, 0, marks)] });

        await TableTurns.BeginAsync(_oracle.Lake, Orders, [new SplitPart(_split, 2)], isInOrder: false, TimeProvider.System, Cancel);

        // A record of time 100 that is read again would be of 900, and beat one of its key of time 500 in the other split.
        var begun = await UntilAsync(_ => true);
        Assert.Equal((2, default, 5, marks), (begun.Position(_split), begun.Marks(_split), begun.Position(_other), begun.Marks(_other)));
    }

    [Fact]
    public async Task What_went_with_the_place_that_was_left_goes_with_it_again()
    {
        await GivenReadAsync();
        await CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove(_split, 10, 11)], Marks = [.. SplitHistory.MarksOf(_split, 0, new SplitMarks(OrderTime: 5, Note: 70, Last: 10))] });
        await TableTurns.BeginAsync(_oracle.Lake, Orders, [new SplitPart(_split, 2, 5)], isInOrder: false, TimeProvider.System, Cancel);
        var begun = await UntilAsync(_ => true);
        await CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove(_split, 1, 2, 5)], Marks = [.. SplitHistory.MarksOf(_split, 1, new SplitMarks(OrderTime: 5, Note: 40, Last: 4))] });
        await CommitAsync(TableTurns.ToEnd(await UntilAsync(_ => true), [new Split(_split, ["orders"])])!);

        var ended = await UntilAsync(_ => true);

        Assert.Equal(default, begun.Marks(_split));
        Assert.Equal((11, new SplitMarks(OrderTime: 5, Note: 70, Last: 10)), (ended.Position(_split), ended.Marks(_split)));
        Assert.Null(TableTurns.ToEnd(ended, [new Split(_split, ["orders"])]));
    }

    [Fact]
    public async Task A_note_of_the_part_is_none_of_a_place_that_had_none()
    {
        await GivenReadAsync();
        await TableTurns.BeginAsync(_oracle.Lake, Orders, [new SplitPart(_split, 2, 5)], isInOrder: false, TimeProvider.System, Cancel);
        await CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove(_split, 1, 2, 5)], Marks = [.. SplitHistory.MarksOf(_split, 1, new SplitMarks(Note: 40))] });

        await CommitAsync(TableTurns.ToEnd(await UntilAsync(_ => true), [new Split(_split, ["orders"])])!);

        var ended = await UntilAsync(_ => true);
        Assert.Equal((10, default), (ended.Position(_split), ended.Marks(_split)));
    }

    [Fact]
    public async Task A_part_of_an_epoch_that_is_over_puts_no_split_anywhere_and_is_forgotten()
    {
        await GivenReadAsync();
        await TableTurns.BeginAsync(_oracle.Lake, Orders, [new SplitPart(_split, 2, 5)], isInOrder: false, TimeProvider.System, Cancel);
        await GapAcceptance.ReadAgainAsync(_oracle.Lake, Orders, TimeProvider.System, Cancel);
        var over = await UntilAsync(_ => true);

        Assert.Empty(TableTurns.EndsOf(over, [new Split(_split, ["orders"])]));
        var forgotten = TableTurns.ToEnd(over, [new Split(_split, ["orders"])])!;
        Assert.Equal((0, 1), (forgotten.Moves.Length, forgotten.Properties.Count));
        await using var node = await StartAsync();
        Assert.Empty(SplitTurn.Of((await UntilAsync(snapshot => snapshot is { RowCount: 28 })).Metadata.Configuration));
    }

    [Theory]
    [InlineData("orders/0", 10, null, "has been read up to 10, and the part begins at 10")]
    [InlineData("orders/0", 2, 11, "has been read up to 10, and the part ends at 11")]
    [InlineData("orders/0", 5, 5, "the part ends at 5, and begins at 5")]
    [InlineData("orders/7", 2, 5, "is none that it reads now")]
    [InlineData(null, 0, null, "nothing of what was read lies there")]
    public async Task What_is_no_part_of_what_was_read_is_refused(string? split, long from, int? to, string cause)
    {
        await GivenReadAsync();

        var refused = await Assert.ThrowsAsync<PipelineException>(() => TableTurns.BeginAsync(_oracle.Lake, Orders, split is null ? [] : [new SplitPart(new SplitId("test", split), from, to)], isInOrder: false, TimeProvider.System, Cancel));

        Assert.Contains(cause, refused.Cause, StringComparison.Ordinal);
        Assert.Equal(0, (await UntilAsync(_ => true)).Histories.EpochOf(_split));
    }

    [Fact]
    public async Task What_is_read_again_in_the_order_of_an_epoch_says_so_and_a_whole_epoch_is_newer_than_all()
    {
        await GivenReadAsync();
        await CommitAsync(InOrderOf(await UntilAsync(_ => true), from: 8));

        await using (var node = await StartAsync())
        {
            await UntilAsync(snapshot => snapshot.Position(_split) == 10);
            // A split that is found now keeps its place among them, too.
            var later = _system.AddSplit("orders/2", "orders");
            _system.BeginAt(later, 0);
            _system.Append(later, new ScriptedRecord("orders", "dead", IsDead: true));
            _system.AppendRows(later, "orders", 1);
            await UntilAsync(snapshot => snapshot.Position(later) == 2);
        }

        Assert.Equal(["orders/0:8 1", "orders/0:9 1", "orders/2:1 1"], (await _oracle.ColumnAsync(Orders, "id || ' ' || _reading")).Where(row => row != "NULL").Order(StringComparer.Ordinal));
        Assert.Equal(["0 1"], await _oracle.ColumnAsync(TableId.DeadLetter("test"), "_position || ' ' || _reading"));
        var again = await UntilAsync(_ => true);
        Assert.False(again.Schema.FieldsLookup.Contains("_epoch"));
        Assert.All(again.Histories.BySplit.Values, history => Assert.Equal((1, 0), (history.Epoch, history.Order)));
        await CommitAsync(InOrderOf(again, from: 8));
        Assert.All((await UntilAsync(_ => true)).Histories.BySplit.Values, history => Assert.Equal((2, 0), (history.Epoch, history.Order)));

        await GapAcceptance.ReadAgainAsync(_oracle.Lake, Orders, TimeProvider.System, Cancel);

        Assert.All((await UntilAsync(_ => true)).Histories.BySplit.Values, history => Assert.Equal((3, null), (history.Epoch, history.Order)));

        Transaction InOrderOf(Snapshot snapshot, long from) =>
            NextEpoch.Of("BACKFILL", snapshot, [.. snapshot.Histories.BySplit], new Dictionary<SplitId, long?> { [_split] = from }, NextEpoch.OrderOf(snapshot));
    }

    [Fact]
    public async Task While_a_part_is_read_again_another_waits()
    {
        await GivenReadAsync();
        await TableTurns.BeginAsync(_oracle.Lake, Orders, [new SplitPart(_split, 2, 5)], isInOrder: false, TimeProvider.System, Cancel);

        var refused = await Assert.ThrowsAsync<PipelineException>(() => TableTurns.BeginAsync(_oracle.Lake, Orders, [new SplitPart(_other, 1, 2)], isInOrder: false, TimeProvider.System, Cancel));

        Assert.Contains("is being read again up to 5 already", refused.Cause, StringComparison.Ordinal);
        // Also one in which nothing lies of what has been read of that part until now.
        Assert.Contains("is being read again up to 5 already", TableTurns.RefusalOf(await UntilAsync(_ => true), Orders, [])!.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_table_that_was_not_read_and_one_whose_changes_are_captured_have_no_parts()
    {
        Assert.Contains("nothing of it has been read", TableTurns.RefusalOf(null, Orders, [])!.Cause, StringComparison.Ordinal);
        await GivenReadAsync();
        var snapshot = new SplitId("test", "snapshot");
        await CommitAsync(new Transaction("BEGIN", Isolation.BlindAppend)
        {
            Moves = [new TxnMove(snapshot, null, long.MaxValue)], Properties = System.Collections.Immutable.ImmutableDictionary<string, string?>.Empty.Add(SplitHistory.KeyOf(snapshot), new SplitHistory(0, "a", IsSnapshot: true).Write()),
        });

        var refused = TableTurns.RefusalOf(await UntilAsync(_ => true), Orders, [new SplitPart(_split, 2, 5)])!;

        Assert.Contains("changes are captured", refused.Cause, StringComparison.Ordinal);
        Assert.Contains("--full", refused.NextStep, StringComparison.Ordinal);
    }

    /// <summary>Ten rows of the one split and four of the other, by a node that is gone.</summary>
    private async Task GivenReadAsync()
    {
        _system.AppendRows(_split, "orders", 10);
        _system.AppendRows(_other, "orders", 4);
        await using var node = await StartAsync();
        await UntilAsync(snapshot => snapshot.Position(_split) == 10 && snapshot.Position(_other) == 4);
    }

    private Task<IngestNode> StartAsync() => IngestNode.StartAsync(_oracle.Lake, [_system.Open()]);

    private async Task CommitAsync(Transaction transaction) =>
        Assert.IsType<CommitResult.Committed>(await (await _oracle.Lake.TryOpenAsync(Orders, Cancel))!.CommitAsync(transaction, Cancel));

    private async Task<Snapshot> UntilAsync(Func<Snapshot, bool> isReached)
    {
        var since = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var last = (await _oracle.Lake.TryOpenAsync(Orders, Cancel))?.Current;
            if (last is not null && isReached(last)) return last;
            Assert.True(TimeProvider.System.GetElapsedTime(since) < Deadlines.Test, last is null ? "The table is not there"
                : $"The splits are at {last.Position(_split)} and {last.Position(_other)} in epoch {last.Histories.Newest?.Epoch}, with {last.RowCount} rows and turns {string.Join(", ", SplitTurn.Of(last.Metadata.Configuration))}");
            await Task.Delay(20, Cancel);
        }
    }
}
