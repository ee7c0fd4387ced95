using Microsoft.Extensions.Logging;
using Pipeline.Configuration;
using Pipeline.Node.Cli;
using Pipeline.Operations.Options;
using Serilog.Events;

namespace Pipeline.Node.Composition;

/// <summary>How much a node's log tells: what the configuration says, read again when the node is told to look again.</summary>
/// <remarks>With <c>--verbose</c> it tells everything, whatever the configuration says.</remarks>
internal sealed class NodeLogLevel(Invocation invocation, LogDetail configured)
{
    public LogLevels Levels { get; } = new(LevelOf(invocation, configured), invocation.Context.Time);

    /// <summary>What cannot be read leaves the level as it is.</summary>
    public void ReadAgain(ILogger log)
    {
        if (invocation.IsVerbose) return;
        LogDetail detail;
        try
        {
            detail = invocation.LoadAnew().Log.Level;
        }
        catch (ConfigurationException e)
        {
            log.LevelUnread(invocation.ConfigPath, e.Problems[0].ToString());
            return;
        }

        var told = NodeLogs.LevelOf(detail);
        if (told == Levels.Configured) return;
        // Said as long as, or as soon as, it can be heard.
        var isMore = told < Levels.Configured;
        if (!isMore) log.LevelIs(detail.ToString(), invocation.ConfigPath);
        Levels.Configure(told);
        if (isMore) log.LevelIs(detail.ToString(), invocation.ConfigPath);
    }

    /// <summary>A node that starts again tells what its configuration says by then.</summary>
    public void Reset(LogDetail detail) => Levels.Reset(LevelOf(invocation, detail));

    private static LogEventLevel LevelOf(Invocation invocation, LogDetail detail) => invocation.IsVerbose ? LogEventLevel.Debug : NodeLogs.LevelOf(detail);
}
