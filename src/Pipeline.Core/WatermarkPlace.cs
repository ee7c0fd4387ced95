using System.Globalization;

namespace Pipeline.Core;

/// <summary>A value of a watermark as people write it.</summary>
public static class WatermarkPlace
{
    private static readonly string[] Wall = ["yyyy-MM-dd", "yyyy-MM-ddTHH:mm", "yyyy-MM-ddTHH:mm:ss", "yyyy-MM-ddTHH:mm:ss.FFFFFF"];
    private static readonly string[] Zoned = ["yyyy-MM-ddTHH:mmK", "yyyy-MM-ddTHH:mm:ssK", "yyyy-MM-ddTHH:mm:ss.FFFFFFK"];

    /// <summary>The position that it is: the number, or microseconds since 1970. A time without an offset is of UTC, or, of a column without zones, as it stands there.</summary>
    /// <param name="thing">For errors: the table.</param>
    /// <param name="hasZone">Whether times of the column are moments; one that has none is written without an offset.</param>
    /// <exception cref="PipelineException">It is none.</exception>
    public static long Parse(string text, bool isTimestamp, bool hasZone, string thing)
    {
        if (!isTimestamp) return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : throw Wrong("is no whole number, and its watermark is one", "Write a value of the watermark column: 41000.");
        // As this product and databases print it.
        var time = text.Length > 10 && text[10] == ' ' ? $"{text[..10]}T{text[11..]}" : text;
        if (DateTime.TryParseExact(time, Wall, CultureInfo.InvariantCulture, DateTimeStyles.None, out var wall)) return Micros(new DateTimeOffset(wall, TimeSpan.Zero));
        if (DateTimeOffset.TryParseExact(time, Zoned, CultureInfo.InvariantCulture, DateTimeStyles.None, out var moment))
            return hasZone ? Micros(moment) : throw Wrong("has an offset, and the times of its watermark have none", "Write it as it stands in the watermark column: 2026-11-30T08:00:00.");
        throw Wrong("is no time, and its watermark is one", $"Write 2026-11-30 or 2026-11-30T08:00:00{(hasZone ? "Z; without an offset it is of UTC" : "")}.");

        PipelineException Wrong(string cause, string nextStep) => new(FaultKind.Invalid, thing, $"'{text}' {cause}", nextStep);
    }

    private static long Micros(DateTimeOffset moment) => (moment - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
}
