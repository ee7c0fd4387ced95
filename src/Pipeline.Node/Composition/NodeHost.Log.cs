using Microsoft.Extensions.Logging;
using Pipeline.Configuration;

namespace Pipeline.Node.Composition;

internal static partial class NodeHostLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "{Place}: {Setting}: {What}")]
    public static partial void OldName(this ILogger log, SourceLocation place, string setting, string what);
}
