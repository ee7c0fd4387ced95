using System.Diagnostics.Metrics;
using Pipeline.Core;
using Pipeline.Core.Metrics;

namespace Pipeline.Telemetry.Collecting;

/// <summary>
/// Listens to the meters of this process and adds up what they measure, by instrument and tag values. A measurement costs a look-up and
/// an addition and allocates nothing. Safe to use from several threads; intervals are ended by one.
/// </summary>
public sealed class MetricCollector : IDisposable
{
    /// <summary>Series that are kept, of all instruments together: more tell nobody anything, and would cost memory without a bound.</summary>
    public const int SeriesMax = 20_000;

    private readonly TimeProvider _time;
    private readonly MeterListener _listener = new();
    private readonly Dictionary<(string Meter, string Name), InstrumentSeries> _byInstrument;
    private readonly SeriesRoom _room;
    private readonly DateTimeOffset _started;
    private DateTimeOffset _from;

    /// <param name="instruments">What is listened to; null: all of <see cref="Instruments"/>.</param>
    public MetricCollector(TimeProvider time, IReadOnlyList<InstrumentInfo>? instruments = null, int seriesMax = SeriesMax)
    {
        _time = time;
        _started = _from = time.GetUtcNow();
        _room = new SeriesRoom(seriesMax);
        _byInstrument = (instruments ?? Instruments.All).ToDictionary(info => (info.Meter, info.Name), info => new InstrumentSeries(info, _room));
        _listener.InstrumentPublished = (instrument, to) =>
        {
            if (_byInstrument.TryGetValue((instrument.Meter.Name, instrument.Name), out var series)) to.EnableMeasurementEvents(instrument, series);
        };
        _listener.SetMeasurementEventCallback<long>(static (_, value, tags, series) => ((InstrumentSeries)series!).Measure(value, tags));
        _listener.SetMeasurementEventCallback<int>(static (_, value, tags, series) => ((InstrumentSeries)series!).Measure(value, tags));
        _listener.SetMeasurementEventCallback<double>(static (_, value, tags, series) => ((InstrumentSeries)series!).Measure(value, tags));
        _listener.Start();
    }

    /// <summary>Whether there were more series than are kept.</summary>
    public bool WasFull => _room.WasFull;

    /// <summary>Ends an interval: counters and histograms as they were added to since the last one, gauges as they are now.</summary>
    /// <param name="to">Its end; null: now.</param>
    /// <param name="failure">What an instrument threw that was looked at; the others are in the interval.</param>
    public MetricInterval End(string node, DateTimeOffset? to, out Exception? failure)
    {
        var interval = Read(node, to ?? _time.GetUtcNow(), isEnd: true, out failure);
        _from = interval.To;
        return interval;
    }

    /// <summary>The interval so far, which goes on: for who looks at what he likes when he likes.</summary>
    public MetricInterval Look(string node) => Read(node, _time.GetUtcNow(), isEnd: false, out _);

    public void Dispose() => _listener.Dispose();

    private MetricInterval Read(string node, DateTimeOffset to, bool isEnd, out Exception? failure)
    {
        failure = Background.Failure(_listener.RecordObservableInstruments);
        List<SeriesInterval> series = [];
        foreach (var instrument in _byInstrument.Values) instrument.Read(isEnd, series);
        return new MetricInterval(node, _started, _from, to, series);
    }
}
