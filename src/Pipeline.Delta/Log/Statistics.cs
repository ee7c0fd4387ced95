using System.Text.Json;
using Pipeline.Core;

namespace Pipeline.Delta.Log;

/// <summary>Delta's per-file statistics. See PROTOCOL.md, section "Per-file Statistics". An aid: damaged ones count as none.</summary>
public static class Statistics
{
    private const string UsualStart = "{\"numRecords\":";

    /// <summary>The smallest and the largest value of a top-level column of integers; null when they are not known.</summary>
    public static (long Min, long Max)? Bounds(string? stats, string column) =>
        Read(stats, root => Number(root, "minValues", column) is { } min && Number(root, "maxValues", column) is { } max ? (min, max) : ((long, long)?)null);

    /// <summary>
    /// The bounds of a top-level column as texts that cast to its type, numbers with all their digits; null where they are not known.
    /// </summary>
    public static (string? Low, string? High) BoundTexts(string? stats, string column) =>
        Read<(string?, string?)>(stats, root => (Text(root, "minValues", column), Text(root, "maxValues", column))) ?? (null, null);

    /// <summary>How many values of a top-level column are null; null when that is not known.</summary>
    public static long? NullCount(string? stats, string column) => Read(stats, root => Number(root, "nullCount", column));

    internal static long? RowCount(string? stats)
    {
        if (stats is null) return null;
        if (stats.StartsWith(UsualStart, StringComparison.Ordinal) && TryNumber(stats.AsSpan(UsualStart.Length), out var rows)) return rows;
        return Read(stats, root => root.TryGetProperty("numRecords", out var number) && number.TryGetInt64(out var count) ? count : (long?)null);
    }

    /// <summary>Whether a file may have a value in a top-level column.</summary>
    /// <param name="areAllCounted">A file without a count of nulls for a column does not have the column.</param>
    internal static bool MayHaveValue(string? stats, string column, bool areAllCounted)
    {
        var rows = RowCount(stats);
        return Read(stats, root => Number(root, "nullCount", column) is { } nulls ? nulls < rows : root.TryGetProperty("nullCount", out _) ? !areAllCounted : (bool?)null)
            ?? rows != 0;
    }

    private static T? Read<T>(string? stats, Func<JsonElement, T?> read) where T : struct
    {
        if (stats is null) return null;
        try
        {
            using var document = JsonDocument.Parse(stats);
            return document.RootElement.ValueKind == JsonValueKind.Object ? read(document.RootElement) : null;
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            return null;
        }
    }

    private static long? Number(JsonElement root, string kind, string column) =>
        root.TryGetProperty(kind, out var values) && values.TryGetProperty(column, out var value) && value.TryGetInt64(out var number) ? number : null;

    private static string? Text(JsonElement root, string kind, string column) =>
        root.TryGetProperty(kind, out var values) && values.ValueKind == JsonValueKind.Object && values.TryGetProperty(column, out var value)
            ? value.ValueKind switch { JsonValueKind.String => value.GetString(), JsonValueKind.Number => value.GetRawText(), _ => null }
            : null;

    private static bool TryNumber(ReadOnlySpan<char> text, out long number)
    {
        number = 0;
        var digits = text.IndexOfAnyExceptInRange('0', '9');
        return digits > 0 && long.TryParse(text[..digits], out number);
    }
}
