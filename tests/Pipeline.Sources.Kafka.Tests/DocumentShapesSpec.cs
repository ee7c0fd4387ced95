using System.Text.Json;
using CsCheck;
using Pipeline.Core;
using Pipeline.Sources.Kafka.Decoding;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>What a schema says of documents is true of every document that is written by it.</summary>
public sealed class DocumentShapesSpec
{
    [Fact]
    public void Every_value_of_an_Avro_schema_that_is_written_as_JSON_has_its_shape()
    {
        const string schema = """
            { "type": "record", "name": "All", "fields": [
              { "name": "flag", "type": "boolean" }, { "name": "whole", "type": ["null", "int"] }, { "name": "part", "type": "double" }, { "name": "text", "type": "string" }, { "name": "raw", "type": "bytes" },
              { "name": "four", "type": { "type": "fixed", "name": "Four", "size": 4 } }, { "name": "state", "type": { "type": "enum", "name": "State", "symbols": ["A", "B"] } },
              { "name": "money", "type": { "type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2 } }, { "name": "day", "type": { "type": "int", "logicalType": "date" } },
              { "name": "time", "type": { "type": "long", "logicalType": "time-micros" } }, { "name": "at", "type": { "type": "long", "logicalType": "local-timestamp-micros" } },
              { "name": "either", "type": ["null", "string", "long", { "type": "map", "values": "Four" }] }, { "name": "more", "type": { "type": "array", "items": "All" } } ] }
            """;
        var type = AvroSchemaParser.Parse([new SchemaText("", schema)]);
        var shape = AvroShapes.Of(type);
        using var writer = new AvroToJson(1 << 20);
        // Flag, absence, a double, a text, bytes, four, a symbol, a decimal, day, time, moment, one choice each, and one within the first.
        byte[] Value(byte flag, byte[] whole, byte[] either, params byte[] more) =>
            [flag, .. whole, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 2, (byte)'x', 2, 1, 1, 2, 3, 4, 2, 4, 1, 0, 20, 20, 20, .. either, .. more];
        byte[][] values =
        [
            Value(0, [0], [0], 0), Value(1, [2, 14], [2, 2, (byte)'y'], 0), Value(1, [2, 14], [4, 9], [2, .. Value(1, [0], [6, 2, 2, (byte)'k', 1, 2, 3, 4, 0], 0), 0]),
        ];

        foreach (var value in values) Assert.Equal("", Misfit(JsonSerializer.Deserialize<JsonElement>(writer.Write(type, value)), shape, "$"));
        Assert.Equal(DocumentKinds.Text | DocumentKinds.Integer | DocumentKinds.Object, shape.Members["either"].Kinds);
        Assert.Equal(2, shape.Members["more"].Items!.Members["money"].Scale);
    }

    [Fact]
    public void Every_value_of_a_Protobuf_schema_that_is_written_as_JSON_has_its_shape() =>
        Gen.Int.Sample(seed =>
        {
            var drawn = new ProtobufCase(seed);
            var file = ProtobufSchemaParser.Parse([new SchemaText("", drawn.Schema)]);
            using var writer = new ProtobufToJson(1 << 20);

            Assert.Equal("", Misfit(JsonSerializer.Deserialize<JsonElement>(writer.Write(file, (byte[])[0, .. drawn.Wire])), ProtobufShapes.Of(file), "$"));
        }, iter: 200);

    [Theory]
    [InlineData("""{ "type": ["object", "null"], "properties": { "a": { "type": "integer" } } }""", "$.a", DocumentKinds.Integer)]
    [InlineData("""{ "properties": { "a": { "anyOf": [{ "type": "null" }, { "type": "string" }, { "type": "number" }] } } }""", "$.a", DocumentKinds.Text | DocumentKinds.Number)]
    [InlineData("""{ "properties": { "a": { "$ref": "#/$defs/a~1b" } }, "$defs": { "a/b": { "type": "string", "format": "uuid" } } }""", "$.a", DocumentKinds.Uuid)]
    [InlineData("""{ "properties": { "a": { "$ref": "other.json" } } }""", "$.a.b", DocumentKinds.Day)]
    [InlineData("""{ "allOf": [{ "$ref": "other.json" }, { "properties": { "a": { "type": "boolean" } } }] }""", "$.b", DocumentKinds.Day)]
    [InlineData("""{ "type": "object", "oneOf": [{ "properties": { "a": { "type": "boolean" } } }, { "$ref": "other.json" }] }""", "$.a", DocumentKinds.Boolean)]
    [InlineData("""{ "properties": { "a": { "items": { "type": "string", "contentEncoding": "base64" } } } }""", "$.a.", DocumentKinds.Bytes)]
    [InlineData("""{ "properties": { "a": { "items": [{ "type": "string" }, { "type": "integer" }] } } }""", "$.a.", DocumentKinds.Any)]
    [InlineData("""{ "additionalProperties": { "type": "integer" }, "type": "object" }""", "$.whatever", DocumentKinds.Integer)]
    [InlineData("""{ "additionalProperties": false, "patternProperties": { "^x": { "type": "integer" } }, "type": "object" }""", "$.xyz", DocumentKinds.Any)]
    [InlineData("""{ "properties": { "a": { "enum": [1, "x"] } } }""", "$.a", DocumentKinds.Any)]
    [InlineData("""{ "$ref": "#" }""", "$.a", DocumentKinds.Any)]
    [InlineData("""{ "anyOf": [{ "$ref": "#" }, { "$ref": "#" }, { "$ref": "#" }] }""", "$.a", DocumentKinds.Any)]
    [InlineData("""{ "$ref": "nowhere.json#/x" }""", "$.a", DocumentKinds.Any)]
    [InlineData("true", "$.a", DocumentKinds.Any)]
    public void A_JSON_Schema_says_what_is_at_a_path(string schema, string path, DocumentKinds kinds)
    {
        var shape = JsonSchemaShapes.Parse([new SchemaText("other.json", """{ "properties": { "b": { "type": "string", "format": "date" } } }"""), new SchemaText("", schema)]);

        foreach (var step in path.Split('.').Skip(1)) shape = (step.Length == 0 ? shape.Items : shape.Members.GetValueOrDefault(step) ?? shape.Others)!;

        Assert.Equal(kinds, shape.Kinds);
    }

    [Fact]
    public void A_closed_object_has_no_other_members_though_alternatives_have_theirs()
    {
        var shape = JsonSchemaShapes.Parse([new SchemaText("", """{ "oneOf": [{ "type": "object", "properties": { "a": {} }, "additionalProperties": false }, { "type": "object", "properties": { "b": {} }, "additionalProperties": false }] }""")]);

        Assert.Equal(["a", "b"], shape.Members.Keys.Order(StringComparer.Ordinal));
        Assert.Null(shape.Others);
    }

    /// <summary>The first place at which a document is not of a shape; empty: it is.</summary>
    private static string Misfit(JsonElement value, DocumentShape shape, string at) => value.ValueKind switch
    {
        JsonValueKind.Null => "",
        JsonValueKind.Object => !shape.Kinds.HasFlag(DocumentKinds.Object) ? $"{at} is an object" : value.EnumerateObject()
            .Select(member => (shape.Members.GetValueOrDefault(member.Name) ?? shape.Others) is { } its ? Misfit(member.Value, its, $"{at}.{member.Name}") : $"{at} has {member.Name}").FirstOrDefault(misfit => misfit.Length > 0, ""),
        JsonValueKind.Array => shape.Items is not { } items ? $"{at} is a list" : value.EnumerateArray().Select(item => Misfit(item, items, $"{at}[]")).FirstOrDefault(misfit => misfit.Length > 0, ""),
        JsonValueKind.True or JsonValueKind.False => shape.Kinds.HasFlag(DocumentKinds.Boolean) ? "" : $"{at} is a boolean",
        JsonValueKind.Number => (shape.Kinds & (DocumentKinds.Number | (value.GetRawText().All(c => c is '-' or (>= '0' and <= '9')) ? DocumentKinds.Integer : DocumentKinds.None))) != DocumentKinds.None ? "" : $"{at} is {value}",
        _ => FitsText(value.GetString()!, shape.Kinds) ? "" : $"{at} is '{value}'",
    };

    private static bool FitsText(string text, DocumentKinds kinds) =>
        (kinds & (DocumentKinds.Text | DocumentKinds.Symbol)) != DocumentKinds.None
        || (kinds.HasFlag(DocumentKinds.Number) && text is "NaN" or "Infinity" or "-Infinity")
        || (kinds.HasFlag(DocumentKinds.IntegerText) && System.Numerics.BigInteger.TryParse(text, out _))
        || (kinds.HasFlag(DocumentKinds.Day) && text is [_, _, _, _, '-', _, _, '-', _, _])
        || (kinds.HasFlag(DocumentKinds.Moment) && text.Contains('T', StringComparison.Ordinal))
        || (kinds.HasFlag(DocumentKinds.Time) && text.Contains(':', StringComparison.Ordinal))
        || (kinds.HasFlag(DocumentKinds.Bytes) && Convert.TryFromBase64String(text, new byte[text.Length], out _));
}
