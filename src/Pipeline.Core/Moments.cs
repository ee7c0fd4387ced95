using System.Globalization;

namespace Pipeline.Core;

/// <summary>Moments out of numbers that others wrote: what lies beyond the calendar counts as its end, and adding to one never fails.</summary>
public static class Moments
{
    private static readonly long FirstMs = DateTimeOffset.MinValue.ToUnixTimeMilliseconds();
    private static readonly long LastMs = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    /// <summary>Milliseconds since 1970; before the year 1 and after 9999 the first and the last that there are.</summary>
    public static DateTimeOffset OfMilliseconds(long sinceEpoch) => DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(sinceEpoch, FirstMs, LastMs));

    /// <summary>Microseconds after a moment.</summary>
    public static DateTimeOffset OfMicroseconds(DateTimeOffset epoch, long since) =>
        Plus(epoch, new TimeSpan(Math.Clamp(since, TimeSpan.MinValue.Ticks / TimeSpan.TicksPerMicrosecond, TimeSpan.MaxValue.Ticks / TimeSpan.TicksPerMicrosecond)
            * TimeSpan.TicksPerMicrosecond));

    /// <summary>How long ago a moment was that somebody else's clock, or ours before it was set, has told: never less than nothing.</summary>
    public static TimeSpan Since(this DateTimeOffset now, DateTimeOffset moment) => now > moment ? now - moment : TimeSpan.Zero;

    public static DateTimeOffset Plus(this DateTimeOffset moment, TimeSpan span)
    {
        var (first, last) = (DateTimeOffset.MinValue - moment, DateTimeOffset.MaxValue - moment);
        return moment + (span < first ? first : span > last ? last : span);
    }

    public static DateTimeOffset Minus(this DateTimeOffset moment, TimeSpan span) => moment.Plus(span == TimeSpan.MinValue ? TimeSpan.MaxValue : -span);

    /// <summary>As people read it and paste it: in UTC, which its <c>Z</c> says.</summary>
    /// <param name="decimals">Of a second, none to seven.</param>
    public static string InWords(this DateTimeOffset moment, int decimals = 0) =>
        moment.UtcDateTime.ToString(decimals == 0 ? "yyyy-MM-dd HH:mm:ss'Z'" : $"yyyy-MM-dd HH:mm:ss.{new string('f', decimals)}'Z'", CultureInfo.InvariantCulture);

    /// <summary>How far apart two moments are at least that are written with so many decimals of a second; not less than a microsecond.</summary>
    public static TimeSpan StepOf(int decimals) => TimeSpan.FromTicks(decimals switch
    {
        <= 0 => TimeSpan.TicksPerSecond,
        1 => TimeSpan.TicksPerMillisecond * 100,
        2 => TimeSpan.TicksPerMillisecond * 10,
        3 => TimeSpan.TicksPerMillisecond,
        4 => TimeSpan.TicksPerMicrosecond * 100,
        5 => TimeSpan.TicksPerMicrosecond * 10,
        _ => TimeSpan.TicksPerMicrosecond,
    });
}
