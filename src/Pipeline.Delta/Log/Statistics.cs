using System.Text.Json;

namespace Pipeline.Delta.Log;

/// <summary>Delta's per-file statistics. See PROTOCOL.md, section "Per-file Statistics".</summary>
public static class Statistics
{
    internal static long? RowCount(string? stats)
    {
        if (stats is null) return null;
        using var document = JsonDocument.Parse(stats);
        return document.RootElement.TryGetProperty("numRecords", out var rows) ? rows.GetInt64() : null;
    }
}
