using Microsoft.Extensions.Logging;

namespace Pipeline.Demo.Emr;

internal static partial class EmulatedEmrLog
{
    [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "The emulated EMR had ended and serves at {Url} again, as process {Process}")]
    public static partial void StartedAgain(this ILogger log, Uri url, int process);
}
