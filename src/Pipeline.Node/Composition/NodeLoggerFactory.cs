using Microsoft.Extensions.Logging;

namespace Pipeline.Node.Composition;

/// <summary>Makes loggers of one log, which may be told to tell more or less.</summary>
internal sealed class NodeLoggerFactory(ILoggerFactory loggers, LogLevels levels) : ILoggerFactory
{
    /// <summary>How much it tells.</summary>
    public LogLevels Levels { get; } = levels;

    public ILogger CreateLogger(string categoryName) => loggers.CreateLogger(categoryName);

    public void AddProvider(ILoggerProvider provider) => loggers.AddProvider(provider);

    public void Dispose()
    {
        Levels.Dispose();
        loggers.Dispose();
    }
}
