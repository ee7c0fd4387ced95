using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Pipeline.Sources.Snowflake.Decoding;

/// <summary>
/// Reads the texts in which the SQL API writes values. See docs.snowflake.com, "Handling responses from the SQL API".
/// Each returns false for a text that is not one of its type or lies outside of what the lake's type can hold.
/// </summary>
internal static class CellParsers
{
    private const long MicrosPerSecond = 1_000_000;

    /// <summary>0001-01-01 and the first moment of 10000-01-01, which bound the lake's timestamps.</summary>
    private const long SecondsMin = -62_135_596_800, SecondsEnd = 253_402_300_800;

    private const long TimestampMin = SecondsMin * MicrosPerSecond, TimestampEnd = SecondsEnd * MicrosPerSecond;

    /// <summary>A whole number without a point and with more digits than this is nanoseconds, not seconds.</summary>
    private const int SecondsDigitsMax = 15;

    public static bool TryLong(ReadOnlySpan<byte> text, out long value) =>
        Utf8Parser.TryParse(text, out value, out var used) && used == text.Length;

    public static bool TryDouble(ReadOnlySpan<byte> text, out double value)
    {
        if (text.SequenceEqual("inf"u8)) value = double.PositiveInfinity;
        else if (text.SequenceEqual("-inf"u8)) value = double.NegativeInfinity;
        else return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value);
        return true;
    }

    public static bool TryBoolean(ReadOnlySpan<byte> text, out bool value)
    {
        value = Ascii.EqualsIgnoreCase(text, "true"u8) || text.SequenceEqual("1"u8);
        return value || Ascii.EqualsIgnoreCase(text, "false"u8) || text.SequenceEqual("0"u8);
    }

    /// <summary>The unscaled value of a decimal number with at most <paramref name="scale"/> digits after its point.</summary>
    public static bool TryDecimal(ReadOnlySpan<byte> text, int precision, int scale, out Int128 value)
    {
        value = 0;
        var isNegative = text is [(byte)'-', ..];
        if (isNegative) text = text[1..];
        var point = text.IndexOf((byte)'.');
        var whole = point < 0 ? text : text[..point];
        var fraction = point < 0 ? [] : text[(point + 1)..];
        while (fraction.Length > scale && fraction[^1] == '0') fraction = fraction[..^1];
        while (whole.Length > 1 && whole[0] == '0') whole = whole[1..];
        if (whole.Length + fraction.Length == 0 || fraction.Length > scale || (whole is not [(byte)'0'] && whole.Length > precision - scale)) return false;
        if (!TryDigits(whole, ref value) || !TryDigits(fraction, ref value)) return false;
        for (var i = fraction.Length; i < scale; i++) value *= 10;
        if (isNegative) value = -value;
        return true;
    }

    /// <summary>Days since the epoch, within years 1 to 9999.</summary>
    public static bool TryDate(ReadOnlySpan<byte> text, out int days) =>
        Utf8Parser.TryParse(text, out days, out var used) && used == text.Length && days >= SecondsMin / 86_400 && days < SecondsEnd / 86_400;

    /// <summary>
    /// Microseconds since the epoch: from seconds with decimals, or from whole nanoseconds; finer digits are dropped
    /// towards the past. An offset after a space (TIMESTAMP_TZ) does not change the moment.
    /// </summary>
    public static bool TryTimestamp(ReadOnlySpan<byte> text, out long micros)
    {
        var isThere = TryAnyTimestamp(text, out var any) && any >= TimestampMin && any < TimestampEnd;
        micros = isThere ? (long)any : 0;
        return isThere;
    }

    /// <summary>The same, also outside of years 1 to 9999: then the first moment of them, or the first one after.</summary>
    public static bool TryNearestTimestamp(ReadOnlySpan<byte> text, out long micros)
    {
        var isThere = TryAnyTimestamp(text, out var any);
        micros = (long)Int128.Clamp(any, TimestampMin, TimestampEnd);
        return isThere;
    }

    private static bool TryAnyTimestamp(ReadOnlySpan<byte> text, out Int128 micros)
    {
        var space = text.IndexOf((byte)' ');
        if (space >= 0) text = text[..space];
        micros = 0;
        var isNegative = text is [(byte)'-', ..];
        if (isNegative) text = text[1..];
        var point = text.IndexOf((byte)'.');
        if (point < 0 && text.Length > SecondsDigitsMax)
        {
            Int128 nanos = 0;
            if (text.Length > 30 || !TryDigits(text, ref nanos)) return false;
            micros = Floor(isNegative, nanos / 1000, nanos % 1000 != 0);
            return true;
        }

        Int128 value = 0;
        var whole = point < 0 ? text : text[..point];
        var fraction = point < 0 ? [] : text[(point + 1)..];
        if (whole.Length is 0 or > SecondsDigitsMax || !TryDigits(whole, ref value)) return false;
        if (!TryDigits(fraction[..Math.Min(6, fraction.Length)], ref value)) return false;
        for (var i = fraction.Length; i < 6; i++) value *= 10;
        Int128 finer = 0;
        if (fraction.Length > 6 && (fraction.Length > 30 || !TryDigits(fraction[6..], ref finer))) return false;
        micros = Floor(isNegative, value, finer != 0);
        return true;
    }

    /// <summary>Seconds since midnight as <c>HH:MM:SS</c> with the decimals that are not zero; returns its length or -1.</summary>
    public static int FormatTime(ReadOnlySpan<byte> text, Span<byte> target)
    {
        var point = text.IndexOf((byte)'.');
        var whole = point < 0 ? text : text[..point];
        var fraction = point < 0 ? [] : text[(point + 1)..].TrimEnd((byte)'0');
        if (!TryLong(whole, out var seconds) || seconds is < 0 or >= 86_400 || fraction.Length > 9 || fraction.ContainsAnyExceptInRange((byte)'0', (byte)'9')) return -1;
        Two(target, seconds / 3600);
        target[2] = (byte)':';
        Two(target[3..], seconds / 60 % 60);
        target[5] = (byte)':';
        Two(target[6..], seconds % 60);
        if (fraction.IsEmpty) return 8;
        target[8] = (byte)'.';
        fraction.CopyTo(target[9..]);
        return 9 + fraction.Length;
    }

    private static void Two(Span<byte> target, long value)
    {
        target[0] = (byte)('0' + value / 10);
        target[1] = (byte)('0' + value % 10);
    }

    private static Int128 Floor(bool isNegative, Int128 size, bool isFiner) => isNegative ? -size - (isFiner ? 1 : 0) : size;

    private static bool TryDigits(ReadOnlySpan<byte> digits, ref Int128 value)
    {
        foreach (var digit in digits)
        {
            if (digit is < (byte)'0' or > (byte)'9') return false;
            value = value * 10 + (digit - '0');
        }

        return true;
    }
}
