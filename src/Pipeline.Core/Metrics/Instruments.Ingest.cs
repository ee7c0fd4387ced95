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

    public static readonly InstrumentInfo IngestDuration = new(IngestMeter, "pipeline.ingest.duration", InstrumentKind.Histogram, "s",
        ["source"], "From the first record of a commit being written into a data file to the commit");

    public static readonly InstrumentInfo IngestRate = new(IngestMeter, "pipeline.ingest.rate", InstrumentKind.Histogram, "{row}/s",
        ["table"], "Rows of a commit, per second of its ingestion");

    public static readonly InstrumentInfo IngestedState = TableState(IngestMeter);

    public static readonly InstrumentInfo SplitState = new(IngestMeter, "pipeline.split.state", InstrumentKind.Gauge, "{state}",
        ["source", "split"], "0 is read, 1 its reading starts, 2 paused or drained, 3 tried again after a fault, 4 halted until somebody acts");

    public static readonly InstrumentInfo IngestErrors = Errors(IngestMeter);

    public static readonly InstrumentInfo IngestRecovery = Recovery(IngestMeter);

    public static readonly InstrumentInfo BronzeBytes = StorageBytes(IngestMeter);

    public static readonly InstrumentInfo BronzeFiles = StorageFiles(IngestMeter);

    public static readonly InstrumentInfo DeadLetterRows = new(IngestMeter, "pipeline.dead_letters.rows", InstrumentKind.Gauge, "{record}",
        ["source"], "Records in a source's dead-letter table, those that were re-driven too", "a record cannot be decoded");

    private static IReadOnlyList<InstrumentInfo> Ingest =>
    [
        IngestRows, IngestBytes, DeadLetters, Refusals, CommitDuration, Freshness, BufferBytes, IngestDuration, IngestRate, IngestedState, SplitState, IngestErrors, IngestRecovery,
        BronzeBytes, BronzeFiles, DeadLetterRows,
    ];

    // One name in every layer: one alarm watches all tables.
    private static InstrumentInfo TableState(string meter) => new(meter, "pipeline.table.state", InstrumentKind.Gauge, "{state}",
        ["table"], "0 goes on, 1 waits or starts, 2 paused or drained, 3 tried again after a fault, 4 halted until somebody acts");

    private static InstrumentInfo StorageBytes(string meter) => new(meter, "pipeline.table.storage.bytes", InstrumentKind.Gauge, "By",
        ["table", "layer"], "Bytes of the data files of a table's newest version; what vacuum has yet to delete is not in it");

    private static InstrumentInfo StorageFiles(string meter) => new(meter, "pipeline.table.storage.files", InstrumentKind.Gauge, "{file}",
        ["table", "layer"], "Data files of a table's newest version");

    private static InstrumentInfo Errors(string meter) => new(meter, "pipeline.errors", InstrumentKind.Counter, "{error}",
        ["table", "kind"], "Faults that a table's work has met, by what kind of reaction each asks for: unreachable, not_authorised, missing, invalid, gap, damaged, too_large, storage_full, defect",
        "something goes wrong");

    private static InstrumentInfo Recovery(string meter) => new(meter, "pipeline.recovery.duration", InstrumentKind.Histogram, "s",
        ["table", "after"], "Until a table's work goes on: after a start (of a node, a crashed one too, or of the work on another), a fault that passed, or a halt that somebody ended",
        meter == IngestMeter ? null : "something goes wrong");
}
