namespace Pipeline.Core.Metrics;

public static partial class Instruments
{
    public static readonly InstrumentInfo TableFreshness = new(TransformMeter, "pipeline.table.freshness", InstrumentKind.Gauge, "s",
        ["table", "layer"], "Now minus the moment of its sources that the table is known to reflect: small also where nothing new comes, as long as it is looked");

    public static readonly InstrumentInfo TableFreshnessSla = new(TransformMeter, "pipeline.table.freshness.sla", InstrumentKind.Gauge, "s",
        ["table", "layer"], "How large the table's freshness may become: freshness.sla, or the table's own");

    public static readonly InstrumentInfo TableFreshnessBreach = new(TransformMeter, "pipeline.table.freshness.breach", InstrumentKind.Gauge, "s",
        ["table", "layer"], "Time until the freshness passes that, at the pace seen: 0 when it has, 86,400 when it will not within a day");

    private static IReadOnlyList<InstrumentInfo> Freshnesses => [TableFreshness, TableFreshnessSla, TableFreshnessBreach];
}
