using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Ingest.Tests.DeadLetters;

namespace Pipeline.Ingest.Tests;

/// <summary>What the rows around a part of a log say of its order.</summary>
public sealed class PartTimesSpec : IDisposable
{
    private static readonly SplitId Split = SplitId.Parse(LetterLake.Split);

    private readonly LetterLake _lake = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task A_part_lies_between_the_times_of_the_rows_next_to_it_and_only_their_files_are_read()
    {
        await _lake.BeginEpochAsync(0, reached: 8);
        for (var position = 0; position < 8; position++) await AppendAsync(0, position);
        var table = await _lake.ClicksAsync();
        foreach (var file in table.Current.Files.Where(file => Statistics.Bounds(file.Stats, "_offset") is not ((2, _) or (5, _))))
            File.Delete(Path.Combine(_lake.Root, LetterLake.Clicks.ToString(), file.Path.Replace("%3D", "=", StringComparison.Ordinal)));

        var times = await PartTimes.OfAsync(table, LetterLake.Clicks, [new SplitPart(Split, 3, 5)], Cancel);

        Assert.Equal(new PartTimes(MicrosecondsOf(2), MicrosecondsOf(5)), times[Split]);
    }

    [Fact]
    public async Task Behind_the_last_row_a_part_ends_at_the_time_at_which_its_split_stands()
    {
        await _lake.BeginEpochAsync(0, reached: 1);
        await AppendAsync(0, 0);
        var table = await _lake.ClicksAsync();
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Marks = [.. SplitHistory.MarksOf(Split, 0, new SplitMarks(OrderTime: 77))] }, Cancel));

        var times = await PartTimes.OfAsync(table, LetterLake.Clicks, [new SplitPart(Split, 0, 1)], Cancel);

        Assert.Equal(new PartTimes(null, 77), times[Split]);
    }

    /// <summary>A split that went on in the epoch took the time with it to which it had come.</summary>
    [Theory]
    [InlineData(6, 90, 90)]
    [InlineData(6, null, null)]
    [InlineData(7, 90, 90)]
    [InlineData(7, null, 6)]
    public async Task Where_an_epoch_began_with_a_time_a_part_does_too(long from, int? orderTime, int? before)
    {
        await _lake.BeginEpochAsync(0, reached: 6);
        await _lake.BeginEpochAsync(1, reached: 8);
        await AppendAsync(1, 6, orderTime);
        await AppendAsync(1, 7);
        await AppendAsync(1, 8);

        var times = await PartTimes.OfAsync(await _lake.ClicksAsync(), LetterLake.Clicks, [new SplitPart(Split, from, 8)], Cancel);

        Assert.Equal(before is { } second ? MicrosecondsOf(second) : null, times[Split].Before);
    }

    [Fact]
    public async Task A_row_that_was_entered_later_says_nothing_of_the_order_in_which_records_were_read()
    {
        await _lake.BeginEpochAsync(0, reached: 0);
        for (var position = 0; position < 3; position++) await _lake.AppendAsync(LetterLake.Letter(position, "{}"u8.ToArray()));
        await _lake.DieAsync(LetterLake.Letter(3, "{}"u8.ToArray()));
        await _lake.RedriveAsync();

        var times = await PartTimes.OfAsync(await _lake.ClicksAsync(), LetterLake.Clicks, [new SplitPart(Split, 4, 5)], Cancel);

        Assert.Equal(4, (await _lake.ClicksAsync()).Current.RowCount);
        Assert.Equal(MicrosecondsOf(2), times[Split].Before);
    }

    [Theory]
    [InlineData(2, 4, false)]
    [InlineData(2, 7, false)]
    [InlineData(6, 7, true)]
    [InlineData(7, 8, true)]
    public async Task A_part_that_begins_before_the_epoch_that_is_read_now_is_refused_and_told_where_one_may(long from, long to, bool mayBegin)
    {
        for (var position = 0; position < 8; position++) await AppendAsync(0, position);
        await _lake.BeginEpochAsync(1, reached: 8);
        for (var position = 6; position < 8; position++) await AppendAsync(1, position);
        var table = await _lake.ClicksAsync();

        var refused = await Record.ExceptionAsync(() => TableTurns.CheckOrderAsync(table, LetterLake.Clicks, [new SplitPart(Split, from, to)], Cancel));

        if (mayBegin)
        {
            Assert.Null(refused);
            return;
        }

        var told = Assert.IsType<PipelineException>(refused);
        Assert.Contains($"begins at {from}, and nothing shows that epoch 1, which the table reads now, had begun there", told.Cause, StringComparison.Ordinal);
        Assert.StartsWith("Begin at 6 or later", told.NextStep, StringComparison.Ordinal);
        Assert.Contains("--full", told.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_planned_in_another_order_or_looked_at_in_another_epoch_is_not_begun()
    {
        await _lake.BeginEpochAsync(0, reached: 8);
        await AppendAsync(0, 7);
        SplitPart[] parts = [new SplitPart(Split, 2, 4)];

        var other = await Assert.ThrowsAsync<PipelineException>(() => TableTurns.BeginAsync(_lake.Lake, LetterLake.Clicks, parts, isInOrder: false, TimeProvider.System, Cancel));
        var open = await Assert.ThrowsAsync<PipelineException>(() => TableTurns.BeginAsync(_lake.Lake, LetterLake.Clicks, [new SplitPart(Split, 2)], isInOrder: true, TimeProvider.System, Cancel));
        await _lake.BeginEpochAsync(1, reached: 8);
        var begun = (await _lake.ClicksAsync()).Current;
        var late = Assert.Throws<PipelineException>(() => TableTurns.ToBegin(begun, LetterLake.Clicks, parts, looked: 0, times: null));

        Assert.All([other, open], refused => Assert.Equal("it was planned in another order", refused.Cause));
        Assert.Equal("epoch 1 has begun meanwhile", late.Cause);
    }

    private static DateTimeOffset TimeOf(long position) => new DateTimeOffset(2026, 3, 2, 12, 0, 0, TimeSpan.Zero).AddSeconds(position);

    private static long MicrosecondsOf(long position) => TimeOf(position).ToUnixTimeMilliseconds() * 1000;

    /// <summary>A row in a file of its own.</summary>
    private async Task AppendAsync(int epoch, long position, int? orderTime = null)
    {
        await using var source = LetterLake.Source();
        using var rows = await source.DecodeAsync(LetterLake.Name, Split, [LetterLake.Letter(position, "{}"u8.ToArray())], Cancel);
        var table = await BronzeTable.OpenAsync(_lake.Lake, LetterLake.Clicks, await source.DescribeAsync(LetterLake.Name, Cancel), Cancel);
        if (epoch > 0) table = table.With(BronzeColumns.EpochField);
        if (orderTime is not null) table = table.With(BronzeColumns.OrderTimeField);
        await LetterLake.CommitAsync(table, rows.Rows, new Dictionary<string, long>(StringComparer.Ordinal), [new RowEpoch(epoch)], orderTime is { } second ? [TimeOf(second)] : null);
    }
}
