using System.Collections.Frozen;
using System.Text.Json;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>
/// What documents hold by a JSON Schema: types, members, items, references within the schema and to others, and alternatives. What else a schema
/// may demand is not looked at.
/// </summary>
internal sealed class JsonSchemaShapes
{
    /// <summary>References to references, and alternatives in alternatives.</summary>
    private const int DepthMax = 32;

    private const int LevelsMax = 4_000;

    private readonly Dictionary<string, JsonElement> _texts = new(StringComparer.Ordinal);

    /// <summary>Schemas within the schema that are looked at: alternatives that refer to each other would have no end.</summary>
    private int _left = 100_000;

    /// <summary>Of the last, which may refer to those before it.</summary>
    /// <exception cref="FormatException">A text is no JSON.</exception>
    public static DocumentShape Parse(IReadOnlyList<SchemaText> schemas)
    {
        var shapes = new JsonSchemaShapes();
        foreach (var schema in schemas) shapes._texts[schema.Name] = Parse(schema.Text);
        return shapes.Of(shapes._texts[schemas[^1].Name], schemas[^1].Name, depth: 0);
    }

    private static JsonElement Parse(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = LevelsMax });
            return document.RootElement.Clone();
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            throw new FormatException($"The schema is not valid: {DataFaults.Cause(e)}.", e);
        }
    }

    /// <param name="text">The name of the text that the schema stands in.</param>
    private DocumentShape Of(JsonElement schema, string text, int depth)
    {
        if (schema.ValueKind != JsonValueKind.Object || depth > DepthMax || --_left < 0) return DocumentShape.Any;
        if (Member(schema, "$ref") is { ValueKind: JsonValueKind.String } reference)
            return Find(reference.GetString()!, text) is var (found, its) ? Of(found, its, depth + 1) : DocumentShape.Any;
        if (Member(schema, "allOf") is { ValueKind: JsonValueKind.Array } all) return All([Own(schema, text, depth), .. all.EnumerateArray().Select(one => Of(one, text, depth + 1))]);
        var alternatives = Member(schema, "oneOf") ?? Member(schema, "anyOf");
        if (alternatives is not { ValueKind: JsonValueKind.Array } some) return Own(schema, text, depth);
        var either = DocumentShape.Either([.. some.EnumerateArray().Select(one => Of(one, text, depth + 1)).Where(shape => shape.Kinds != DocumentKinds.None)]);
        return SaysNothing(schema) ? either : All([Own(schema, text, depth), either]);
    }

    /// <summary>What a schema says by itself, without those that it combines.</summary>
    private DocumentShape Own(JsonElement schema, string text, int depth)
    {
        if (SaysNothing(schema)) return DocumentShape.Any;
        string[] types = Member(schema, "type") switch
        {
            { ValueKind: JsonValueKind.String } type => [type.GetString()!],
            { ValueKind: JsonValueKind.Array } several => [.. several.EnumerateArray().Where(type => type.ValueKind == JsonValueKind.String).Select(type => type.GetString()!)],
            _ => [],
        };
        if (types.Length == 0) types = Member(schema, "properties") is not null ? ["object"] : Member(schema, "items") is not null ? ["array"] : [];
        return types.Length == 0 ? DocumentShape.Any : DocumentShape.Either([.. types.Where(type => type != "null").Select(type => OfType(type, schema, text, depth))]);
    }

    private DocumentShape OfType(string type, JsonElement schema, string text, int depth) => type switch
    {
        "boolean" => DocumentShape.Of(DocumentKinds.Boolean),
        "integer" => DocumentShape.Of(DocumentKinds.Integer),
        "number" => DocumentShape.Of(DocumentKinds.Number),
        "string" => DocumentShape.Of(OfText(schema)),
        "array" => DocumentShape.List(() => Member(schema, "items") is { } items ? Of(items, text, depth + 1) : DocumentShape.Any),
        "object" => DocumentShape.Object(() => Members(schema, text, depth), () => Others(schema, text, depth)),
        _ => DocumentShape.Any,
    };

    private FrozenDictionary<string, DocumentShape> Members(JsonElement schema, string text, int depth) => Member(schema, "properties") is not { ValueKind: JsonValueKind.Object } properties
        ? FrozenDictionary<string, DocumentShape>.Empty
        : properties.EnumerateObject().DistinctBy(property => property.Name, StringComparer.Ordinal).ToFrozenDictionary(property => property.Name, property => Of(property.Value, text, depth + 1), StringComparer.Ordinal);

    private DocumentShape? Others(JsonElement schema, string text, int depth) => Member(schema, "additionalProperties") switch
    {
        { ValueKind: JsonValueKind.False } => Member(schema, "patternProperties") is null ? null : DocumentShape.Any,
        { ValueKind: JsonValueKind.Object } others when Member(schema, "patternProperties") is null => Of(others, text, depth + 1),
        _ => DocumentShape.Any,
    };

    private static DocumentKinds OfText(JsonElement schema) => Member(schema, "contentEncoding") is not null ? DocumentKinds.Bytes
        : Member(schema, "format") is not { ValueKind: JsonValueKind.String } format ? DocumentKinds.Text
        : format.GetString() switch
        {
            "date" => DocumentKinds.Day,
            "date-time" => DocumentKinds.Moment,
            "time" or "duration" => DocumentKinds.Time,
            "uuid" => DocumentKinds.Uuid,
            _ => DocumentKinds.Text,
        };

    /// <summary>What all of these let be: a member may be named by any of them.</summary>
    private static DocumentShape All(IReadOnlyList<DocumentShape> shapes)
    {
        List<DocumentShape> said = [.. shapes.Where(shape => shape != DocumentShape.Any)];
        if (said is []) return DocumentShape.Any;
        if (said is [var only]) return only;
        var kinds = said.Aggregate(DocumentKinds.Any, (common, shape) => common & shape.Kinds);
        // They may say one type with other words.
        if (kinds != DocumentKinds.Object) return DocumentShape.Either(said);
        return DocumentShape.Object(() => DocumentShape.Either(said).Members, () => said.TrueForAll(shape => shape.Others is not null) ? DocumentShape.Any : null);
    }

    private (JsonElement Schema, string Text)? Find(string reference, string text)
    {
        var at = reference.IndexOf('#', StringComparison.Ordinal);
        var (name, pointer) = at < 0 ? (reference, "") : (reference[..at], reference[(at + 1)..]);
        if (name.Length == 0) name = text;
        if (!_texts.TryGetValue(name, out var found)) return null;
        foreach (var step in pointer.Split('/', StringSplitOptions.RemoveEmptyEntries))
            if (Member(found, Uri.UnescapeDataString(step).Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)) is { } next) found = next;
            else return null;
        return (found, name);
    }

    private static bool SaysNothing(JsonElement schema) => Member(schema, "type") is null && Member(schema, "properties") is null && Member(schema, "items") is null;

    private static JsonElement? Member(JsonElement schema, string name) => schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty(name, out var member) ? member : null;
}
