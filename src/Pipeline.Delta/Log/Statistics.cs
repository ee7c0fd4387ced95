using System.Text.Json;

namespace Pipeline.Delta.Log;

/// <summary>Delta's per-file statistics. See PROTOCOL.md, section "Per-file Statistics".</summary>
public static class Statistics
{
    private const string UsualStart = "{\"numRecords\":";

    internal static long? RowCount(string? stats)
    {
        if (stats is null) return null;
        if (stats.StartsWith(UsualStart, StringComparison.Ordinal) && TryNumber(stats.AsSpan(UsualStart.Length), out var rows)) return rows;
        try
        {
            using var document = JsonDocument.Parse(stats);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("numRecords", out var number)
                && number.TryGetInt64(out rows) ? rows : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Statistics are an aid: damaged ones count as none.
            return null;
        }
    }

    private static bool TryNumber(ReadOnlySpan<char> text, out long number)
    {
        number = 0;
        var digits = text.IndexOfAnyExceptInRange('0', '9');
        return digits > 0 && long.TryParse(text[..digits], out number);
    }
}
