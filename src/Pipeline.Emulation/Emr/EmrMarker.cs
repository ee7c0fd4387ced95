using System.Globalization;
using System.Text;

namespace Pipeline.Emulation.Emr;

/// <summary>Where a list goes on: opaque to who asks.</summary>
internal static class EmrMarker
{
    /// <param name="number">Of the last one that was listed.</param>
    public static string Of(long number) => Convert.ToBase64String(Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture)));

    /// <summary>The number below which the list goes on.</summary>
    /// <exception cref="EmrError">It is none.</exception>
    public static long Read(string? marker)
    {
        if (marker is null) return long.MaxValue;
        var bytes = new byte[marker.Length];
        return Convert.TryFromBase64String(marker, bytes, out var written) && long.TryParse(bytes.AsSpan(0, written), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number : throw EmrError.InvalidRequest("InvalidMarker", $"Marker '{marker}' is not valid.");
    }
}
