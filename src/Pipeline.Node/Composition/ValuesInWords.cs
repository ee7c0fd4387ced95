using System.Globalization;
using Pipeline.Core;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Display;
using Serilog.Parsing;

namespace Pipeline.Node.Composition;

/// <summary>
/// Lines whose values are for people: durations in words, moments in UTC, names without quotes. By itself a template writes all
/// that is neither a text nor a number as JSON would.
/// </summary>
internal sealed class ValuesInWords(string template) : ITextFormatter
{
    private readonly MessageTemplateTextFormatter _lines = new(template, CultureInfo.InvariantCulture);

    public void Format(LogEvent logEvent, TextWriter output) => _lines.Format(logEvent.Properties.Values.Any(value => TextOf(value) is not null) ? InWords(logEvent) : logEvent, output);

    /// <summary>What its template gives a form of its own has that.</summary>
    private static LogEvent InWords(LogEvent entry)
    {
        var formatted = entry.MessageTemplate.Tokens.OfType<PropertyToken>().Where(token => token.Format is not null).Select(token => token.PropertyName).ToHashSet(StringComparer.Ordinal);
        return new LogEvent(entry.Timestamp, entry.Level, entry.Exception, entry.MessageTemplate,
            entry.Properties.Select(pair => new LogEventProperty(pair.Key, !formatted.Contains(pair.Key) && TextOf(pair.Value) is { } text ? new ScalarValue(text) : pair.Value)));
    }

    /// <summary>Null: it is written as it is.</summary>
    private static string? TextOf(LogEventPropertyValue value) => (value as ScalarValue)?.Value switch
    {
        TimeSpan { Ticks: > 0 and < TimeSpan.TicksPerSecond } moment => $"{moment.TotalMilliseconds:0} ms",
        TimeSpan duration => duration.InWords(),
        DateTimeOffset moment => moment.InWords(),
        DateTime moment => $"{moment:yyyy-MM-dd HH:mm:ss}",
        Enum or Guid or char => $"{((ScalarValue)value).Value}",
        _ => null,
    };
}
