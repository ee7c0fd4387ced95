using Microsoft.Extensions.Logging;
using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Node.Composition;

internal static partial class NodeHostLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "{Place}: {Setting}: {What}")]
    public static partial void OldName(this ILogger log, SourceLocation place, string setting, string what);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Place}: {Setting}: DuckDB runs it, and Spark would give another answer: {What}")]
    public static partial void NotPortable(this ILogger log, SourceLocation place, string setting, string what);

    [LoggerMessage(Level = LogLevel.Warning, Message = "No node joins another as long as the lake does not say which it is: {Fault}")]
    public static partial void LakeRefuses(this ILogger log, Fault fault);

    [LoggerMessage(Level = LogLevel.Error, Message = "No node joins another: which lake {Location} is cannot be found out.")]
    public static partial void LakeUnknown(this ILogger log, Exception failure, string location);

    [LoggerMessage(Level = LogLevel.Information, Message = "Told by SIGHUP: everything that is halted on this node, and every Silver and Gold table that has failed, is looked at again now")]
    public static partial void LooksAgain(this ILogger log);
}
