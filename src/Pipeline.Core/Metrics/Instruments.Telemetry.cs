namespace Pipeline.Core.Metrics;

public static partial class Instruments
{
    public const string TelemetryMeter = "Pipeline.Telemetry";

    private const string Published = "metrics are sent somewhere";

    public static readonly InstrumentInfo TelemetrySent = new(TelemetryMeter, "pipeline.telemetry.sent", InstrumentKind.Counter, "{interval}",
        ["sink"], "Intervals of metrics that the receiver has taken", Published);

    public static readonly InstrumentInfo TelemetryDropped = new(TelemetryMeter, "pipeline.telemetry.dropped", InstrumentKind.Counter, "{interval}",
        ["sink"], "Intervals of metrics given up: too many wait, one is too old, or the receiver refuses what is in it", Published);

    public static readonly InstrumentInfo TelemetryFailures = new(TelemetryMeter, "pipeline.telemetry.failures", InstrumentKind.Counter, "{attempt}",
        ["sink"], "Attempts to send an interval of metrics that failed", Published);

    public static readonly InstrumentInfo TelemetrySpoolBytes = new(TelemetryMeter, "pipeline.telemetry.spool.bytes", InstrumentKind.Gauge, "By",
        ["sink"], "Metrics on this node's disk that wait to be sent", Published);

    public static readonly InstrumentInfo TelemetryRejected = new(TelemetryMeter, "pipeline.telemetry.rejected", InstrumentKind.Counter, "{point}",
        ["sink"], "Data points that the receiver has not taken of intervals that it has taken else", "a receiver of OTLP takes a part of what it is sent");

    private static IReadOnlyList<InstrumentInfo> Telemetry => [TelemetrySent, TelemetryDropped, TelemetryFailures, TelemetrySpoolBytes, TelemetryRejected];
}
