using Microsoft.Extensions.Logging;

namespace Pipeline.Transform.Engines.Emr;

internal static partial class EmrStepLog
{
    [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "Runs wait for room on EMR cluster {Cluster}: {Cause}. Use another cluster for what else it does, or fewer tables on it, if this lasts.")]
    public static partial void Full(this ILogger log, string cluster, string cause);
}
