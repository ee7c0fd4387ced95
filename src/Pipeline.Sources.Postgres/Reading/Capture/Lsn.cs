using System.Globalization;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>A place in the server's write-ahead log: a position of change capture. Written <c>16/B374D848</c>.</summary>
internal static class Lsn
{
    public static string Format(long lsn) => string.Create(CultureInfo.InvariantCulture, $"{(uint)(lsn >> 32):X}/{(uint)lsn:X}");

    public static long Parse(string text)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        return (long)uint.Parse(text.AsSpan(0, slash), NumberStyles.HexNumber, CultureInfo.InvariantCulture) << 32
            | uint.Parse(text.AsSpan(slash + 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
