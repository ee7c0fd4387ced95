using System.CommandLine;
using Pipeline.Configuration;

namespace Pipeline.Node.Cli;

internal static class DurationOption
{
    /// <summary>Durations on the command line are written as in the configuration: <c>60s</c>, <c>5m</c>, <c>7d</c>.</summary>
    public static Option<TimeSpan?> Create(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "TIME",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            if (ConfigUnits.TryDuration(text, out var duration) && duration <= ConfigUnits.DurationMax) return duration;
            result.AddError($"'{text}' is not a duration. Write a number with a unit, ms, s, m, h or d, of at most {ConfigUnits.DurationMax.TotalDays:0}d.");
            return null;
        },
    };
}
