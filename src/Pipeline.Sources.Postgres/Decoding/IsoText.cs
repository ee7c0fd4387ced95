namespace Pipeline.Sources.Postgres.Decoding;

/// <summary>
/// Dates and times as PostgreSQL writes them with <c>datestyle = ISO</c> and <c>timezone = UTC</c>:
/// <c>2026-03-01 12:00:00.123456+00</c>. Infinity, BC and years beyond 9999 are no values of the lake: false.
/// </summary>
internal static class IsoText
{
    private const int DateLength = 10;
    private const long MicrosecondsPerSecond = 1_000_000;
    private const long MicrosecondsPerDay = 86_400 * MicrosecondsPerSecond;

    /// <summary>Days since 1970-01-01.</summary>
    public static bool TryDate(ReadOnlySpan<byte> text, out int days)
    {
        days = 0;
        if (text.Length != DateLength || text[4] != (byte)'-' || text[7] != (byte)'-') return false;
        var (year, month, day) = (Digits(text[..4]), Digits(text[5..7]), Digits(text[8..10]));
        if (year < 1 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month)) return false;
        days = new DateOnly(year, month, day).DayNumber + PostgresEpoch.DaysMin;
        return true;
    }

    /// <summary>Microseconds since 1970-01-01, of a timestamp with the zone +00 or without one.</summary>
    public static bool TryTimestamp(ReadOnlySpan<byte> text, out long microseconds)
    {
        microseconds = 0;
        if (text.Length < 19 || text[DateLength] != (byte)' ' || !TryDate(text[..DateLength], out var days)) return false;
        var (hours, minutes, wholeSeconds) = (Digits(text[11..13]), Digits(text[14..16]), Digits(text[17..19]));
        if (hours is < 0 or > 23 || minutes is < 0 or > 59 || wholeSeconds is < 0 or > 59) return false;
        var seconds = hours * 3600 + minutes * 60 + wholeSeconds;
        var fraction = 0;
        var at = 19;
        if (at < text.Length && text[at] == (byte)'.')
        {
            var scale = 100_000;
            for (at++; at < text.Length && text[at] is >= (byte)'0' and <= (byte)'9'; at++, scale /= 10) fraction += (text[at] - '0') * scale;
        }

        microseconds = days * MicrosecondsPerDay + seconds * MicrosecondsPerSecond + fraction;
        return at == text.Length || text[at..].SequenceEqual("+00"u8);
    }

    /// <summary>Negative when something else than digits is there.</summary>
    private static int Digits(ReadOnlySpan<byte> text)
    {
        var number = 0;
        foreach (var digit in text)
        {
            if (digit is < (byte)'0' or > (byte)'9') return -1;
            number = number * 10 + (digit - '0');
        }

        return number;
    }
}
