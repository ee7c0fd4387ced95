using System.Text;
using System.Text.Json;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.DuckDb;

/// <summary>What the log knows about the values in files, as a temporary table to rule files out by.</summary>
internal static class FileBounds
{
    private const string Table = "_bounds";

    /// <summary>Replaces the table: one row a file.</summary>
    public static void Load(DuckDbSession session, IEnumerable<AddFile> files)
    {
        session.Execute($"CREATE OR REPLACE TEMP TABLE {Table} (path VARCHAR, stats VARCHAR)");
        foreach (var batch in files.Chunk(500))
            session.Execute($"INSERT INTO {Table} VALUES {string.Join(", ", batch.Select(f => $"({Sql.Text(f.Path)}, {(Exact(f.Stats) is { } stats ? Sql.Text(stats) : "NULL")})"))}");
    }

    /// <summary>
    /// Statistics with each number as text: DuckDB takes a number of JSON for a double, and bounds that lost digits rule out
    /// files that hold the key. Null: there are none that can be read.
    /// </summary>
    private static string? Exact(string? stats)
    {
        if (stats is null) return null;
        try
        {
            var utf8 = Encoding.UTF8.GetBytes(stats);
            var reader = new Utf8JsonReader(utf8);
            using var buffer = new MemoryStream();
            using (var json = new Utf8JsonWriter(buffer))
            {
                while (reader.Read()) Copy(ref reader, json);
            }

            return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            return null;
        }
    }

    private static void Copy(ref Utf8JsonReader reader, Utf8JsonWriter json)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject: json.WriteStartObject(); break;
            case JsonTokenType.EndObject: json.WriteEndObject(); break;
            case JsonTokenType.StartArray: json.WriteStartArray(); break;
            case JsonTokenType.EndArray: json.WriteEndArray(); break;
            case JsonTokenType.PropertyName: json.WritePropertyName(reader.GetString()!); break;
            case JsonTokenType.String: json.WriteStringValue(reader.GetString()); break;
            case JsonTokenType.Number: json.WriteStringValue(reader.ValueSpan); break;
            case JsonTokenType.True or JsonTokenType.False: json.WriteBooleanValue(reader.GetBoolean()); break;
            default: json.WriteNullValue(); break;
        }
    }

    /// <summary>No value of the column is less; null when that is not known. At most the smallest value, so only good for ruling out.</summary>
    public static string Low(Field column) => Bound("minValues", column);

    /// <summary>No value of the column is greater; null when that is not known.</summary>
    public static string High(Field column) => column.DataType switch
    {
        // Some writers leave out what is no number, which is greater than all that are.
        FloatType or DoubleType => $"CAST(NULL AS {Sql.Type(column.DataType)})",
        // Others cut microseconds off.
        TimestampType => $"CAST(TRY_CAST({Text("maxValues", column)} AS TIMESTAMP) + INTERVAL 1 MILLISECOND AS {Sql.Type(column.DataType)})",
        _ => Bound("maxValues", column),
    };

    /// <summary>Paths of the files for which a condition over <see cref="Low"/> and <see cref="High"/> is not false.</summary>
    /// <param name="with">Further relations that the condition speaks of, one row each.</param>
    public static List<string> NotRuledOut(DuckDbSession session, string condition, string? with = null) =>
        [.. session.Rows($"SELECT path FROM {Table}{(with is null ? "" : $", {with}")} WHERE ({condition}) IS NOT FALSE").Select(row => (string)row[0]!)];

    private static string Bound(string kind, Field column) => $"TRY_CAST({Text(kind, column)} AS {Sql.Type(column.DataType)})";

    // JSON paths quote the name, so that any column name can be looked up.
    private static string Text(string kind, Field column) => $"json_extract_string(json_extract(stats, '$.{kind}'), {Sql.Text($"$.\"{column.Name}\"")})";
}
