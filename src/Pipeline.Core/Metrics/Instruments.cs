namespace Pipeline.Core.Metrics;

/// <summary>
/// Every metric of the pipeline. <c>docs/metrics.md</c> shows this list. A table is <c>bronze/SOURCE/TABLE</c> where Ingest
/// measures and the table's name within the source where a source does.
/// </summary>
public static partial class Instruments
{
    public const string IngestMeter = "Pipeline.Ingest";
    public const string KafkaMeter = "Pipeline.Sources.Kafka";
    public const string PostgresMeter = "Pipeline.Sources.Postgres";
    public const string SnowflakeMeter = "Pipeline.Sources.Snowflake";
    public const string TransformMeter = "Pipeline.Transform";

    /// <summary>All of them, in the order of their document.</summary>
    public static IReadOnlyList<InstrumentInfo> All => field ??=
    [
        .. Ingest,
        .. Node,
        .. Sources,
        .. Storage,
        .. Telemetry,
        .. Transform,
        .. Freshnesses,
    ];
}
