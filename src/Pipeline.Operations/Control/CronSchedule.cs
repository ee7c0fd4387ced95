using Cronos;
using Pipeline.Core;

namespace Pipeline.Operations.Control;

/// <summary>
/// Times at which something begins: five fields of cron (minute, hour, day of the month, month, day of the week) or a word such as
/// <c>@daily</c>, and a time zone behind them, UTC where none is: <c>30 3 * * * Europe/Berlin</c>. A time that a clock passes over in spring is the moment after
/// the gap; one that it shows twice in autumn counts once.
/// </summary>
public sealed class CronSchedule
{
    private readonly CronExpression _times;

    private CronSchedule(string text, CronExpression times, TimeZoneInfo zone)
    {
        Text = text;
        _times = times;
        Zone = zone;
    }

    public string Text { get; }

    public TimeZoneInfo Zone { get; }

    /// <exception cref="PipelineException">It is no schedule.</exception>
    public static CronSchedule Parse(string text)
    {
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var fields = words is [['@', ..], ..] ? 1 : 5;
        if (words.Length != fields && words.Length != fields + 1) throw Wrong("it has not five fields, and at most a time zone behind them");
        // Where a system keeps zones as files, a name is a path to one.
        if (words.Length > fields && (words[fields][0] == '/' || !words[fields].All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '/' or '_' or '+' or '-'))) throw Wrong($"there is no time zone {words[fields]}");
        try
        {
            var zone = words.Length > fields ? TimeZoneInfo.FindSystemTimeZoneById(words[fields]) : TimeZoneInfo.Utc;
            return new CronSchedule(string.Join(' ', words), CronExpression.Parse(string.Join(' ', words.Take(fields))), zone);
        }
        catch (CronFormatException e)
        {
            throw Wrong(DataFaults.Cause(e).TrimEnd('.'), e);
        }
        catch (Exception e) when (e is TimeZoneNotFoundException or InvalidTimeZoneException)
        {
            throw Wrong($"there is no time zone {words[fields]}", e);
        }

        PipelineException Wrong(string cause, Exception? inner = null) =>
            new(FaultKind.Invalid, $"Schedule '{text}'", cause, "Write minute, hour, day, month and day of the week, then a time zone: '30 3 * * * Europe/Berlin'.", inner);
    }

    /// <summary>Whether a text is one.</summary>
    internal static bool Is(string? text) => text is not null && Background.Failure(() => Parse(text)) is null;

    /// <summary>The first time after a moment; null: there is none.</summary>
    public DateTimeOffset? Next(DateTimeOffset after) => _times.GetNextOccurrence(after, Zone);

    /// <summary>Whether one or more times have come since it last began: however many were missed, it begins once.</summary>
    /// <param name="last">When it last began, or when the schedule was wished for if it has not since.</param>
    public bool IsDue(DateTimeOffset last, DateTimeOffset now) => Next(last) is { } next && next <= now;
}
