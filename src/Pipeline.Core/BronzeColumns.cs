using Apache.Arrow;
using Apache.Arrow.Types;

namespace Pipeline.Core;

/// <summary>The columns that every Bronze table has beside its source's own.</summary>
public static class BronzeColumns
{
    /// <summary><c>r</c> snapshot or watermark read, <c>c</c> created, <c>u</c> updated, <c>d</c> deleted.</summary>
    public const string Op = "_op";

    /// <summary>The row's position in its split.</summary>
    public const string Position = "_position";

    /// <summary>When the row was written into a data file; filled by Ingest.</summary>
    public const string IngestedAt = "_ingested_at";

    /// <summary>UTC day on which the data file was opened; the partition column; filled by Ingest.</summary>
    public const string IngestDate = "_ingest_date";

    /// <summary>
    /// The split whose dead letter a re-driven row was, at <c>_position</c>; null for a row as it was read. Tables get this
    /// column with their first re-driven row.
    /// </summary>
    public const string RedrivenFrom = "_redriven_from";

    /// <summary>
    /// Which of the table's histories of its source the row is of: a later one is newer, whatever the positions say. Null is 0.
    /// Filled by Ingest; tables get this column with their first row of another epoch.
    /// </summary>
    public const string Epoch = "_epoch";

    /// <summary>
    /// The epoch in which the row was read again, where it keeps its place in the order of an earlier one, which is then in <see cref="Epoch"/>: of two rows of
    /// one place the later read is newer. Null: it was read in <see cref="Epoch"/>. Filled by Ingest; tables get this column with the first part of a log that is read again.
    /// </summary>
    public const string Reading = "_reading";

    /// <summary>
    /// Where an epoch has splits that share keys, the time that puts their rows in order: the row's own
    /// (<see cref="BronzeRole.RecordTime"/>), or the greatest seen before it in its split, so that it never goes back there.
    /// Null: the row's own. Tables get this column with their first row whose time goes back.
    /// </summary>
    public const string OrderTime = "_order_time";

    /// <summary>
    /// The columns whose values the row carries, separated by commas; null: all. Tables of sources that say nothing of the kind get this column with
    /// their first row that lacks a column which the table has from before.
    /// </summary>
    public const string Changed = "_changed";

    /// <summary>The place of a captured change among those that share its position.</summary>
    public const string Sequence = "_sequence";

    /// <summary>Microseconds since the epoch, adjusted to UTC: the only form of timestamp in the lake.</summary>
    public static readonly TimestampType Timestamp = new(TimeUnit.Microsecond, "UTC");

    public static readonly Field OpField = new(Op, StringType.Default, nullable: false);
    public static readonly Field PositionField = new Field(Position, Int64Type.Default, nullable: false).As(BronzeRole.Position);
    public static readonly Field IngestedAtField = new(IngestedAt, Timestamp, nullable: false);
    public static readonly Field IngestDateField = new(IngestDate, Date32Type.Default, nullable: false);
    public static readonly Field RedrivenFromField = new(RedrivenFrom, StringType.Default, nullable: true);
    public static readonly Field EpochField = new Field(Epoch, Int32Type.Default, nullable: true).As(BronzeRole.Epoch);
    public static readonly Field ReadingField = new Field(Reading, Int32Type.Default, nullable: true).As(BronzeRole.Reading);
    public static readonly Field ChangedField = new Field(Changed, StringType.Default, nullable: true).As(BronzeRole.Changed);
    public static readonly Field OrderTimeField = new Field(OrderTime, Timestamp, nullable: true).As(BronzeRole.OrderTime);

    private static readonly HashSet<string> Own = new(StringComparer.OrdinalIgnoreCase) { Op, Position, IngestedAt, IngestDate, RedrivenFrom, Epoch, Reading, OrderTime, Changed, Sequence };

    /// <summary>Whether a column is the pipeline's own whatever the source: no source has one of such a name, and every row carries it.</summary>
    public static bool IsOwn(string name) => Own.Contains(name);

    /// <summary>The Bronze table's schema for a source's schema (its columns, <c>_op</c>, <c>_position</c>).</summary>
    public static Schema TableSchema(Schema sourceSchema) =>
        new([.. sourceSchema.FieldsList, IngestedAtField, IngestDateField], sourceSchema.Metadata);
}

/// <summary>The columns of <c>bronze/SOURCE/_dead_letter</c>.</summary>
public static class DeadLetterColumns
{
    public const string Table = "_table";
    public const string Split = "_split";

    /// <summary>A short fixed word for programs: <c>invalid_utf8</c>, <c>too_large</c>, <c>unknown_schema</c>, ...</summary>
    public const string Code = "code";

    /// <summary>A sentence for people.</summary>
    public const string Reason = "reason";

    public const string Key = "key";
    public const string Value = "value";
    public const string Headers = "headers";
    public const string RecordTimestamp = "record_timestamp";

    /// <summary>What a source fills in; Ingest adds <c>_ingested_at</c> and <c>_ingest_date</c>.</summary>
    public static readonly Schema SourceSchema = new(
    [
        new Field(Table, StringType.Default, nullable: false),
        new Field(Split, StringType.Default, nullable: false),
        BronzeColumns.PositionField,
        new Field(Code, StringType.Default, nullable: false),
        new Field(Reason, StringType.Default, nullable: false),
        new Field(Key, BinaryType.Default, nullable: true),
        new Field(Value, BinaryType.Default, nullable: true),
        new Field(Headers, StringType.Default, nullable: true),
        new Field(RecordTimestamp, BronzeColumns.Timestamp, nullable: true),
    ], null);
}
