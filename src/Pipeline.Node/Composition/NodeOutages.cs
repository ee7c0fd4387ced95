using Microsoft.Extensions.Logging;
using Pipeline.Core;

namespace Pipeline.Node.Composition;

/// <summary>Tells the log what is away, and when it is back.</summary>
internal static partial class NodeOutages
{
    public static OutageWatch Watch(ILoggerFactory logs, TimeProvider time)
    {
        var log = logs.CreateLogger<OutageWatch>();
        return new OutageWatch(time, notice =>
        {
            if (notice.Stage == OutageStage.Away) LogAway(log, notice);
            else LogEnded(log, notice);
        });
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Notice}")]
    private static partial void LogAway(ILogger log, OutageNotice notice);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Notice}")]
    private static partial void LogEnded(ILogger log, OutageNotice notice);
}
