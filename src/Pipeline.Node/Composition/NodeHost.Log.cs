using System.Reflection;
using Microsoft.Extensions.Logging;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Operations.Options;

namespace Pipeline.Node.Composition;

internal static partial class NodeHostLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "{Place}: {Setting}: {What}")]
    public static partial void OldName(this ILogger log, SourceLocation place, string setting, string what);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Place}: {What}")]
    public static partial void LeftOut(this ILogger log, SourceLocation place, string what);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Thing}: {Cause}. {NextStep}")]
    public static partial void SecretUnread(this ILogger log, string thing, string cause, string nextStep);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Place}: {Setting}: DuckDB runs it, and Spark would give another answer: {What}")]
    public static partial void NotPortable(this ILogger log, SourceLocation place, string setting, string what);

    [LoggerMessage(Level = LogLevel.Warning, Message = "No node joins another as long as the lake does not say which it is: {Fault}")]
    public static partial void LakeRefuses(this ILogger log, Fault fault);

    [LoggerMessage(Level = LogLevel.Information, Message = "The lake says which it is, and nodes may join. It was: {Cause}")]
    public static partial void LakeAnswers(this ILogger log, string cause);

    [LoggerMessage(Level = LogLevel.Error, Message = "No node joins another: which lake {Location} is cannot be found out.")]
    public static partial void LakeUnknown(this ILogger log, Exception failure, string location);

    [LoggerMessage(Level = LogLevel.Error, Message = "The configuration is not one to run a node with, and the node goes on with the one that it had: {Reason}")]
    public static partial void KeepsConfiguration(this ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The lake does not say which tables it shall hold, so that 'verify' must be told by a configuration: {Fault}")]
    public static partial void NotRecorded(this ILogger log, Fault fault);

    [LoggerMessage(Level = LogLevel.Information, Message = "The lake says which tables it shall hold. It was: {Cause}")]
    public static partial void Recorded(this ILogger log, string cause);

    /// <summary>What runs here, a line a fact.</summary>
    public static void TellStart(this ILogger log, PipelineOptions options, string configuration)
    {
        log.Starts(options.Name, Version, configuration, options.Lake.Location, string.Join(", ", options.Cluster.Roles), options.Sources.Count, options.Graph.Silver.Count, options.Graph.Gold.Count);
        foreach (var source in options.Sources) log.Reads(source.Name, source.Kind, source.Tables.Count, string.Join(", ", source.Tables.Select(table => table.Name)));
        if (options.KeptInProcess is { Count: > 0 } kept) log.KeptInProcess(string.Join(", ", kept));
    }

    /// <summary>Of this program.</summary>
    public static string Version => typeof(NodeHostLog).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    [LoggerMessage(Level = LogLevel.Information,
        Message = "Pipeline {Pipeline} starts: version {Version}, configuration {Configuration}, lake {Lake}, roles {Roles}, {Sources} sources, {Silver} Silver and {Gold} Gold tables")]
    private static partial void Starts(this ILogger log, string pipeline, string version, string configuration, string lake, string roles, int sources, int silver, int gold);

    [LoggerMessage(Level = LogLevel.Information, Message = "Source {Source} ({Kind}): {Count} tables, {Names}")]
    private static partial void Reads(this ILogger log, string source, string kind, int count, string names);

    [LoggerMessage(Level = LogLevel.Information, Message = "Made in process though Spark is set up, since they mask and the key does not leave the node: {Names}")]
    private static partial void KeptInProcess(this ILogger log, string names);

    [LoggerMessage(Level = LogLevel.Information, Message = "The log tells from level {Level} on: {Configuration} says so")]
    public static partial void LevelIs(this ILogger log, string level, string configuration);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The log's level stays as it is: {Configuration} cannot be read. {Problem}")]
    public static partial void LevelUnread(this ILogger log, string configuration, string problem);

    [LoggerMessage(Level = LogLevel.Information, Message = "Told by SIGHUP: everything that is halted on this node, and every Silver and Gold table that has failed, is looked at again now")]
    public static partial void LooksAgain(this ILogger log);

    [LoggerMessage(Level = LogLevel.Information, Message = "This node says how it is at {Address}: /healthz/live, /healthz/ready, /metrics")]
    public static partial void SaysHowItIs(this ILogger log, string address);

    [LoggerMessage(Level = LogLevel.Information, Message = "Programs of this machine's user ask by {Socket}")]
    public static partial void AnswersBySocket(this ILogger log, string socket);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Nobody can ask this node by a socket: none can be made in {Directory} ({Cause}). Let this process make that directory, or name another with http.socket-directory")]
    public static partial void NoSocket(this ILogger log, string directory, string cause);

    /// <summary>Where it stands, and never what it is.</summary>
    [LoggerMessage(Level = LogLevel.Information, Message = "There was no token: one that is an admin's stands in {File}, which only this process's user may read")]
    public static partial void FirstTokenMade(this ILogger log, string file);
}
