using Microsoft.Extensions.Logging;

namespace Pipeline.Transform.Engines.Emr;

internal static partial class TransientClusterLog
{
    [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "Started EMR cluster {Cluster} ({Name}): {Instances} instances of {InstanceType}, {Release}; it ends when it had nothing to do for {IdleMinutes:0} min.")]
    public static partial void Started(this ILogger log, string cluster, string name, int instances, string instanceType, string release, double idleMinutes);

    [LoggerMessage(EventId = 2, Level = LogLevel.Information, Message = "Uses EMR cluster {Cluster} of {Name}, which is {Stage}.")]
    public static partial void Uses(this ILogger log, string cluster, string name, string stage);
}
