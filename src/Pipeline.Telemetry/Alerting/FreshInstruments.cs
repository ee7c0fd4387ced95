using Pipeline.Core.Metrics;

namespace Pipeline.Telemetry.Alerting;

/// <summary>The instruments of freshness: those of the list, and their names and tags while the list has none.</summary>
internal static class FreshInstruments
{
    public static readonly InstrumentInfo TableFreshness = Named("pipeline.table.freshness");

    public static readonly InstrumentInfo TableFreshnessSla = Named("pipeline.table.freshness.sla");

    public static readonly InstrumentInfo TableFreshnessBreach = Named("pipeline.table.freshness.breach");

    private static InstrumentInfo Named(string name) =>
        Instruments.All.FirstOrDefault(instrument => instrument.Name == name) ?? new(Instruments.TransformMeter, name, InstrumentKind.Gauge, "s", ["table", "layer"], "");
}
