using Pipeline.Telemetry.Collecting;
using Pipeline.Telemetry.Sending;

namespace Pipeline.Telemetry;

/// <summary>What a node measures, and the sinks that it is sent by. Listens from the beginning, before there are actors.</summary>
public sealed class NodeTelemetry : IDisposable
{
    private readonly Dictionary<string, MetricSpool> _spools;

    /// <param name="sinks">Where metrics are sent; disposed of with this.</param>
    public NodeTelemetry(TelemetryOptions options, IReadOnlyList<IMetricSink> sinks, TimeProvider time, MetricCollector? collector = null)
    {
        (Options, Sinks, Time) = (options, sinks, time);
        Collector = collector ?? new MetricCollector(time);
        _spools = sinks.ToDictionary(sink => sink.Name, sink => MetricSpool.Open(options.SpoolLocation, sink.Name, options.SpoolBytesMax), StringComparer.Ordinal);
        Meter = new TelemetryMeter(_spools);
    }

    /// <summary>For who looks instead of being sent.</summary>
    public MetricCollector Collector { get; }

    public TelemetryOptions Options { get; }

    internal IReadOnlyList<IMetricSink> Sinks { get; }

    internal TelemetryMeter Meter { get; }

    internal TimeProvider Time { get; }

    internal MetricSpool SpoolOf(IMetricSink sink) => _spools[sink.Name];

    public void Dispose()
    {
        Collector.Dispose();
        Meter.Dispose();
        foreach (var sink in Sinks) (sink as IDisposable)?.Dispose();
        foreach (var spool in _spools.Values) spool.Dispose();
    }
}
