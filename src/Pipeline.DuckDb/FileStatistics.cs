using System.Globalization;
using System.Text;
using System.Text.Json;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Schemas;

namespace Pipeline.DuckDb;

/// <summary>
/// Turns what DuckDB's <c>COPY … (RETURN_STATS)</c> reports into Delta's statistics. See PROTOCOL.md, section
/// "Per-file Statistics".
/// </summary>
internal static class FileStatistics
{
    /// <param name="columns">Those that have statistics, in the table's order.</param>
    /// <param name="reported">For each column DuckDB's <c>min</c>, <c>max</c>, <c>null_count</c>, <c>has_nan</c>.</param>
    public static string ToDelta(long rows, IReadOnlyCollection<Field> columns, IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> reported)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            var indexed = columns.Where(column => reported.ContainsKey(column.Name)).ToList();
            json.WriteStartObject();
            json.WriteNumber("numRecords", rows);
            WriteBounds(json, "minValues", indexed, reported, isMax: false);
            WriteBounds(json, "maxValues", indexed, reported, isMax: true);
            json.WriteStartObject("nullCount");
            foreach (var column in indexed)
                if (reported[column.Name].TryGetValue("null_count", out var nulls)) json.WriteNumber(column.Name, long.Parse(nulls, CultureInfo.InvariantCulture));
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    private static void WriteBounds(Utf8JsonWriter json, string name, List<Field> columns,
        IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> reported, bool isMax)
    {
        json.WriteStartObject(name);
        foreach (var column in columns.Where(TableColumns.HasStatistics))
        {
            var values = reported[column.Name];
            if (values.GetValueOrDefault("has_nan") == "true") continue;
            if (!values.TryGetValue(isMax ? "max" : "min", out var text)) continue;
            if (Bound(column.DataType, text, isMax) is not { } bound) continue;
            json.WritePropertyName(column.Name);
            json.WriteRawValue(bound);
        }

        json.WriteEndObject();
    }

    /// <summary>A bound as JSON; null when Delta has no safe form for it.</summary>
    private static string? Bound(IArrowType type, string text, bool isMax) => type switch
    {
        // Numbers go as DuckDB wrote them: decimals must not pass through a double.
        Int8Type or Int16Type or Int32Type or Int64Type => text,
        // A decimal without integer digits begins with its point, which no number of JSON does.
        Decimal128Type => text.StartsWith('.') ? "0" + text : text.Replace("-.", "-0.", StringComparison.Ordinal),
        BooleanType => text is "true" or "false" ? text : null,
        FloatType or DoubleType => Float(text),
        Date32Type => DateOnly.TryParseExact(text, "yyyy-MM-dd", out _) ? Quote(text) : null,
        TimestampType timestamp => Quote(Timestamp(text, isMax, hasZone: timestamp.Timezone is not null)),
        StringType => Quote(isMax ? TextBounds.Maximum(Encoding.UTF8.GetBytes(text)) : TextBounds.Minimum(Encoding.UTF8.GetBytes(text))),
        _ => null,
    };

    private static string? Timestamp(string text, bool isMax, bool hasZone)
    {
        if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at)) return null;
        var microseconds = (at - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        return isMax ? CalendarText.Maximum(microseconds, hasZone) : CalendarText.Minimum(microseconds, hasZone);
    }

    private static string? Float(string text) => text.ToLowerInvariant() switch
    {
        "inf" or "infinity" => Quote(FloatText.OfInfinity(isPositive: true)),
        "-inf" or "-infinity" => Quote(FloatText.OfInfinity(isPositive: false)),
        _ => double.TryParse(text, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? text : null,
    };

    private static string? Quote(string? text) => text is null ? null : JsonSerializer.Serialize(text);
}
