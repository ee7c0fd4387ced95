using System.Globalization;
using System.Text;
using Pipeline.Sources.Kafka.Catalog;
using Pipeline.Sources.Kafka.Decoding;
using Pipeline.Sources.Kafka.Reading;
using Pipeline.Testing;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>A record costs in proportion to its size, whatever it is made of.</summary>
public sealed class RecordCostSpec
{
    private const int BytesMax = 256 << 20;
    private const string Proto = "syntax = \"proto3\"; message M { string text = 1; repeated int64 packed = 2; repeated string texts = 3; map<string, int64> entries = 4; repeated M within = 5; M one = 6; }";

    [Theory]
    [InlineData("text", 250_000)]
    [InlineData("bytes", 250_000)]
    [InlineData("array", 20_000)]
    [InlineData("map", 5_000)]
    [InlineData("fields", 1_000)]
    [InlineData("records within records", 60)]
    public void Avro(string what, int size) => Assert.InRange(LinearCost.Ratio(size, n =>
    {
        var (schema, value) = AvroOf(what, n);
        var type = AvroSchemaParser.Parse([new SchemaText("", schema)]);
        var writer = new AvroToJson(BytesMax);
        // Records within records are few: many of them are one measurement.
        return Times(what == "records within records" ? 2_000 : 1, () => Assert.False(writer.Write(type, value).IsEmpty));
    }), 0, LinearCost.RatioMax);

    [Theory]
    [InlineData("\"long\"", 500)]
    [InlineData("fields", 500)]
    [InlineData("symbols", 1_000)]
    public void A_schema(string what, int size) => Assert.InRange(LinearCost.Ratio(size, n =>
    {
        var schema = what switch
        {
            "symbols" => $$"""{"type":"enum","name":"E","symbols":[{{string.Join(',', Enumerable.Range(0, n).Select(i => $"\"s{i}\""))}}]}""",
            "fields" => $$"""{"type":"record","name":"R","fields":[{{string.Join(',', Enumerable.Range(0, n).Select(i => $$"""{"name":"f{{i}}","type":{"type":"record","name":"R{{i}}","fields":[]} }"""))}}]}""",
            _ => $$"""{"type":"record","name":"R","fields":[{{string.Join(',', Enumerable.Range(0, n).Select(i => $$"""{"name":"f{{i}}","type":{{what}} }"""))}}]}""",
        };
        return () => Assert.NotNull(AvroSchemaParser.Parse([new SchemaText("", schema)]));
    }), 0, LinearCost.RatioMax);

    [Theory]
    [InlineData("text", 250_000)]
    [InlineData("packed numbers", 30_000)]
    [InlineData("texts", 10_000)]
    [InlineData("map", 5_000)]
    [InlineData("messages", 5_000)]
    [InlineData("pieces of one message", 5_000)]
    [InlineData("a text within messages", 100_000)]
    public void Protobuf(string what, int size) => Assert.InRange(LinearCost.Ratio(size, n =>
    {
        var file = ProtobufSchemaParser.Parse([new SchemaText("", Proto)]);
        var writer = new ProtobufToJson(BytesMax);
        byte[] value = [0, .. ProtobufOf(what, n)];
        return () => Assert.False(writer.Write(file, value).IsEmpty);
    }), 0, LinearCost.RatioMax);

    [Theory]
    [InlineData("headers", 1_000)]
    [InlineData("headers of one name", 1_000)]
    [InlineData("a large header", 250_000)]
    public void Headers(string what, int size) => Assert.InRange(LinearCost.Ratio(size, n =>
    {
        var json = new HeadersJson();
        var headers = what == "a large header" ? [("h"u8.ToArray(), new byte[n])]
            : Enumerable.Range(0, n).Select(i => (Encoding.UTF8.GetBytes(what == "headers" ? $"h{i}" : "h"), "v"u8.ToArray())).ToArray();
        return () =>
        {
            foreach (var (name, value) in headers) json.Add(name, value, isNull: false);
            Assert.False(json.Write().IsEmpty);
        };
    }), 0, LinearCost.RatioMax);

    [Theory]
    [InlineData("members", KafkaEnvelope.Debezium, 4_000)]
    [InlineData("unknown members", KafkaEnvelope.Debezium, 4_000)]
    [InlineData("arrays of numbers", KafkaEnvelope.Debezium, 4_000)]
    [InlineData("schema", KafkaEnvelope.Debezium, 4_000)]
    [InlineData("nested", KafkaEnvelope.Debezium, 30_000)]
    [InlineData("text", KafkaEnvelope.Debezium, 250_000)]
    [InlineData("text", KafkaEnvelope.None, 250_000)]
    [InlineData("key", KafkaEnvelope.None, 250_000)]
    public void Rows(string what, KafkaEnvelope envelope, int size) => Assert.InRange(LinearCost.Ratio(size, n =>
    {
        var table = new KafkaTableOptions { Name = "t", Topic = "t", Envelope = envelope, KeyFormat = what == "key" ? KafkaKeyFormat.Bytes : KafkaKeyFormat.Json, RecordBytesMax = BytesMax };
        var decoder = new RecordDecoder(table, default);
        var after = what switch
        {
            "key" => "{}",
            "text" => $"{{\"t\":\"{new string('x', n)}\"}}",
            "nested" => $"{{\"t\":{new string('[', n)}{new string(']', n)}}}",
            "arrays of numbers" => $"{{{string.Join(',', Enumerable.Range(0, n).Select(i => $"\"m{i}\":[ 95,95,{i}]"))}}}",
            "unknown members" => $"{{{string.Join(',', Enumerable.Range(0, n).Select(i => $"\"m{i}\":{(i % 2 == 0 ? "\"__debezium_unavailable_value\"" : "1")}"))}}}",
            _ => $"{{{string.Join(',', Enumerable.Range(0, n).Select(i => $"\"m{i}\":{i}"))}}}",
        };
        var value = Encoding.UTF8.GetBytes(what == "schema" ? $"{{\"schema\":{after},\"payload\":{{\"op\":\"c\",\"after\":{after}}}}}" : envelope == KafkaEnvelope.None ? after : $"{{\"op\":\"c\",\"after\":{after}}}");
        var key = what == "key" ? new byte[n] : "{}"u8.ToArray();
        return () =>
        {
            var record = new KafkaRecord { Offset = 1, TimestampMs = 1, HasKey = true, Key = key, HasValue = true, Value = value, HeadersJson = default };
            using var columns = new RecordColumns(KafkaSchemas.Of(table), 0, rows: 16, valueBytes: 1024, keyBytes: 1024);
            Assert.Null(decoder.Decode(record, out var row));
            columns.Append(record, row);
            Assert.Equal(1, columns.Build().Length);
        };
    }), 0, LinearCost.RatioMax);

    private static Action Times(int times, Action work) => () =>
    {
        for (var i = 0; i < times; i++) work();
    };

    private static (string Schema, byte[] Value) AvroOf(string what, int n)
    {
        switch (what)
        {
            case "text":
                return ("\"string\"", [.. Zigzag(n), .. Enumerable.Repeat((byte)'"', n)]);
            case "bytes":
                return ("\"bytes\"", [.. Zigzag(n), .. new byte[n]]);
            case "array":
                return ("""{"type":"array","items":"long"}""", [.. Zigzag(n), .. Enumerable.Range(0, n).SelectMany(i => Zigzag(i)), 0]);
            case "map":
                return ("""{"type":"map","values":"long"}""", [.. Zigzag(n), .. Enumerable.Range(0, n).SelectMany(i => (byte[])[.. Text($"k{i}"), .. Zigzag(i)]), 0]);
            case "fields":
                return ($$"""{"type":"record","name":"R","fields":[{{string.Join(',', Enumerable.Range(0, n).Select(i => $$"""{"name":"f{{i}}","type":"long"}"""))}}]}""", [.. Enumerable.Range(0, n).SelectMany(i => Zigzag(i))]);
            default:
                return ("""{"type":"record","name":"Node","fields":[{"name":"next","type":["null","Node"]}]}""", [.. Enumerable.Repeat((byte)2, n / 2), 0]);
        }

        static byte[] Text(string text) => [.. Zigzag(text.Length), .. Encoding.UTF8.GetBytes(text)];
    }

    private static byte[] ProtobufOf(string what, int n) => what switch
    {
        "text" => Field(1, Enumerable.Repeat((byte)'x', n).ToArray()),
        "packed numbers" => Field(2, [.. Enumerable.Range(0, n).SelectMany(i => Varint((ulong)i))]),
        "texts" => [.. Enumerable.Range(0, n).SelectMany(i => Field(3, Encoding.UTF8.GetBytes(i.ToString(CultureInfo.InvariantCulture))))],
        "map" => [.. Enumerable.Range(0, n).SelectMany(i => Field(4, [.. Field(1, Encoding.UTF8.GetBytes($"k{i}")), 0x10, .. Varint((ulong)i)]))],
        "messages" => [.. Enumerable.Range(0, n).SelectMany(_ => Field(5, Field(1, "x"u8.ToArray())))],
        "pieces of one message" => [.. Enumerable.Range(0, n).SelectMany(_ => Field(6, Field(3, "x"u8.ToArray())))],
        _ => Enumerable.Range(0, 90).Aggregate(Field(1, Enumerable.Repeat((byte)'x', n).ToArray()), (within, _) => Field(6, within)),
    };

    private static byte[] Field(int number, byte[] content) => [.. Varint(((ulong)number << 3) | 2), .. Varint((ulong)content.Length), .. content];

    private static byte[] Zigzag(long value) => Varint((ulong)(value << 1) ^ (ulong)(value >> 63));

    private static byte[] Varint(ulong value)
    {
        var bytes = new List<byte>();
        for (; value >= 0x80; value >>= 7) bytes.Add((byte)(value | 0x80));
        return [.. bytes, (byte)value];
    }
}
