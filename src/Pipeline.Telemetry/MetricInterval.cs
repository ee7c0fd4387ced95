using Pipeline.Core.Metrics;

namespace Pipeline.Telemetry;

/// <summary>What a node measured in one interval, as every sink is given it.</summary>
/// <param name="Node">Who measured: the node's address.</param>
/// <param name="Started">When the counters and histograms were last zero: the start of the process.</param>
/// <param name="From">End of the interval before.</param>
/// <param name="To">End of this one, from the wall clock.</param>
public sealed record MetricInterval(string Node, DateTimeOffset Started, DateTimeOffset From, DateTimeOffset To, IReadOnlyList<SeriesInterval> Series);

/// <summary>One instrument with one set of tag values.</summary>
/// <param name="Tags">Values of <see cref="InstrumentInfo.Tags"/>, in their order.</param>
/// <param name="Value">Counter: what was added in the interval. Gauge: as it was last seen. Histogram: the sum of the interval's values.</param>
/// <param name="Total">Counter and histogram: <paramref name="Value"/> since the process started. Gauge: as <paramref name="Value"/>.</param>
/// <param name="Spread">Histogram: the interval's values, bounded in their number; else null.</param>
/// <param name="TotalSpread">Histogram: the same since the process started; else null.</param>
public sealed record SeriesInterval(InstrumentInfo Instrument, IReadOnlyList<string> Tags, double Value, double Total, Spread? Spread = null, Spread? TotalSpread = null);

/// <summary>How values are spread: the middles of buckets that grow by a tenth, ascending, with how many values fell into each.</summary>
public sealed record Spread(IReadOnlyList<double> Values, IReadOnlyList<long> Counts)
{
    public long Count => Counts.Sum();
}
