using Pipeline.Configuration;

namespace Pipeline.Operations.Options;

/// <summary>What a log tells.</summary>
public enum LogDetail
{
    /// <summary>What happens inside, too: for finding a cause.</summary>
    Debug,

    /// <summary>What starts, first arrives and is over.</summary>
    Information,

    /// <summary>What is not as it should be.</summary>
    Warning,

    /// <summary>What somebody has to act on.</summary>
    Error,
}

/// <summary>How a line of a log is written.</summary>
public enum LogFormat
{
    /// <summary>For people.</summary>
    Text,

    /// <summary>For programs: one JSON object a line.</summary>
    Json,
}

/// <summary>A node's log: the section <c>log</c>.</summary>
public sealed record LogOptions
{
    /// <summary>The least that is told; a running node takes a new one at SIGHUP. Default information.</summary>
    public LogDetail Level { get; init; } = LogDetail.Information;

    /// <summary>Default text.</summary>
    public LogFormat Format { get; init; } = LogFormat.Text;

    internal static LogOptions Bind(SettingsReader settings)
    {
        var defaults = new LogOptions();
        var options = new LogOptions { Level = settings.Choice<LogDetail>("level", defaults.Level), Format = settings.Choice<LogFormat>("format", defaults.Format) };
        settings.Complete();
        return options;
    }
}
