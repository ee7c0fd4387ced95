using Pipeline.Core.Metrics;

namespace Pipeline.Telemetry.Collecting;

/// <summary>What was measured by one instrument with one set of tag values, from any thread.</summary>
internal sealed class MetricSeries(InstrumentInfo instrument, IReadOnlyList<string> tags)
{
    private readonly Lock _lock = new();
    private readonly SpreadBuckets? _spread = instrument.Kind == InstrumentKind.Histogram ? new SpreadBuckets() : null;
    private readonly SpreadBuckets? _totalSpread = instrument.Kind == InstrumentKind.Histogram ? new SpreadBuckets() : null;
    private double _value;
    private double _total;
    private bool _isMeasured;

    /// <param name="value">A number: not infinite.</param>
    public void Measure(double value)
    {
        lock (_lock)
        {
            _isMeasured = true;
            _value = instrument.Kind == InstrumentKind.Gauge ? value : _value + value;
            _spread?.Add(value);
        }
    }

    /// <summary>The interval so far. Null: a gauge that nobody has shown since the last interval ended.</summary>
    /// <param name="isEnd">Whether the interval ends: the next begins without a value.</param>
    public SeriesInterval? Read(bool isEnd)
    {
        lock (_lock)
        {
            if (instrument.Kind == InstrumentKind.Gauge)
            {
                var gauge = _isMeasured ? new SeriesInterval(instrument, tags, _value, _value) : null;
                if (isEnd) _isMeasured = false;
                return gauge;
            }

            var read = new SeriesInterval(instrument, tags, _value, _total + _value, _spread?.ToSpread(), TotalSpread());
            if (isEnd) End();
            return read;
        }
    }

    private void End()
    {
        _total += _value;
        _value = 0;
        if (_spread is null) return;
        _totalSpread!.Add(_spread);
        _spread.Clear();
    }

    private Spread? TotalSpread()
    {
        if (_spread is null) return null;
        var total = new SpreadBuckets();
        total.Add(_totalSpread!);
        total.Add(_spread);
        return total.ToSpread();
    }
}
