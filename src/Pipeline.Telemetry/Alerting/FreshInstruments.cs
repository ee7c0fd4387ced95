using Pipeline.Core.Metrics;

namespace Pipeline.Telemetry.Alerting;

internal static class FreshInstruments
{
    public static readonly InstrumentInfo TableFreshness = new(Instruments.TransformMeter, "pipeline.table.freshness", InstrumentKind.Gauge, "s", ["table", "layer"], "Now minus the moment of the source that the table is known to reflect");
    public static readonly InstrumentInfo TableFreshnessSla = new(Instruments.TransformMeter, "pipeline.table.freshness.sla", InstrumentKind.Gauge, "s", ["table", "layer"], "The promise");
    public static readonly InstrumentInfo TableFreshnessBreach = new(Instruments.TransformMeter, "pipeline.table.freshness.breach", InstrumentKind.Gauge, "s", ["table", "layer"], "Time left");
}
