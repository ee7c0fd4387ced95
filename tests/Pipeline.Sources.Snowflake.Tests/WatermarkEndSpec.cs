using CsCheck;
using Pipeline.Sources.Snowflake.Reading;

namespace Pipeline.Sources.Snowflake.Tests;

public sealed class WatermarkEndSpec
{
    private const long Never = long.MaxValue;

    [Fact]
    public void A_moment_is_read_to_the_lag_before_the_clock_and_no_further_than_what_is_there()
    {
        var end = new MomentEnd(lagMicros: 10);

        end.Move(seen: 95, clock: 100, Never);
        Assert.Equal(90, end.Value);
        end.Move(seen: 95, clock: 200, Never);
        Assert.Equal(95, end.Value);
        Assert.False(end.MayMove(95));
        Assert.True(end.MayMove(96));
    }

    [Fact]
    public void A_moment_stays_before_an_open_transaction_and_never_goes_back()
    {
        var end = new MomentEnd(lagMicros: 0);

        end.Move(seen: 95, clock: 100, oldestOpen: 80);
        Assert.Equal(80, end.Value);
        end.Move(seen: 95, clock: 100, oldestOpen: 70);
        Assert.Equal(80, end.Value);
    }

    [Fact]
    public void A_growing_value_waits_for_its_lag_and_for_all_that_was_open_when_it_was_seen()
    {
        var end = new GrowingEnd(lagMicros: 10, isTimestamp: false);

        end.Move(seen: 7, clock: 100, Never);
        Assert.Null(end.Value);
        end.Move(seen: 9, clock: 110, oldestOpen: 100);
        Assert.Null(end.Value);
        end.Move(seen: 9, clock: 111, oldestOpen: 101);
        Assert.Equal(7, end.Value);
        Assert.True(end.MayMove(9));
        end.Move(seen: 9, clock: 120, oldestOpen: 115);
        Assert.Equal(9, end.Value);
        Assert.False(end.MayMove(9));
    }

    /// <summary>
    /// Any history of transactions that take watermarks from a clock and commit later, with a reader that looks at any
    /// time: no row becomes visible below an end that was given out before.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void No_row_commits_below_an_end_while_transactions_are_watched(bool hasMoments) =>
        Gen.Select(Gen.Int[1, 1_000], Gen.Int[0, 300]).Array[1, 20].Select(Gen.Int[0, 1_500].Array[1, 40]).Sample((transactions, looks) =>
        {
            // A transaction begins, takes its start as the watermark, and is visible from its end on.
            WatermarkEnd end = hasMoments ? new MomentEnd(lagMicros: 0) : new GrowingEnd(lagMicros: 0, isTimestamp: false);
            foreach (var now in looks.Order())
            {
                var visible = transactions.Where(transaction => transaction.Item1 + transaction.Item2 < now).Select(transaction => transaction.Item1 + 1L).ToArray();
                if (visible.Length == 0 || !end.MayMove(visible.Max())) continue;
                var open = transactions.Where(transaction => transaction.Item1 <= now && transaction.Item1 + transaction.Item2 >= now).Select(transaction => (long)transaction.Item1);
                end.Move(visible.Max(), now, open.DefaultIfEmpty(Never).Min());

                // Whatever is not visible yet has a watermark at or above the end.
                Assert.All(transactions.Where(transaction => transaction.Item1 + transaction.Item2 >= now),
                    transaction => Assert.True(transaction.Item1 >= end.Value || end.Value is null, $"watermark {transaction.Item1} is below {end.Value} at {now}"));
            }
        });
}
