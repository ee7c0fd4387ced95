using Microsoft.Extensions.Logging;

namespace Pipeline.Sources.Snowflake;

internal static partial class SnowflakeSourceLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "Source {Source}, table {Table}: {Rows} rows have no value in the watermark column {Watermark} and are never read; fill it in Snowflake")]
    public static partial void RowsWithoutWatermark(this ILogger log, string source, string table, long rows, string watermark);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Source {Source}, table {Table}: a row's {Watermark} is {Greatest}, and the account's clock says {Clock}: rows ahead of it wait, those before it are read. {Advice}")]
    public static partial void GreatestIsAhead(this ILogger log, string source, string table, string watermark, string greatest, string clock, string advice);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Source {Source}, table {Table}: a row's {Watermark} is {Greatest}, more than 64 bits hold: such rows are not read, the others are. Correct them, or choose another watermark column")]
    public static partial void GreatestIsTooLarge(this ILogger log, string source, string table, string watermark, string greatest);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Thing}: {Cause}. {NextStep}")]
    public static partial void RowsMayBePassedBy(this ILogger log, string thing, string cause, string nextStep);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Source {Source}, table {Table}: the account's clock says {Clock}, and the table has been read up to {Reached}: it was set back. What it stamps until it has caught up is read all the same, some rows twice")]
    public static partial void ClockSetBack(this ILogger log, string source, string table, string clock, string reached);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Source {Source}, table {Table}: the greatest {Watermark} is {Greatest}, and the table has been read up to {Reached}: it was emptied, restored, or lost its newest rows. All that it has is read once more, and what comes below that number is read too; its rows are newer than all before")]
    public static partial void NumbersBeganAgain(this ILogger log, string source, string table, string watermark, long greatest, long reached);

    [LoggerMessage(Level = LogLevel.Information, Message = "Source {Source}, table {Table}: the account's clock has caught up with what was read")]
    public static partial void ClockCaughtUp(this ILogger log, string source, string table);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Source {Source}, table {Table}: {Watermark} has reached the greatest number of 64 bits: no later change can be told by it. Choose another watermark column")]
    public static partial void WatermarkIsAtItsEnd(this ILogger log, string source, string table, string watermark);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Statement {Handle} could not be cancelled: {Reason}")]
    public static partial void NotCancelled(this ILogger log, string handle, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Source {Source}: Snowflake refused the token ({Code}); renewing it")]
    public static partial void TokenRefused(this ILogger log, string source, string? code);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Source {Source}: {Cause}; attempt {Attempt} failed, retrying")]
    public static partial void Retrying(this ILogger log, string source, string cause, int attempt);
}
