using Microsoft.Extensions.Logging;

namespace Pipeline.Sources.Postgres;

internal static partial class PostgresSourceLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "Slot {Slot} holds {RetainedBytes} bytes of WAL and is about to lose them: let the lake commit sooner or raise max_slot_wal_keep_size")]
    public static partial void SlotUnreserved(this ILogger log, string slot, long retainedBytes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Slot {Slot} holds {RetainedBytes} bytes of WAL, more than capture.retained-wal-warn ({WarnBytes}); the server keeps {SafeBytes} more")]
    public static partial void SlotRetainsMuch(this ILogger log, string slot, long retainedBytes, long? safeBytes, long warnBytes);

    [LoggerMessage(Level = LogLevel.Information, Message = "Slot {Slot} is well again: it holds {RetainedBytes} bytes of WAL")]
    public static partial void SlotRecovered(this ILogger log, string slot, long retainedBytes);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Thing}: nothing on the server says whose slot {Slot} is, so that another pipeline could use it too; better, as the publication's owner: {Statement}")]
    public static partial void SlotUnclaimed(this ILogger log, string thing, string slot, string statement);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Thing}: {Tables} came into publication {Publication} when slot {Slot} was there already; those that were not read yet begin behind that, with a snapshot")]
    public static partial void PublishedLate(this ILogger log, string thing, string tables, string publication, string slot);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Thing}: publication {Publication} leaves out {Operations}, which therefore do not come into the lake")]
    public static partial void OperationsLeftOut(this ILogger log, string thing, string publication, string operations);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Thing}: {Cause}. {NextStep}")]
    public static partial void RowsMayBePassedBy(this ILogger log, string thing, string cause, string nextStep);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Thing}: the server's clock says {Clock}, and the table has been read up to {Reached}: it was set back. What it stamps until it has caught up is read all the same, {Rows}")]
    public static partial void ClockSetBack(this ILogger log, string thing, string clock, string reached, string rows);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Thing}: the greatest {Watermark} is {Greatest}, and the table has been read up to {Reached}: it was truncated, restored, or lost its newest rows. All that it has is read once more, and what comes below that number is read too; its rows are newer than all before")]
    public static partial void NumbersBeganAgain(this ILogger log, string thing, string watermark, long greatest, long reached);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Thing}: the server's clock has caught up with what was read")]
    public static partial void ClockCaughtUp(this ILogger log, string thing);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Thing}: {Rows} rows have no value in the watermark column {Watermark}: such rows are read with the first window only. Fill it, and set it NOT NULL")]
    public static partial void RowsWithoutWatermark(this ILogger log, string thing, long rows, string watermark);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Thing}: the watermark {Watermark} of {Rows} rows lies more than a day ahead of the server's clock: they are not read before it gets there. Correct them")]
    public static partial void RowsAheadOfClock(this ILogger log, string thing, long rows, string watermark);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Thing}: the watermark {Watermark} has reached the greatest number of its type: no later change can be told by it. Choose another watermark column")]
    public static partial void WatermarkIsAtItsEnd(this ILogger log, string thing, string watermark);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Slot {Slot} could not be looked at: {Cause}")]
    public static partial void SlotUnseen(this ILogger log, string slot, string cause);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Source {Source}, table {Table}: column {Column} has values that the lake's type does not hold (infinity, before the year 1 or after 9999, NaN of a decimal). They are null there; pipeline.source.values.nulled counts them")]
    public static partial void ValuesNulled(this ILogger log, string source, string table, string column);

    [LoggerMessage(Level = LogLevel.Information, Message = "Source {Source}, table {Table}: the server computes {Columns} and does not publish them, so that the lake does not have them. {Help}")]
    public static partial void GeneratedLeftOut(this ILogger log, string source, string table, string columns, string help);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Table {Table}: column {Column} of the stream is left out")]
    public static partial void ColumnLeftOut(this ILogger log, string table, string column);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Table {Table}: column {Column} has its type again; its values of the time when it was {Type} are left out")]
    public static partial void ValuesLeftOut(this ILogger log, string table, string column, string type);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Thing}: a row's key has changed, and values that are stored out of line and did not change are not known under the new one: {Cause}. They stay null until an update writes them; pipeline.source.values.unknown counts them. {Statement} has the server send them")]
    public static partial void ValuesUnknown(this ILogger log, string thing, string cause, string statement);

    [LoggerMessage(Level = LogLevel.Information, Message = "Snapshot of {Table}: {Rows} rows of about {RowsExpected}, {Percent} %, {RemainingSeconds} s left")]
    public static partial void SnapshotProgress(this ILogger log, string table, long rows, long? rowsExpected, long percent, long remainingSeconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Snapshot of {Table} starts again: the table was rewritten (VACUUM FULL, CLUSTER, TRUNCATE)")]
    public static partial void SnapshotStartedAgain(this ILogger log, string table);
}
