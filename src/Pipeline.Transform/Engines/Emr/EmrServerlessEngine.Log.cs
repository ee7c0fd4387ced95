using Microsoft.Extensions.Logging;
using Pipeline.Core;

namespace Pipeline.Transform.Engines.Emr;

internal static partial class EmrServerlessLog
{
    [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "Job run {JobRun} of {Name} has waited for {Minutes:0} min and is {State} ({Details}). Application {Application} is {ApplicationState} and may use {Cpu} and {Memory}: raise its maximum capacity or its concurrent jobs if this lasts.")]
    public static partial void Waiting(this ILogger log, string jobRun, string name, double minutes, string state, string details, string application, string applicationState, string cpu, string memory);

    [LoggerMessage(EventId = 2, Level = LogLevel.Information, Message = "Jobs of {Table} may read the whole lake: the tables of a run do not fit into the {Length} characters of a policy that EMR Serverless takes.")]
    public static partial void PolicyOfLake(this ILogger log, TableId table, int length);

    [LoggerMessage(EventId = 3, Level = LogLevel.Warning, Message = "Jobs of {Table} run with all rights of their role: what they need does not fit into the {Length} characters of a policy, or is not in S3.")]
    public static partial void NoPolicy(this ILogger log, TableId table, int length);
}
