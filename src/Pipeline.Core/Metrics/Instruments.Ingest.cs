namespace Pipeline.Core.Metrics;

public static partial class Instruments
{
    public static readonly InstrumentInfo IngestRows = new(IngestMeter, "pipeline.ingest.rows", InstrumentKind.Counter, "{row}",
        ["table"], "Rows committed to Bronze");

    public static readonly InstrumentInfo IngestBytes = new(IngestMeter, "pipeline.ingest.bytes", InstrumentKind.Counter, "By",
        ["table"], "Bytes of data files committed to Bronze");

    public static readonly InstrumentInfo DeadLetters = new(IngestMeter, "pipeline.ingest.dead_letters", InstrumentKind.Counter, "{record}",
        ["table"], "Records that could not be decoded, re-reads included", "a record cannot be decoded");

    public static readonly InstrumentInfo Refusals = new(IngestMeter, "pipeline.ingest.refusals", InstrumentKind.Counter, "{stage}",
        ["table"], "Stages refused because another writer had moved the table", "another writer moves a table");

    public static readonly InstrumentInfo CommitDuration = new(IngestMeter, "pipeline.ingest.commit.duration", InstrumentKind.Histogram, "s",
        ["table"], "From staging to the committer's answer");

    public static readonly InstrumentInfo Freshness = new(IngestMeter, "pipeline.ingest.freshness", InstrumentKind.Histogram, "s",
        ["table"], "From the newest event of a commit to its commit");

    public static readonly InstrumentInfo BufferBytes = new(IngestMeter, "pipeline.ingest.buffer.bytes", InstrumentKind.Gauge, "By",
        [], "Memory held by chunks between source and data file");

    private static IReadOnlyList<InstrumentInfo> Ingest => [IngestRows, IngestBytes, DeadLetters, Refusals, CommitDuration, Freshness, BufferBytes];
}
