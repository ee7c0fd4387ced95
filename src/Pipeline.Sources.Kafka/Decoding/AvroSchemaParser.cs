using System.Text.Encodings.Web;
using System.Text.Json;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>
/// Reads Avro schemas (specification 1.12, "Schema Declaration"). Schemas that refer to each other are read one after the
/// other by one parser.
/// </summary>
internal sealed class AvroSchemaParser
{
    private static readonly Dictionary<string, AvroPrimitiveKind> Primitives = new(StringComparer.Ordinal)
    {
        ["null"] = AvroPrimitiveKind.Null,
        ["boolean"] = AvroPrimitiveKind.Boolean,
        ["int"] = AvroPrimitiveKind.Int,
        ["long"] = AvroPrimitiveKind.Long,
        ["float"] = AvroPrimitiveKind.Float,
        ["double"] = AvroPrimitiveKind.Double,
        ["bytes"] = AvroPrimitiveKind.Bytes,
        ["string"] = AvroPrimitiveKind.String,
    };

    /// <summary>Digits behind the point of a decimal that are believed.</summary>
    private const int DigitsMax = 1_000;

    /// <summary>Levels of the schema's JSON, of which a record in a record takes four: all that a thread's stack surely has room for.</summary>
    private const int DepthMax = 4_000;

    private readonly Dictionary<string, AvroType> _named = new(StringComparer.Ordinal);

    /// <summary>The last schema, which may refer to those before it.</summary>
    /// <exception cref="FormatException">A text is no Avro schema.</exception>
    public static AvroType Parse(IReadOnlyList<SchemaText> schemas)
    {
        var parser = new AvroSchemaParser();
        return schemas.Select(schema => parser.Parse(schema.Text)).ToList()[^1];
    }

    /// <exception cref="FormatException">The text is no Avro schema.</exception>
    public AvroType Parse(string schema)
    {
        // A primitive type may stand alone and unquoted in a registry.
        if (Primitives.TryGetValue(schema.Trim(), out var primitive)) return new AvroPrimitive(primitive);
        try
        {
            using var document = JsonDocument.Parse(schema, new JsonDocumentOptions { MaxDepth = DepthMax });
            return Read(document.RootElement, "");
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            throw new FormatException($"The schema is not valid: {DataFaults.Cause(e)}.", e);
        }
    }

    private AvroType Read(JsonElement schema, string space) => schema.ValueKind switch
    {
        JsonValueKind.String => Reference(schema.GetString()!, space),
        JsonValueKind.Array => new AvroUnion([.. schema.EnumerateArray().Select(branch => Read(branch, space))]),
        JsonValueKind.Object => ReadObject(schema, space),
        _ => throw new FormatException($"A type is written as a name, a list or an object, not {schema.ValueKind}."),
    };

    private AvroType ReadObject(JsonElement schema, string space)
    {
        var type = schema.GetProperty("type");
        if (type.ValueKind != JsonValueKind.String) return Read(type, space);

        var name = type.GetString()!;
        switch (name)
        {
            case "record" or "error":
                return ReadRecord(schema, space);
            case "enum":
                return Name(schema, space, new AvroEnum([.. schema.GetProperty("symbols").EnumerateArray().Select(symbol => Encode(symbol.GetString()!))]), out _);
            case "fixed":
                return Name(schema, space, new AvroFixed(SizeOf(schema), LogicalOf(schema) == "decimal", ScaleOf(schema)), out _);
            case "array":
                return new AvroArray(Read(schema.GetProperty("items"), space));
            case "map":
                return new AvroMap(Read(schema.GetProperty("values"), space));
            default:
                return Primitives.TryGetValue(name, out var kind) ? new AvroPrimitive(kind, Logical(kind, LogicalOf(schema)), ScaleOf(schema)) : Reference(name, space);
        }
    }

    private AvroRecord ReadRecord(JsonElement schema, string space)
    {
        var record = Name(schema, space, new AvroRecord(), out var own);
        record.Fields = [.. schema.GetProperty("fields").EnumerateArray().Select(field => (Encode(field.GetProperty("name").GetString()!), Read(field.GetProperty("type"), own)))];
        return record;
    }

    /// <summary>Remembers a named type; <paramref name="own"/> is the namespace of the names inside of it.</summary>
    private T Name<T>(JsonElement schema, string space, T type, out string own)
        where T : AvroType
    {
        var name = schema.GetProperty("name").GetString()!;
        if (!name.Contains('.', StringComparison.Ordinal))
        {
            own = TextOf(schema, "namespace") ?? space;
            name = own.Length == 0 ? name : $"{own}.{name}";
        }
        else
        {
            own = name[..name.LastIndexOf('.')];
        }

        _named[name] = type;
        return type;
    }

    private AvroType Reference(string name, string space)
    {
        if (Primitives.TryGetValue(name, out var primitive)) return new AvroPrimitive(primitive);
        if (space.Length > 0 && !name.Contains('.', StringComparison.Ordinal) && _named.TryGetValue($"{space}.{name}", out var near)) return near;
        return _named.TryGetValue(name, out var type) ? type : throw new FormatException($"The schema does not say what {name} is.");
    }

    private static AvroLogical Logical(AvroPrimitiveKind kind, string? logical) => (kind, logical) switch
    {
        (AvroPrimitiveKind.Bytes, "decimal") => AvroLogical.Decimal,
        (AvroPrimitiveKind.Int, "date") => AvroLogical.Date,
        (AvroPrimitiveKind.Int, "time-millis") => AvroLogical.TimeMillis,
        (AvroPrimitiveKind.Long, "time-micros") => AvroLogical.TimeMicros,
        (AvroPrimitiveKind.Long, "timestamp-millis") => AvroLogical.TimestampMillis,
        (AvroPrimitiveKind.Long, "timestamp-micros") => AvroLogical.TimestampMicros,
        (AvroPrimitiveKind.Long, "local-timestamp-millis") => AvroLogical.LocalTimestampMillis,
        (AvroPrimitiveKind.Long, "local-timestamp-micros") => AvroLogical.LocalTimestampMicros,
        _ => AvroLogical.None,
    };

    /// <summary>Null too for a decimal that there cannot be: the specification wants the underlying type then.</summary>
    private static string? LogicalOf(JsonElement schema)
    {
        var logical = TextOf(schema, "logicalType");
        if (logical != "decimal") return logical;
        var scale = NumberOf(schema, "scale");
        var isPossible = (scale ?? 0) is >= 0 and <= DigitsMax && (NumberOf(schema, "precision") is not { } precision || (precision > 0 && (scale ?? 0) <= precision));
        return isPossible && (scale is not null || !schema.TryGetProperty("scale", out _)) ? logical : null;
    }

    private static int ScaleOf(JsonElement schema) => LogicalOf(schema) == "decimal" ? NumberOf(schema, "scale") ?? 0 : 0;

    private static int SizeOf(JsonElement schema)
    {
        var size = schema.GetProperty("size").GetInt32();
        return size >= 0 ? size : throw new FormatException($"a fixed type has {Plural.Of(size, "byte")}");
    }

    private static string? TextOf(JsonElement schema, string name) =>
        schema.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static int? NumberOf(JsonElement schema, string name) =>
        schema.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : null;

    private static JsonEncodedText Encode(string name) => JsonEncodedText.Encode(name, JavaScriptEncoder.UnsafeRelaxedJsonEscaping);
}
