namespace Pipeline.Core.Metrics;

public static partial class Instruments
{
    public static readonly InstrumentInfo TableRuns = new(TransformMeter, "pipeline.table.runs", InstrumentKind.Counter, "{run}",
        ["table", "outcome"], "Runs of a Silver or Gold table by how they ended: succeeded, failed, too_large (a smaller one follows) or dropped (another got there first)");

    public static readonly InstrumentInfo RunDuration = new(TransformMeter, "pipeline.table.run.duration", InstrumentKind.Histogram, "s",
        ["table"], "From a run's start on its node to its last commit, successful runs only");

    public static readonly InstrumentInfo PipelineDuration = new(TransformMeter, "pipeline.table.duration", InstrumentKind.Histogram, "s",
        ["table"], "End to end: from the newest event at the sources that a run has brought to that run's commit");

    public static readonly InstrumentInfo RunRate = new(TransformMeter, "pipeline.table.run.rate", InstrumentKind.Histogram, "{row}/s",
        ["table"], "Bronze rows that a Silver run has read, per second of its duration");

    public static readonly InstrumentInfo TransformedState = TableState(TransformMeter);

    public static readonly InstrumentInfo JobState = new(TransformMeter, "pipeline.job.state", InstrumentKind.Gauge, "{state}",
        ["table"], "The table's job: 0 none, 1 is being planned, 2 runs on a node, 3 runs on an engine elsewhere");

    public static readonly InstrumentInfo Quality = new(TransformMeter, "pipeline.table.quality", InstrumentKind.Gauge, "1",
        ["table", "dimension"], "Share of the rows of a Silver table's last run that was as the dimension asks, from 0 to 1");

    public static readonly InstrumentInfo RuleFailures = new(TransformMeter, "pipeline.table.rule.failures", InstrumentKind.Counter, "{row}",
        ["table", "rule"], "Rows that broke a rule of their Silver table, whether they were quarantined or let through with a warning", "rows break rules");

    public static readonly InstrumentInfo TransformErrors = Errors(TransformMeter);

    public static readonly InstrumentInfo TransformRecovery = Recovery(TransformMeter);

    public static readonly InstrumentInfo TransformedBytes = StorageBytes(TransformMeter);

    public static readonly InstrumentInfo TransformedFiles = StorageFiles(TransformMeter);

    public static readonly InstrumentInfo QuarantinedRows = new(TransformMeter, "pipeline.table.quarantined.rows", InstrumentKind.Gauge, "{row}",
        ["table"], "Rows in a Silver table's quarantine now, those that wait for a parent too");

    public static readonly InstrumentInfo HeldRows = new(TransformMeter, "pipeline.table.held.rows", InstrumentKind.Gauge, "{row}",
        ["table"], "Rows in a Silver table's quarantine that only wait for a parent, as its last run has left them");

    public static readonly InstrumentInfo QuarantinedShare = new(TransformMeter, "pipeline.table.quarantined.share", InstrumentKind.Gauge, "1",
        ["table"], "Share of the rows of a Silver table's runs that went to the quarantine, from 0 to 1, for as long as it is more than expected and not mended; 0 otherwise");

    public static readonly InstrumentInfo UnreadFields = new(TransformMeter, "pipeline.table.unread.fields", InstrumentKind.Gauge, "{field}",
        ["table"], "Members of JSON records that runs of a Silver table have met and no column of its contract reads", "records have such fields");

    public static readonly InstrumentInfo RunCost = new(TransformMeter, "pipeline.table.run.cost", InstrumentKind.Histogram, "{currency}",
        ["table", "engine"], "What a run has cost: what its engine has billed for it, or its share of a node's time, times the configured prices", "prices are configured");

    public static readonly InstrumentInfo RecordCost = new(TransformMeter, "pipeline.table.records.cost", InstrumentKind.Histogram, "{currency}",
        ["table"], "What a Silver run has cost for each million Bronze rows that it has read", "prices are configured");

    public static readonly InstrumentInfo MaintainedFiles = new(TransformMeter, "pipeline.lake.maintained.files", InstrumentKind.Counter, "{file}",
        ["kind"], "Files that the lake's maintenance has put together with others (put-together), or deleted because nobody needs them any more (deleted)", "a round of maintenance has ended");

    private static IReadOnlyList<InstrumentInfo> Transform =>
    [
        TableRuns, RunDuration, PipelineDuration, RunRate, TransformedState, JobState, Quality, RuleFailures, TransformErrors, TransformRecovery,
        TransformedBytes, TransformedFiles, QuarantinedRows, HeldRows, QuarantinedShare, UnreadFields, RunCost, RecordCost, MaintainedFiles,
    ];
}
