using System.Diagnostics.Metrics;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core.Metrics;
using Pipeline.Telemetry.Collecting;

namespace Pipeline.Telemetry.Tests.Collecting;

public sealed class MetricCollectorSpec : IDisposable
{
    // Of a meter of this test's own: others measure in this process too.
    private static readonly string Meter = $"Tests.{Guid.NewGuid():N}";
    private static readonly InstrumentInfo Rows = new(Meter, "rows", InstrumentKind.Counter, "{row}", ["table"], "");
    private static readonly InstrumentInfo Lag = new(Meter, "lag", InstrumentKind.Gauge, "s", ["table", "partition"], "");
    private static readonly InstrumentInfo Duration = new(Meter, "duration", InstrumentKind.Histogram, "s", ["table"], "");

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 1, 10, 0, 30, TimeSpan.Zero));
    private readonly PipelineMeter _meter = new(Meter);
    private readonly MetricCollector _collector;
    private readonly Counter<long> _rows;
    private readonly Histogram<double> _duration;
    private readonly Dictionary<int, double> _lags = [];
    private bool _isBroken;

    public MetricCollectorSpec()
    {
        _collector = new MetricCollector(_time, [Rows, Lag, Duration], seriesMax: 5);
        _rows = _meter.Counter(Rows);
        _duration = _meter.Histogram(Duration);
        _meter.Gauge(Lag, () => _isBroken ? throw new InvalidOperationException("broken") : _lags.Select(lag => (lag.Value, (object[])["orders", lag.Key])));
    }

    public void Dispose()
    {
        _collector.Dispose();
        _meter.Dispose();
    }

    [Fact]
    public void A_counter_is_told_by_what_was_added_in_the_interval_and_in_all_and_goes_on_as_zero()
    {
        _rows.Add(3, Rows.Tagged("orders"));
        _rows.Add(4, Rows.Tagged("orders"));
        _rows.Add(5, Rows.Tagged("users"));
        var first = End();
        _rows.Add(1, Rows.Tagged("orders"));
        var second = End();

        Assert.Equal([("orders", 7d, 7d), ("users", 5d, 5d)], Told(first));
        Assert.Equal([("orders", 1d, 8d), ("users", 0d, 5d)], Told(second));

        static IEnumerable<(string, double, double)> Told(MetricInterval interval) =>
            interval.Series.Select(series => (series.Tags[0], series.Value, series.Total)).OrderBy(series => series.Item1, StringComparer.Ordinal);
    }

    [Fact]
    public void A_gauge_is_as_it_is_at_the_end_and_is_not_told_when_nobody_shows_it_any_more()
    {
        (_lags[0], _lags[1]) = (10, 20);
        Assert.Equal([("0", 10d), ("1", 20d)], Gauges(End()));
        _lags[0] = 30;
        _lags.Remove(1);
        Assert.Equal([("0", 30d)], Gauges(End()));

        static IEnumerable<(string, double)> Gauges(MetricInterval interval) => interval.Series.Select(series => (series.Tags[1], series.Value)).Order();
    }

    [Fact]
    public void A_histogram_keeps_count_sum_and_each_value_to_a_twentieth_of_the_interval_and_of_all()
    {
        double[] values = [0.001, 0.0011, 1, 1, 1, 3600, 0, 12.5];
        foreach (var value in values) _duration.Record(value, Duration.Tagged("orders"));
        var first = Assert.Single(End().Series);
        _duration.Record(7, Duration.Tagged("orders"));
        var second = Assert.Single(End().Series);

        Assert.Equal((values.Length, values.Sum()), (first.Spread!.Count, first.Value));
        var spread = first.Spread.Values.SelectMany((value, i) => Enumerable.Repeat(value, (int)first.Spread.Counts[i])).Order().ToList();
        Assert.All(values.Order().Zip(spread), pair => Assert.InRange(pair.Second, pair.First * 0.95, pair.First * 1.05));
        Assert.Equal((1, 9), (second.Spread!.Count, second.TotalSpread!.Count));
        Assert.Equal(values.Sum() + 7, second.Total);
    }

    [Fact]
    public void What_is_looked_at_in_between_goes_on()
    {
        _rows.Add(3, Rows.Tagged("orders"));
        _lags[0] = 1;

        Assert.Equal(2, _collector.Look("node").Series.Count);
        _rows.Add(4, Rows.Tagged("orders"));
        Assert.Equal(7, Assert.Single(End().Series, series => series.Instrument == Rows).Value);
    }

    [Fact]
    public void Intervals_follow_each_other_without_a_gap()
    {
        var first = End();
        var second = End();

        Assert.Equal((_time.Start, _time.Start.AddMinutes(1), _time.Start), (first.From, first.To, first.Started));
        Assert.Equal((first.To, first.To.AddMinutes(1), first.Started), (second.From, second.To, second.Started));
    }

    [Fact]
    public void There_are_no_more_series_than_agreed_and_what_is_no_number_is_none()
    {
        foreach (var table in Enumerable.Range(0, 9)) _rows.Add(1, Rows.Tagged($"{table}"));
        (_lags[0], _lags[1]) = (double.NaN, double.PositiveInfinity);

        Assert.Equal(5, End().Series.Count);
        Assert.True(_collector.WasFull);
    }

    [Fact]
    public void One_instrument_that_cannot_be_read_takes_nothing_from_the_others()
    {
        _isBroken = true;
        _rows.Add(1, Rows.Tagged("orders"));

        Assert.Single(_collector.End("node", to: null, out var failure).Series);
        Assert.Contains("broken", failure!.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_measurement_allocates_nothing()
    {
        var (rows, duration) = (Rows.Tagged("orders"), Duration.Tagged("orders"));
        Measure();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Measure();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Measure()
        {
            for (var i = 1; i <= 10_000; i++)
            {
                _rows.Add(i, rows);
                _duration.Record(i, duration);
            }
        }
    }

    private MetricInterval End()
    {
        _time.Advance(TimeSpan.FromMinutes(1));
        var interval = _collector.End("node", to: null, out var failure);
        Assert.Null(failure);
        return interval;
    }
}
