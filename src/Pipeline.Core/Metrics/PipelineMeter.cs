using System.Diagnostics.Metrics;

namespace Pipeline.Core.Metrics;

/// <summary>Makes the instruments of one meter as <see cref="Instruments"/> lists them.</summary>
public sealed class PipelineMeter(string name) : IDisposable
{
    private readonly Meter _meter = new(name);

    public Counter<long> Counter(InstrumentInfo info)
    {
        Expect(info, InstrumentKind.Counter);
        return _meter.CreateCounter<long>(info.Name, info.Unit, info.Meaning);
    }

    /// <summary>A counter of what comes in parts of its unit, as time does.</summary>
    public Counter<double> PreciseCounter(InstrumentInfo info)
    {
        Expect(info, InstrumentKind.Counter);
        return _meter.CreateCounter<double>(info.Name, info.Unit, info.Meaning);
    }

    public Histogram<double> Histogram(InstrumentInfo info)
    {
        Expect(info, InstrumentKind.Histogram);
        return _meter.CreateHistogram<double>(info.Name, info.Unit, info.Meaning);
    }

    /// <param name="observe">Called from any thread whenever somebody looks: the values now and the values of their tags.</param>
    public void Gauge<T>(InstrumentInfo info, Func<IEnumerable<(T Value, object[] Tags)>> observe) where T : struct
    {
        Expect(info, InstrumentKind.Gauge);
        _meter.CreateObservableGauge(info.Name, () => observe().Select(seen => new Measurement<T>(seen.Value, info.Tagged(seen.Tags))), info.Unit, info.Meaning);
    }

    public void Dispose() => _meter.Dispose();

    private void Expect(InstrumentInfo info, InstrumentKind kind)
    {
        if (info.Kind != kind || info.Meter != _meter.Name)
            throw new ArgumentException($"{info.Name} is a {info.Kind} of {info.Meter}, not a {kind} of {_meter.Name}.", nameof(info));
    }
}
