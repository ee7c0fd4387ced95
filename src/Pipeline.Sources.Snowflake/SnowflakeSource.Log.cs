using Microsoft.Extensions.Logging;

namespace Pipeline.Sources.Snowflake;

internal static partial class SnowflakeSourceLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "Source {Source}, table {Table}: {Rows} rows have no value in the watermark column {Watermark} and are never read; fill it in Snowflake")]
    public static partial void RowsWithoutWatermark(this ILogger log, string source, string table, long rows, string watermark);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Statement {Handle} could not be cancelled: {Reason}")]
    public static partial void NotCancelled(this ILogger log, string handle, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Source {Source}: Snowflake refused the token ({Code}); renewing it")]
    public static partial void TokenRefused(this ILogger log, string source, string? code);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Source {Source}: {Cause}; attempt {Attempt} failed, retrying")]
    public static partial void Retrying(this ILogger log, string source, string cause, int attempt);
}
