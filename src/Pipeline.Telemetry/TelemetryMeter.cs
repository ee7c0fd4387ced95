using System.Diagnostics.Metrics;
using Pipeline.Core.Metrics;
using Pipeline.Telemetry.Sending;

namespace Pipeline.Telemetry;

/// <summary>What telemetry measures of itself.</summary>
internal sealed class TelemetryMeter : IDisposable
{
    private readonly PipelineMeter _meter = new(Instruments.TelemetryMeter);
    private readonly Counter<long> _sent;
    private readonly Counter<long> _dropped;
    private readonly Counter<long> _failures;

    public TelemetryMeter(IReadOnlyDictionary<string, MetricSpool> spools)
    {
        _sent = _meter.Counter(Instruments.TelemetrySent);
        _dropped = _meter.Counter(Instruments.TelemetryDropped);
        _failures = _meter.Counter(Instruments.TelemetryFailures);
        _meter.Gauge<long>(Instruments.TelemetrySpoolBytes, () => spools.Select(spool => (spool.Value.Bytes, (object[])[spool.Key])));
        // Who watches for drops needs the zero before the first.
        foreach (var sink in spools.Keys) Dropped(sink, 0);
    }

    public void Sent(string sink) => _sent.Add(1, Instruments.TelemetrySent.Tagged(sink));

    public void Dropped(string sink, int intervals) => _dropped.Add(intervals, Instruments.TelemetryDropped.Tagged(sink));

    public void Failed(string sink) => _failures.Add(1, Instruments.TelemetryFailures.Tagged(sink));

    public void Dispose() => _meter.Dispose();
}
