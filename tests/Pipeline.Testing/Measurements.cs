using System.Diagnostics.Metrics;
using Pipeline.Core.Metrics;
using Xunit;

namespace Pipeline.Testing;

/// <summary>
/// What this process measures from now on, as an exporter of metrics sees it. Whoever asks for a figure also asks that
/// nothing was measured but what <see cref="Instruments"/> lists.
/// </summary>
public sealed class Measurements : IDisposable
{
    private static readonly HashSet<string> Listed = [.. Instruments.All.Select(Describe)];

    private readonly MeterListener _listener = new();
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Meter, string Name, string Tags), double> _observed = [];
    private readonly Dictionary<(string Meter, string Name, string Tags), double> _sums = [];
    private readonly SortedSet<string> _strangers = new(StringComparer.Ordinal);
    private readonly string _tag;
    private readonly string? _value;

    /// <param name="tag">With <paramref name="value"/>: only measurements with this tag, and those that lack such a tag.</param>
    public Measurements(string tag = "", string? value = null)
    {
        (_tag, _value) = (tag, value);
        Listen(_listener, Record);
    }

    /// <summary>An instrument of the list in one line.</summary>
    public static string Describe(InstrumentInfo info) => $"{info.Meter} {info.Name} {info.Kind} {info.Unit} [{string.Join(' ', info.Tags)}] {info.Meaning}";

    /// <summary>Passes on every measurement of our meters with its instrument in one line, as <see cref="Describe(InstrumentInfo)"/> gives it.</summary>
    public static void Listen(MeterListener listener, Action<Instrument, string, double, IReadOnlyDictionary<string, object?>> record)
    {
        listener.InstrumentPublished = (instrument, to) =>
        {
            if (instrument.Meter.Name.StartsWith("Pipeline.", StringComparison.Ordinal)) to.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Pass(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Pass(instrument, value, tags));
        listener.Start();

        void Pass(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var kind = instrument.GetType().Name.Split('`')[0] switch { "ObservableGauge" => "Gauge", var name => name };
            var byName = new Dictionary<string, object?>(StringComparer.Ordinal);
            foreach (var tag in tags) byName.Add(tag.Key, tag.Value);
            record(instrument, $"{instrument.Meter.Name} {instrument.Name} {kind} {instrument.Unit} [{string.Join(' ', byName.Keys)}] {instrument.Description}", value, byName);
        }
    }

    /// <summary>A gauge now, of all tags together; null when nobody publishes it.</summary>
    public double? Observe(InstrumentInfo gauge) => Observe(gauge, []);

    /// <summary>A gauge now, of these values of the tags, in their order: none of them means all together.</summary>
    public double? Observe(InstrumentInfo gauge, params string[] tags)
    {
        lock (_lock) _observed.Clear();
        _listener.RecordObservableInstruments();
        return Figure(_observed, gauge, tags);
    }

    /// <summary>A counter since these measurements began, or the sum of a histogram's values.</summary>
    public double Sum(InstrumentInfo counter) => Sum(counter, []);

    /// <summary>The same of these values of the tags, in their order.</summary>
    public double Sum(InstrumentInfo counter, params string[] tags) => Figure(_sums, counter, tags) ?? 0;

    public void Dispose() => _listener.Dispose();

    private double? Figure(Dictionary<(string Meter, string Name, string Tags), double> figures, InstrumentInfo info, string[] tags)
    {
        lock (_lock)
        {
            Assert.Empty(_strangers);
            var values = figures.Where(pair => pair.Key.Meter == info.Meter && pair.Key.Name == info.Name && (tags.Length == 0 || pair.Key.Tags == TagsOf(tags))).Select(pair => pair.Value).ToList();
            return values.Count > 0 ? values.Sum() : null;
        }
    }

    private static string TagsOf(IEnumerable<object?> values) => string.Join('|', values);

    private void Record(Instrument instrument, string line, double value, IReadOnlyDictionary<string, object?> tags)
    {
        lock (_lock)
        {
            if (!Listed.Contains(line)) _strangers.Add(line);
            if (_value is not null && tags.TryGetValue(_tag, out var tag) && tag as string != _value) return;
            var figures = instrument.IsObservable ? _observed : _sums;
            var key = (instrument.Meter.Name, instrument.Name, TagsOf(tags.Values));
            figures[key] = figures.GetValueOrDefault(key) + value;
        }
    }
}
