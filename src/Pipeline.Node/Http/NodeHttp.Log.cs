using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Pipeline.Node.Http;

internal static partial class NodeHttpLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "A request could not be answered: {Method} {Path}")]
    public static partial void RequestFailed(this ILogger log, Exception failure, string method, PathString path);
}
