namespace Pipeline.Core.Metrics;

public static partial class Instruments
{
    private const string Gone = "records are gone before they were read";
    private const string Captured = "PostgreSQL is read by change capture";
    private const string Snapshotted = "a snapshot runs beside change capture";

    public static readonly InstrumentInfo KafkaRecords = Records(KafkaMeter);

    public static readonly InstrumentInfo KafkaBytes = Bytes(KafkaMeter);

    public static readonly InstrumentInfo KafkaInFlightBytes = InFlightBytes(KafkaMeter);

    public static readonly InstrumentInfo KafkaGaps = Gaps(KafkaMeter);

    public static readonly InstrumentInfo LagRecords = new(KafkaMeter, "pipeline.source.lag.records", InstrumentKind.Gauge, "{record}",
        ["source", "table", "partition"], "Records between the position and the partition's high watermark");

    public static readonly InstrumentInfo LagSeconds = Lag(KafkaMeter);

    public static readonly InstrumentInfo LagUnreadable = new(KafkaMeter, "pipeline.source.lag.unreadable", InstrumentKind.Gauge, "{record}",
        ["source", "table", "partition"], "Of the lag in records, those behind the start of an open transaction: nobody can read them before it ends");

    public static readonly InstrumentInfo PostgresRecords = Records(PostgresMeter);

    public static readonly InstrumentInfo PostgresBytes = Bytes(PostgresMeter);

    public static readonly InstrumentInfo PostgresInFlightBytes = InFlightBytes(PostgresMeter);

    public static readonly InstrumentInfo PostgresGaps = Gaps(PostgresMeter);

    public static readonly InstrumentInfo PostgresNulled = new(PostgresMeter, "pipeline.source.values.nulled", InstrumentKind.Counter, "{value}",
        ["source", "table", "column"], "Values that the lake's type does not hold (infinity, before the year 1 or after 9999, NaN of a decimal): they are null there", "a source has such values");

    public static readonly InstrumentInfo PostgresUnknown = new(PostgresMeter, "pipeline.source.values.unknown", InstrumentKind.Counter, "{value}",
        ["source", "table"], "Values of rows whose key has changed that the server did not send and that could not be read: they are null until an update writes them", "a row gets another key, and its table cannot be asked");

    public static readonly InstrumentInfo SlotRetainedBytes = new(PostgresMeter, "pipeline.source.slot.retained.bytes", InstrumentKind.Gauge, "By",
        ["source"], "WAL that the server keeps for the slot", Captured);

    public static readonly InstrumentInfo SlotSafeBytes = new(PostgresMeter, "pipeline.source.slot.safe.bytes", InstrumentKind.Gauge, "By",
        ["source"], "WAL that may still be written before the slot loses changes", $"{Captured} and the server limits what a slot keeps");

    public static readonly InstrumentInfo SlotStatus = new(PostgresMeter, "pipeline.source.slot.status", InstrumentKind.Gauge, "{status}",
        ["source"], "0 reserved, 1 extended, 2 unreserved, 3 lost", Captured);

    public static readonly InstrumentInfo LagBytes = new(PostgresMeter, "pipeline.source.lag.bytes", InstrumentKind.Gauge, "By",
        ["source"], "WAL between what the lake has confirmed and the server's end", Captured);

    public static readonly InstrumentInfo PostgresLagSeconds = Lag(PostgresMeter);

    public static readonly InstrumentInfo SnapshotRows = new(PostgresMeter, "pipeline.source.snapshot.rows", InstrumentKind.Gauge, "{row}",
        ["source", "table", "relation"], "Rows of a running snapshot read since it was started or resumed", Snapshotted);

    public static readonly InstrumentInfo SnapshotRowsExpected = new(PostgresMeter, "pipeline.source.snapshot.rows.expected", InstrumentKind.Gauge, "{row}",
        ["source", "table", "relation"], "Rows that the server estimates for the whole table", Snapshotted);

    public static readonly InstrumentInfo SnapshotPercent = new(PostgresMeter, "pipeline.source.snapshot.percent", InstrumentKind.Gauge, "%",
        ["source", "table", "relation"], "How much of the table's blocks has been read", Snapshotted);

    public static readonly InstrumentInfo SnapshotRemaining = new(PostgresMeter, "pipeline.source.snapshot.remaining.seconds", InstrumentKind.Gauge, "s",
        ["source", "table", "relation"], "Time left at the pace so far", Snapshotted);

    public static readonly InstrumentInfo SnowflakeRecords = Records(SnowflakeMeter);

    public static readonly InstrumentInfo SnowflakeBytes = Bytes(SnowflakeMeter);

    public static readonly InstrumentInfo SnowflakeInFlightBytes = InFlightBytes(SnowflakeMeter);

    public static readonly InstrumentInfo SnowflakeLagSeconds = Lag(SnowflakeMeter);

    public static readonly InstrumentInfo StatementDuration = new(SnowflakeMeter, "pipeline.source.statement.duration", InstrumentKind.Histogram, "s",
        ["source"], "From sending a statement to its result, or its failure");

    public static readonly InstrumentInfo WarehouseSeconds = new(SnowflakeMeter, "pipeline.source.warehouse.seconds", InstrumentKind.Counter, "s",
        ["source", "warehouse"], "Time for which statements have used the warehouse, each for itself; it is billed for as long as it runs, after them too until it suspends itself");

    private static IReadOnlyList<InstrumentInfo> Sources =>
    [
        KafkaRecords, KafkaBytes, KafkaInFlightBytes, KafkaGaps, LagRecords, LagSeconds, LagUnreadable,
        PostgresRecords, PostgresBytes, PostgresInFlightBytes, PostgresGaps, PostgresNulled, PostgresUnknown, SlotRetainedBytes, SlotSafeBytes, SlotStatus, LagBytes, PostgresLagSeconds, SnapshotRows, SnapshotRowsExpected, SnapshotPercent, SnapshotRemaining,
        SnowflakeRecords, SnowflakeBytes, SnowflakeInFlightBytes, SnowflakeLagSeconds, StatementDuration, WarehouseSeconds,
    ];

    // One name for every source: whoever watches need not know their kinds.
    private static InstrumentInfo Records(string meter) => new(meter, "pipeline.source.records", InstrumentKind.Counter, "{record}",
        ["source", "table"], "Records or rows read into chunks");

    private static InstrumentInfo Bytes(string meter) => new(meter, "pipeline.source.bytes", InstrumentKind.Counter, "By",
        ["source", "table"], "Bytes read: of keys and values, of rows in the form in which the server sends them, or of answers with rows as they came");

    private static InstrumentInfo Lag(string meter) => new(meter, "pipeline.source.lag.seconds", InstrumentKind.Gauge, "s",
        ["source", "table", "partition"], "How far reading is behind: the age of the newest record read while others wait behind it (Kafka), or the time since the moment up to which all has been read (PostgreSQL, Snowflake; partition 0)");

    private static InstrumentInfo InFlightBytes(string meter) => new(meter, "pipeline.source.in_flight.bytes", InstrumentKind.Gauge, "By",
        ["source"], "Memory of what was fetched and waits to be taken");

    private static InstrumentInfo Gaps(string meter) => new(meter, "pipeline.source.gaps", InstrumentKind.Counter, "{gap}",
        ["source", "table"], "Readings of a table halted because what comes next is gone at the source", Gone);
}
