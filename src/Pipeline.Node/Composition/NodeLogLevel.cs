using Akka.Actor;
using Microsoft.Extensions.Logging;
using Pipeline.Configuration;
using Pipeline.Node.Cli;
using Pipeline.Operations.Options;
using Serilog.Core;
using Serilog.Events;

namespace Pipeline.Node.Composition;

/// <summary>How much a node's log tells: what the configuration says, read again when the node is told to look again.</summary>
/// <remarks>With <c>--verbose</c> it tells everything, whatever the configuration says.</remarks>
internal sealed class NodeLogLevel
{
    private readonly Invocation _invocation;

    public NodeLogLevel(Invocation invocation, LogDetail configured)
    {
        _invocation = invocation;
        Switch = new LoggingLevelSwitch(invocation.IsVerbose ? LogEventLevel.Debug : NodeLogs.LevelOf(configured));
    }

    public LoggingLevelSwitch Switch { get; }

    /// <summary>What cannot be read leaves the level as it is.</summary>
    public void ReadAgain(ILogger log, ActorSystem system)
    {
        if (_invocation.IsVerbose) return;
        LogDetail detail;
        try
        {
            detail = _invocation.Load().Log.Level;
        }
        catch (ConfigurationException e)
        {
            log.LevelUnread(_invocation.ConfigPath, e.Problems[0].ToString());
            return;
        }

        var told = NodeLogs.LevelOf(detail);
        if (told == Switch.MinimumLevel) return;
        // Said as long as, or as soon as, it can be heard.
        if (told > Switch.MinimumLevel) log.LevelIs(detail.ToString(), _invocation.ConfigPath);
        var isMore = told < Switch.MinimumLevel;
        Switch.MinimumLevel = told;
        Follow(system);
        if (isMore) log.LevelIs(detail.ToString(), _invocation.ConfigPath);
    }

    /// <summary>Actors ask their system whether somebody listens to details.</summary>
    public void Follow(ActorSystem system) =>
        system.EventStream.SetLogLevel(Switch.MinimumLevel <= LogEventLevel.Debug ? Akka.Event.LogLevel.DebugLevel : Akka.Event.LogLevel.InfoLevel);
}
