using System.Buffers;
using System.Text;
using System.Text.Json;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Delta.Schemas;

/// <summary>
/// Delta's schema JSON and Arrow schemas. See PROTOCOL.md, section "Schema Serialization Format". Timestamps are
/// microseconds in UTC; <c>timestamp_ntz</c> has no zone.
/// </summary>
internal static class SchemaJson
{
    /// <summary>Marks field metadata whose value is JSON other than a string, so that it is written back as it was.</summary>
    private const string RawPrefix = "json:";

    /// <exception cref="PipelineException">A column has a type that Delta lacks; or two names differ by case only.</exception>
    public static string Write(Schema schema)
    {
        var text = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(text, ActionWriter.Json)) WriteStruct(json, schema.FieldsList, path: "");
        return Encoding.UTF8.GetString(text.WrittenSpan);
    }

    /// <param name="table">For errors.</param>
    /// <exception cref="PipelineException">The text is damaged or has a type that this version does not know.</exception>
    public static Schema Read(string table, string schemaString)
    {
        try
        {
            if (schemaString.Length == 0) throw new FormatException("it is missing");
            using var document = JsonDocument.Parse(schemaString);
            return new Schema(ReadFields(document.RootElement), null);
        }
        catch (NotSupportedException e)
        {
            throw new PipelineException(FaultKind.Invalid, $"Table {table}", e.Message, "Read it with a newer version of pipeline.", e);
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            throw new PipelineException(FaultKind.Damaged, $"Table {table}", $"its schema cannot be read: {DataFaults.Cause(e)}",
                "Restore the metadata of the table.", e);
        }
    }

    private static void WriteStruct(Utf8JsonWriter json, IReadOnlyList<Field> fields, string path)
    {
        var twice = fields.GroupBy(field => field.Name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(group => group.Count() > 1);
        if (twice is not null)
            throw new PipelineException(FaultKind.Invalid, $"Column {path}{twice.Key}", "its name is used twice, apart from upper and lower case",
                "Give each column a name of its own.");

        json.WriteStartObject();
        json.WriteString("type"u8, "struct"u8);
        json.WriteStartArray("fields"u8);
        foreach (var field in fields)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, field.Name);
            json.WritePropertyName("type"u8);
            WriteType(json, field.DataType, path + field.Name);
            json.WriteBoolean("nullable"u8, field.IsNullable);
            json.WriteStartObject("metadata"u8);
            WriteMetadata(json, field);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteMetadata(Utf8JsonWriter json, Field field)
    {
        if (!field.HasMetadata) return;
        foreach (var (key, value) in field.Metadata.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            if (key.StartsWith(RawPrefix, StringComparison.Ordinal))
            {
                json.WritePropertyName(key.AsSpan(RawPrefix.Length));
                json.WriteRawValue(value);
            }
            else
            {
                json.WriteString(key, value);
            }
        }
    }

    private static void WriteType(Utf8JsonWriter json, IArrowType type, string path)
    {
        switch (type)
        {
            case StructType structure:
                WriteStruct(json, structure.Fields, path + ".");
                break;
            case ListType list:
                json.WriteStartObject();
                json.WriteString("type"u8, "array"u8);
                json.WritePropertyName("elementType"u8);
                WriteType(json, list.ValueDataType, path + ".element");
                json.WriteBoolean("containsNull"u8, list.ValueField.IsNullable);
                json.WriteEndObject();
                break;
            case MapType map:
                json.WriteStartObject();
                json.WriteString("type"u8, "map"u8);
                json.WritePropertyName("keyType"u8);
                WriteType(json, map.KeyField.DataType, path + ".key");
                json.WritePropertyName("valueType"u8);
                WriteType(json, map.ValueField.DataType, path + ".value");
                json.WriteBoolean("valueContainsNull"u8, map.ValueField.IsNullable);
                json.WriteEndObject();
                break;
            default:
                json.WriteStringValue(LakeType.Primitive(type) ?? throw new PipelineException(FaultKind.Invalid, $"Column {path}",
                    $"Delta has no type for {LakeType.Name(type)}", "Cast it to a type that Delta has."));
                break;
        }
    }

    private static List<Field> ReadFields(JsonElement structure) =>
        [.. structure.GetProperty("fields").EnumerateArray().Select(field => new Field(Text(field, "name"), ReadType(field.GetProperty("type")),
            !field.TryGetProperty("nullable", out var nullable) || nullable.GetBoolean(), ReadMetadata(field)))];

    private static List<KeyValuePair<string, string>>? ReadMetadata(JsonElement field)
    {
        if (!field.TryGetProperty("metadata", out var metadata) || metadata.ValueKind != JsonValueKind.Object) return null;
        List<KeyValuePair<string, string>> entries = [.. metadata.EnumerateObject().Select(entry => entry.Value.ValueKind == JsonValueKind.String
            ? KeyValuePair.Create(entry.Name, entry.Value.GetString()!)
            : KeyValuePair.Create(RawPrefix + entry.Name, entry.Value.GetRawText()))];
        return entries.Count == 0 ? null : entries;
    }

    private static IArrowType ReadType(JsonElement type)
    {
        if (type.ValueKind == JsonValueKind.String) return ReadPrimitive(type.GetString()!);
        return Text(type, "type") switch
        {
            "struct" => new StructType(ReadFields(type)),
            "array" => new ListType(new Field("element", ReadType(type.GetProperty("elementType")), type.GetProperty("containsNull").GetBoolean())),
            "map" => new MapType(new Field("key", ReadType(type.GetProperty("keyType")), nullable: false),
                new Field("value", ReadType(type.GetProperty("valueType")), type.GetProperty("valueContainsNull").GetBoolean())),
            var other => throw new NotSupportedException($"its schema has the type {other}, which this version does not know"),
        };
    }

    private static IArrowType ReadPrimitive(string name) => name switch
    {
        "decimal" => new Decimal128Type(10, 0),
        _ => LakeType.TryParse(name) ?? throw (name.StartsWith("decimal", StringComparison.Ordinal)
            ? new FormatException($"'{name}' is no type")
            : new NotSupportedException($"its schema has the type {name}, which this version does not know")),
    };

    private static string Text(JsonElement body, string name) =>
        body.GetProperty(name).GetString() ?? throw new FormatException($"{name} is null");
}
