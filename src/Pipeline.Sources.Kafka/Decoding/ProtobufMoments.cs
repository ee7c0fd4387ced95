using System.Globalization;
using System.Text.Json;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>Timestamps as RFC 3339 text and durations as seconds, with as many digits of a second as they need: none, 3, 6 or 9.</summary>
internal static class ProtobufMoments
{
    private const int NanosEach = 1_000_000_000;
    private const long DurationSecondsMax = 315_576_000_000;
    private static readonly long FirstSecond = (DateTime.MinValue - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerSecond;
    private static readonly long LastSecond = (DateTime.MaxValue - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerSecond;

    /// <exception cref="FormatException">It is not within the years 1 to 9999.</exception>
    public static void WriteTimestamp(Utf8JsonWriter json, long seconds, int nanos)
    {
        if (seconds < FirstSecond || seconds > LastSecond || nanos is < 0 or >= NanosEach)
            throw new FormatException($"{seconds} s and {nanos} ns are no moment of the years 1 to 9999.");
        Span<byte> text = stackalloc byte[40];
        DateTime.UnixEpoch.AddTicks(seconds * TimeSpan.TicksPerSecond).TryFormat(text, out var length, "yyyy-MM-ddTHH:mm:ss", CultureInfo.InvariantCulture);
        length += WriteFraction(text[length..], nanos);
        text[length++] = (byte)'Z';
        json.WriteStringValue(text[..length]);
    }

    /// <exception cref="FormatException">It is longer than 10,000 years, or seconds and nanoseconds differ in sign.</exception>
    public static void WriteDuration(Utf8JsonWriter json, long seconds, int nanos)
    {
        if (seconds is < -DurationSecondsMax or > DurationSecondsMax || nanos is <= -NanosEach or >= NanosEach || Math.Sign(seconds) * Math.Sign(nanos) < 0)
            throw new FormatException($"{seconds} s and {nanos} ns are no duration.");
        Span<byte> text = stackalloc byte[40];
        var length = 0;
        if (seconds < 0 || nanos < 0) text[length++] = (byte)'-';
        Math.Abs(seconds).TryFormat(text[length..], out var digits, default, CultureInfo.InvariantCulture);
        length += digits;
        length += WriteFraction(text[length..], Math.Abs(nanos));
        text[length++] = (byte)'s';
        json.WriteStringValue(text[..length]);
    }

    private static int WriteFraction(Span<byte> text, int nanos)
    {
        if (nanos == 0) return 0;
        text[0] = (byte)'.';
        nanos.TryFormat(text[1..], out var length, "D9", CultureInfo.InvariantCulture);
        while (text[..(length + 1)].EndsWith("000"u8)) length -= 3;
        return length + 1;
    }
}
