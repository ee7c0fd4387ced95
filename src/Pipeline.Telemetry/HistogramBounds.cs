using Pipeline.Core.Metrics;

namespace Pipeline.Telemetry;

/// <summary>
/// The upper bounds of a histogram's buckets as receivers of cumulative histograms are given them: the same at all times, so that what was
/// counted can be subtracted. 1, 2.5 and 5 in each power of ten.
/// </summary>
public static class HistogramBounds
{
    private static readonly double[] Seconds = Decades(-3, 4);
    private static readonly double[] Others = Decades(0, 9);

    /// <summary>Ascending; without the last, which is infinite.</summary>
    public static IReadOnlyList<double> Of(InstrumentInfo instrument) => instrument.Unit == "s" ? Seconds : Others;

    /// <summary>How many values lie in each bucket, the infinite one last. A value counts by the middle that it was counted at: within a twentieth.</summary>
    public static long[] Count(IReadOnlyList<double> bounds, Spread spread)
    {
        var counts = new long[bounds.Count + 1];
        var bucket = 0;
        for (var i = 0; i < spread.Values.Count; i++)
        {
            while (bucket < bounds.Count && spread.Values[i] > bounds[bucket]) bucket++;
            counts[bucket] += spread.Counts[i];
        }

        return counts;
    }

    private static double[] Decades(int first, int last) =>
        [.. Enumerable.Range(first, last - first + 1).SelectMany(power => ((int[])[10, 25, 50]).Select(tenths => double.Parse($"{tenths}e{power - 1}", System.Globalization.CultureInfo.InvariantCulture)))];
}
