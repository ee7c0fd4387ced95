using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Pipeline.Node.Http;

internal static partial class NodeHttpLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "A request could not be answered: {Method} {Path}")]
    public static partial void RequestFailed(this ILogger log, Exception failure, string method, PathString path);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A request that shows a token is not answered. {Thing}: {Cause}. {NextStep}")]
    public static partial void NoTokens(this ILogger log, string thing, string cause, string nextStep);
}
