namespace Pipeline.Core.Metrics;

public static partial class Instruments
{
    public const string NodeMeter = "Pipeline.Node";

    public static readonly InstrumentInfo Waits = new(NodeMeter, "pipeline.waits", InstrumentKind.Gauge, "{wait}",
        [], "Things on this node that have waited for more than a minute without an answer or a refusal; the log names each");

    public static readonly InstrumentInfo NodeState = new(NodeMeter, "pipeline.node.state", InstrumentKind.Gauge, "{state}",
        ["address"], "A node as another sees it: 0 up, 1 joining, 2 leaving, 3 does not answer, 4 given up");

    public static readonly InstrumentInfo NodeCpu = new(NodeMeter, "pipeline.node.cpu", InstrumentKind.Gauge, "{cpu}",
        [], "Processors that the node's process kept busy, on average since it was looked at five seconds ago or more");

    public static readonly InstrumentInfo NodeMemory = new(NodeMeter, "pipeline.node.memory.bytes", InstrumentKind.Gauge, "By",
        ["kind"], "Memory of the node's process: resident, managed (of that what the garbage collector has committed) and native (the rest)");

    public static readonly InstrumentInfo DiskFree = new(NodeMeter, "pipeline.node.disk.free.bytes", InstrumentKind.Gauge, "By",
        ["directory"], "Space left on the disk of a directory: work (spilled data of Transform), spool (metrics that wait), lake and locations.NAME (where they are on a disk)");

    public static readonly InstrumentInfo CertificateDays = new(NodeMeter, "pipeline.certificate.days", InstrumentKind.Gauge, "d",
        ["certificate"], "Days until a certificate expires: node (its own), authority (the first of its authorities), source/NAME/server, /registry, /client or /authority (met on the way to a source), lake/server (of S3), aws/SERVICE, otlp/server; negative when it has",
        "nodes, sources, S3, AWS services or the receiver of metrics talk by TLS");

    private static IReadOnlyList<InstrumentInfo> Node => [Waits, NodeState, NodeCpu, NodeMemory, DiskFree, CertificateDays];
}
