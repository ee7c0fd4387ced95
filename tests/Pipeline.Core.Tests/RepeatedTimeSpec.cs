using CsCheck;

namespace Pipeline.Core.Tests;

public sealed class RepeatedTimeSpec
{
    private const long Second = 1_000_000;

    [Fact]
    public void A_clock_ahead_of_what_was_read_repeats_nothing()
    {
        var repeated = new RepeatedTime();

        Assert.False(repeated.Look(clock: 100 * Second, readUpTo: 99 * Second, sinceLook: null));
        Assert.False(repeated.Look(clock: 50 * Second, readUpTo: null, sinceLook: null));
        Assert.False(repeated.IsOn);
    }

    [Fact]
    public void A_first_look_at_a_clock_that_is_behind_reads_from_the_beginning()
    {
        var repeated = new RepeatedTime();

        Assert.True(repeated.Look(clock: 100 * Second, readUpTo: 3_700 * Second, sinceLook: null));
        Assert.Equal(new RepeatedStamps(0, 99 * Second, WithAhead: true), repeated.Next(end: 99 * Second, readUpTo: 3_700 * Second));
        Assert.False(repeated.ReadTo(99 * Second, 3_700 * Second));
        Assert.Equal(new RepeatedStamps(99 * Second, 100 * Second, WithAhead: false), repeated.Next(end: 100 * Second, readUpTo: 3_700 * Second));
        Assert.False(repeated.Look(clock: 101 * Second, readUpTo: 3_700 * Second, sinceLook: TimeSpan.FromSeconds(1)));
    }

    /// <summary>
    /// Any history of a server's clock that goes and is set, forwards and back, with a reader that looks now and then and never stops:
    /// every row is read by the time at which the clock has passed all it ever said.
    /// </summary>
    [Fact]
    public void Every_row_is_read_whatever_the_clock_did() =>
        Gen.Select(Gen.Int[0, 9], Gen.Long[-4_000, 4_000], Gen.Long[1, 30]).Array[5, 60].Sample(steps =>
        {
            var (repeated, rows, read) = (new RepeatedTime(), new List<long>(), new HashSet<int>());
            long clock = 1_000_000 * Second, now = 0, greatest = clock;
            long? readUpTo = null, lookedAt = null;
            foreach (var (what, shift, seconds) in steps.Append((3, 0, 1L)))
            {
                now += seconds * Second;
                clock += seconds * Second;
                if (what == 0) clock += shift * Second;
                greatest = Math.Max(greatest, clock);
                rows.Add(clock);
                if (what % 3 == 0) Look();
            }

            // It catches up.
            clock = greatest + 5 * Second;
            for (var i = 0; i < 5; i++)
            {
                now += Second;
                clock += Second;
                Look();
            }

            Assert.Equal(rows.Count, read.Count);

            void Look()
            {
                repeated.Look(clock, readUpTo, lookedAt is { } at ? TimeSpan.FromMicroseconds(now - at) : null);
                lookedAt = now;
                if (repeated.IsOn)
                {
                    if (repeated.Next(clock, readUpTo!.Value) is not var (low, high, withAhead)) return;
                    if (withAhead) Read(readUpTo.Value, long.MaxValue);
                    if (Read(low, high)) readUpTo++;
                    repeated.ReadTo(high, readUpTo.Value);
                }
                else if (Read(readUpTo ?? 0, clock)) readUpTo = clock;
            }

            bool Read(long low, long high)
            {
                var found = Enumerable.Range(0, rows.Count).Where(row => rows[row] >= low && rows[row] < high).ToList();
                read.UnionWith(found);
                return found.Count > 0;
            }
        });
}
