using System.Diagnostics.Metrics;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>The instruments of one source, by name, as a metrics exporter sees them.</summary>
internal sealed class SourceFigures : IDisposable
{
    private readonly string _source;
    private readonly MeterListener _listener = new();
    private readonly Dictionary<string, double> _observed = new(StringComparer.Ordinal);
    private readonly Dictionary<string, double> _sums = new(StringComparer.Ordinal);

    public SourceFigures(string source)
    {
        _source = source;
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "Pipeline.Sources.Postgres") listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Record(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Record(instrument, value, tags));
        _listener.Start();
    }

    /// <summary>A gauge now; null when the source does not publish it.</summary>
    public double? Observe(string name)
    {
        lock (_observed) _observed.Clear();
        _listener.RecordObservableInstruments();
        lock (_observed) return _observed.TryGetValue(name, out var value) ? value : null;
    }

    public double Sum(string name)
    {
        lock (_observed) return _sums.GetValueOrDefault(name);
    }

    public void Dispose() => _listener.Dispose();

    private void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        foreach (var tag in tags)
            if (tag.Key == "source" && (string?)tag.Value != _source) return;
        lock (_observed)
        {
            if (instrument.IsObservable) _observed[instrument.Name] = value;
            else _sums[instrument.Name] = _sums.GetValueOrDefault(instrument.Name) + value;
        }
    }
}
