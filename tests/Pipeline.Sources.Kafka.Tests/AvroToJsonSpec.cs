using System.Text;
using System.Text.Json;
using Avro;
using Avro.Generic;
using Avro.IO;
using CsCheck;
using Pipeline.Sources.Kafka.Decoding;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>Our decoder reads what the reference implementation writes.</summary>
public sealed class AvroToJsonSpec
{
    private const string Order = """
        { "type": "record", "name": "Order", "namespace": "shop", "fields": [
          { "name": "id", "type": "long" },
          { "name": "count", "type": "int" },
          { "name": "weight", "type": "float" },
          { "name": "ratio", "type": "double" },
          { "name": "is_paid", "type": "boolean" },
          { "name": "note", "type": [ "null", "string" ] },
          { "name": "state", "type": { "type": "enum", "name": "State", "symbols": [ "NEW", "DONE" ] } },
          { "name": "raw", "type": "bytes" },
          { "name": "hash", "type": { "type": "fixed", "name": "Hash", "size": 4 } },
          { "name": "lines", "type": { "type": "array", "items": { "type": "record", "name": "Line", "fields": [ { "name": "sku", "type": "string" }, { "name": "before", "type": "State" } ] } } },
          { "name": "tags", "type": { "type": "map", "values": "long" } } ] }
        """;

    [Theory]
    [InlineData(20)]
    [InlineData(120)]
    [InlineData(300)]
    public void Schemas_may_be_nested_as_deep_as_records_are(int depth)
    {
        var schema = "\"long\"";
        for (var level = depth; level > 0; level--)
            schema = $$"""{"type":"record","name":"R{{level}}","fields":[{"name":"f","type":["null",{"type":"array","items":{{schema}}}]}]}""";
        byte[] value = [.. Enumerable.Range(0, depth).SelectMany(_ => (byte[])[2, 2]), 14, .. new byte[depth]];
        using var writer = new AvroToJson(1 << 20);

        var json = Encoding.UTF8.GetString(writer.Write(AvroSchemaParser.Parse([new SchemaText("", schema)]), value));

        Assert.Equal($"{string.Concat(Enumerable.Repeat("{\"f\":[", depth))}7{string.Concat(Enumerable.Repeat("]}", depth))}", json);
    }

    [Fact]
    public void What_is_nested_without_end_is_refused_and_not_the_end_of_the_process()
    {
        var lists = AvroSchemaParser.Parse([new SchemaText("", """{"type":"record","name":"Node","fields":[{"name":"next","type":["null","Node"]}]}""")]);
        using var writer = new AvroToJson(1 << 20);

        Assert.Throws<FormatException>(() => writer.Write(lists, Enumerable.Repeat((byte)2, 100_000).ToArray()).Length);
        Assert.Throws<FormatException>(() => AvroSchemaParser.Parse([new SchemaText("", string.Concat(Enumerable.Repeat("{\"type\":\"array\",\"items\":", 100_000)))]));
    }

    [Fact]
    public void Writes_every_type_as_JSON()
    {
        var schema = (RecordSchema)Avro.Schema.Parse(Order);
        var line = (RecordSchema)((ArraySchema)schema["lines"].Schema).ItemSchema;
        var first = new GenericRecord(line);
        first.Add("sku", "a\"b");
        first.Add("before", new GenericEnum((EnumSchema)schema["state"].Schema, "NEW"));
        var order = new GenericRecord(schema);
        order.Add("id", -9_007_199_254_740_993L);
        order.Add("count", 42);
        order.Add("weight", 1.5f);
        order.Add("ratio", double.PositiveInfinity);
        order.Add("is_paid", true);
        order.Add("note", "süß");
        order.Add("state", new GenericEnum((EnumSchema)schema["state"].Schema, "DONE"));
        order.Add("raw", new byte[] { 1, 255 });
        order.Add("hash", new GenericFixed((FixedSchema)schema["hash"].Schema, [1, 2, 3, 4]));
        order.Add("lines", new object[] { first, first });
        order.Add("tags", new Dictionary<string, object> { ["x"] = 7L });

        Assert.Equal("""{"id":-9007199254740993,"count":42,"weight":1.5,"ratio":"Infinity","is_paid":true,"note":"süß","state":"DONE","raw":"Af8=","hash":"AQIDBA==","lines":[{"sku":"a\"b","before":"NEW"},{"sku":"a\"b","before":"NEW"}],"tags":{"x":7}}""",
            Json(Order, Encode(schema, order)));
    }

    [Theory]
    [InlineData("""{ "type": "int", "logicalType": "date" }""", 20454L, "\"2026-01-01\"")]
    [InlineData("""{ "type": "long", "logicalType": "timestamp-millis" }""", 1767225600123L, "\"2026-01-01T00:00:00.123Z\"")]
    [InlineData("""{ "type": "long", "logicalType": "timestamp-micros" }""", -1L, "\"1969-12-31T23:59:59.999999Z\"")]
    [InlineData("""{ "type": "long", "logicalType": "timestamp-micros" }""", long.MaxValue, "9223372036854775807")]
    [InlineData("""{ "type": "long", "logicalType": "local-timestamp-micros" }""", 0L, "\"1970-01-01T00:00:00.000000\"")]
    [InlineData("""{ "type": "int", "logicalType": "time-millis" }""", 3_600_001L, "\"01:00:00.001\"")]
    [InlineData("""{ "type": "long", "logicalType": "who-knows" }""", 5L, "5")]
    [InlineData("\"long\"", -5L, "-5")]
    [InlineData("long", 5L, "5")]
    public void Writes_moments_as_ISO_text(string schema, long value, string json)
    {
        using var bytes = new MemoryStream();
        new BinaryEncoder(bytes).WriteLong(value);

        Assert.Equal(json, Json(schema, bytes.ToArray()));
    }

    [Theory]
    [InlineData("12345", 2, "123.45")]
    [InlineData("-5", 2, "-0.05")]
    [InlineData("0", 0, "0")]
    [InlineData("12345678901234567890123456789012345678", 10, "1234567890123456789012345678.9012345678")]
    public void Keeps_every_digit_of_a_decimal(string unscaled, int scale, string json)
    {
        var digits = System.Numerics.BigInteger.Parse(unscaled).ToByteArray(isUnsigned: false, isBigEndian: true);
        using var bytes = new MemoryStream();
        new BinaryEncoder(bytes).WriteBytes(digits);

        Assert.Equal(json, Json($$"""{ "type": "bytes", "logicalType": "decimal", "precision": 38, "scale": {{scale}} }""", bytes.ToArray()));
    }

    [Fact]
    public void Reads_a_type_that_contains_itself()
    {
        const string tree = """{ "type": "record", "name": "Node", "fields": [ { "name": "v", "type": "int" }, { "name": "next", "type": [ "null", "Node" ] } ] }""";

        Assert.Equal("""{"v":1,"next":{"v":2,"next":null}}""", Json(tree, [2, 2, 4, 0]));
    }

    [Theory]
    [InlineData("\"string\"", new byte[] { 0x0A, 0x61 }, "ends early")]
    [InlineData("\"string\"", new byte[] { 0x02, 0xFF }, "not UTF-8")]
    [InlineData("\"long\"", new byte[] { 0x02, 0x02 }, "1 byte follows the value")]
    [InlineData("\"long\"", new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01 }, "more than 64 bits")]
    [InlineData("""[ "null", "long" ]""", new byte[] { 0x08 }, "no choice 4 of 2")]
    // Two thousand million nulls in six bytes.
    [InlineData("""{ "type": "array", "items": "null" }""", new byte[] { 0xFE, 0xFF, 0xFF, 0xFF, 0x0F, 0x00 }, "more than 1048576 bytes")]
    public void Refuses_bytes_that_are_no_such_value(string schema, byte[] bytes, string reason)
    {
        var refusal = Assert.Throws<FormatException>(() => Json(schema, bytes));

        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Whatever_the_bytes_the_answer_is_JSON_or_a_refusal() =>
        Gen.Byte.Array[0, 60].Sample(bytes =>
        {
            string json;
            try
            {
                json = Json(Order, bytes);
            }
            catch (FormatException)
            {
                return;
            }

            using var parsed = JsonDocument.Parse(json);
            Assert.Equal(JsonValueKind.Object, parsed.RootElement.ValueKind);
        }, iter: 20_000);

    private static byte[] Encode(Avro.Schema schema, GenericRecord record)
    {
        using var bytes = new MemoryStream();
        new GenericDatumWriter<GenericRecord>(schema).Write(record, new BinaryEncoder(bytes));
        return bytes.ToArray();
    }

    private static string Json(string schema, byte[] avro)
    {
        using var writer = new AvroToJson(1 << 20);
        return Encoding.UTF8.GetString(writer.Write(new AvroSchemaParser().Parse(schema), avro));
    }
}
