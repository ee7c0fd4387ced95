namespace Pipeline.Core.Metrics;

public static partial class Instruments
{
    public const string NodeMeter = "Pipeline.Node";

    public static readonly InstrumentInfo Waits = new(NodeMeter, "pipeline.waits", InstrumentKind.Gauge, "{wait}",
        [], "Things on this node that have waited for more than a minute without an answer or a refusal; the log names each");

    private static IReadOnlyList<InstrumentInfo> Node => [Waits];
}
