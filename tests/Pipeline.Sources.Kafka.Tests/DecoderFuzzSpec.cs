using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Apache.Arrow;
using Avro.IO;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Sources.Kafka.Decoding;
using Pipeline.Sources.Kafka.Reading;
using Pipeline.Testing;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>Schemas, values and a registry's answers that were changed by chance: a value or one error, never another, never a loop.</summary>
public sealed class DecoderFuzzSpec
{
    private const int BytesMax = 1 << 20;

    internal static readonly string[] AvroSchemas =
    [
        """{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"paid","type":"boolean"},{"name":"note","type":["null","string"]},{"name":"state","type":{"type":"enum","name":"State","symbols":["NEW","DONE"]}},{"name":"raw","type":"bytes"},{"name":"hash","type":{"type":"fixed","name":"Hash","size":4}},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[{"name":"sku","type":"string"},{"name":"before","type":"State"}]}}},{"name":"tags","type":{"type":"map","values":"double"}}]}""",
        """{"type":"record","name":"shop.Money","namespace":null,"fields":[{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":4}},{"name":"fee","type":{"type":"fixed","name":"Fee","size":8,"logicalType":"decimal","precision":18,"scale":2}},{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"day","type":{"type":"int","logicalType":"date"}}]}""",
        """{"type":"record","name":"Node","fields":[{"name":"value","type":"int"},{"name":"next","type":["null","Node"]}]}""",
        "\"long\"",
    ];

    [Theory]
    [InlineData("""{"type":"record","name":"A","namespace":null,"fields":[{"name":"n","type":"long"}]}""", """{"n":-1}""")]
    [InlineData("""{"type":"bytes","logicalType":"decimal","precision":4,"scale":-2}""", "\"\"")]
    [InlineData("""{"type":"bytes","logicalType":"decimal","precision":4,"scale":2147483647}""", "\"\"")]
    [InlineData("""{"type":"bytes","logicalType":"decimal","scale":"two"}""", "\"\"")]
    [InlineData("""{"type":"long","logicalType":null}""", "-1")]
    public void A_schema_that_asks_for_too_much_is_read_as_the_specification_wants(string schema, string json)
    {
        using var writer = new AvroToJson(BytesMax);

        var written = writer.Write(AvroSchemaParser.Parse([new SchemaText("", schema)]), json == "\"\"" ? [0] : [1]);

        Assert.Equal(json, Encoding.UTF8.GetString(written));
    }

    [Theory]
    [InlineData("""{"type":"record","name":null,"fields":[]}""")]
    [InlineData("""{"type":"enum","name":"E","symbols":[null]}""")]
    [InlineData("""{"type":"enum","name":"E","symbols":["\ud800"]}""")]
    [InlineData("""{"type":"record","name":"R","fields":[{"name":"\udfff","type":"int"}]}""")]
    [InlineData("""{"type":"fixed","name":"F","size":-1}""")]
    [InlineData("""{"type":{"type":{"type":null}}}""")]
    [InlineData("[]nonsense")]
    public void A_schema_that_is_none_is_refused_by_one_error(string schema) =>
        Assert.Throws<FormatException>(() => AvroSchemaParser.Parse([new SchemaText("", schema)]));

    [Theory]
    [InlineData("""{"schema":"\"long\"","references":null}""", 0)]
    [InlineData("""{"schema":"\"long\"","schemaType":null}""", 0)]
    [InlineData("""{"schema":"\"long\"","references":[{"name":"a","subject":"b/c","version":1}]}""", 1)]
    public void A_registry_may_say_nothing_where_there_is_nothing(string answer, int references)
    {
        var schema = RegisteredSchema.Read(Encoding.UTF8.GetBytes(answer));

        Assert.Equal(("AVRO", references), (schema.Type, schema.References.Count));
    }

    [Fact]
    public Task Avro_schemas() => new Fuzz(AvroSchemas).RunAsync(input =>
    {
        var type = AvroSchemaParser.Parse([new SchemaText("", Encoding.UTF8.GetString(input))]);
        using var writer = new AvroToJson(BytesMax);
        foreach (var value in AvroValues()) Written(writer, type, value);
    }, e => e is FormatException);

    [Fact]
    public Task Avro_values()
    {
        var types = AvroSchemas.Select(schema => AvroSchemaParser.Parse([new SchemaText("", schema)])).ToArray();
        var writer = new AvroToJson(BytesMax);
        return new Fuzz(AvroValues()).RunAsync(input =>
        {
            foreach (var type in types) Written(writer, type, input);
        }, e => e is FormatException);
    }

    [Fact]
    public Task Protobuf_schemas()
    {
        var cases = Enumerable.Range(0, 20).Select(seed => new ProtobufCase(seed)).ToArray();
        var writer = new ProtobufToJson(BytesMax);
        return new Fuzz([.. cases.Select(drawn => drawn.Schema), "syntax = \"proto2\"; import \"google/protobuf/timestamp.proto\"; message A { required google.protobuf.Timestamp at = 1 [json_name = \"a\\\"t\"]; optional A a = 2; }"]).RunAsync(input =>
        {
            var file = ProtobufSchemaParser.Parse([new SchemaText("", Encoding.UTF8.GetString(input))]);
            foreach (var drawn in cases.Take(3)) Written(writer, file, [0, .. drawn.Wire]);
        }, e => e is FormatException);
    }

    [Fact]
    public Task Protobuf_values()
    {
        var cases = Enumerable.Range(0, 20).Select(seed => new ProtobufCase(seed)).Select(drawn => (File: ProtobufSchemaParser.Parse([new SchemaText("", drawn.Schema)]), drawn.Wire)).ToArray();
        var writer = new ProtobufToJson(BytesMax);
        return new Fuzz([.. cases.Select(drawn => (byte[])[0, .. drawn.Wire])]).RunAsync(input =>
        {
            foreach (var (file, _) in cases.Take(4)) Written(writer, file, input);
        }, e => e is FormatException);
    }

    [Fact]
    public Task A_registrys_answers() => new Fuzz(
    [
        """{"subject":"orders-value","version":3,"id":7,"schemaType":"PROTOBUF","references":[{"name":"a.proto","subject":"a","version":1}],"schema":"syntax = \"proto3\";"}""",
        """{"schema":"\"string\""}""", """{"schema":"\"string\"","references":null,"schemaType":null}""",
    ]).RunAsync(input => RegisteredSchema.Read(input), e => e is FormatException);

    [Fact]
    public Task Json_schemas() => new Fuzz(
    [
        """{"type":["object","null"],"properties":{"a":{"$ref":"#/definitions/b"},"c":{"type":"array","items":{"type":"string","format":"date"}}},"definitions":{"b":{"anyOf":[{"type":"integer"},{"$ref":"#"}]}}}""",
        """{"allOf":[{"properties":{"a":{"enum":[1]}}},{"additionalProperties":false,"type":"object"}]}""",
    ]).RunAsync(input => Look(JsonSchemaShapes.Parse([new SchemaText("", Encoding.UTF8.GetString(input))]), depth: 0), e => e is FormatException);

    [Fact]
    public Task Json_records_and_headers()
    {
        var table = new KafkaTableOptions { Name = "user_events", Topic = "user_events", RecordBytesMax = 200 };
        return new Fuzz(
        [
            RawRecord(1_767_225_600_123, "k1", """{"id":1,"name":"Ada"}""", ("trace", "t"u8.ToArray()), ("trace", null), ("raw", [0xC3, 0x28])), RawRecord(-1, null, "{}"),
            RawRecord(253_402_300_800_000, "süß", null, ("", [])), RawRecord(0, "", new string('x', 300)),
        ]).RunAsync(input => TakeRecord(table, input), _ => false);
    }

    [Fact]
    public async Task A_record_of_very_many_headers_costs_no_more_than_its_bytes()
    {
        using var headers = new HeadersJson();
        var json = Task.Run(() =>
        {
            for (var i = 0; i < 200_000; i++) headers.Add(BitConverter.GetBytes(i), [1], isNull: false);
            return headers.Write().Length;
        }, TestContext.Current.CancellationToken);

        Assert.True(await json.WaitAsync(Deadlines.Test, TestContext.Current.CancellationToken) > 200_000);
    }

    /// <summary>A record as it lies in the client's memory becomes a row or a dead letter, of valid text either way.</summary>
    private static void TakeRecord(KafkaTableOptions table, byte[] input)
    {
        using var headers = new HeadersJson();
        using var metrics = new KafkaMetrics("events");
        using var queue = new ChunkQueue(long.MaxValue);
        var rest = new RawRecordReader(input);
        var timestamp = rest.Number();
        var key = rest.Bytes();
        var value = rest.Bytes();
        while (!rest.IsEmpty) headers.Add(rest.Bytes(), rest.Bytes(), isNull: rest.IsNull);
        var json = headers.Write();
        if (json.Length > 0) using (JsonDocument.Parse(json.ToArray())) { }
        var reading = new PartitionReading(new SplitId("events", "user_events/0"), table, 0, position: 7, 1 << 20, default, queue, metrics, TimeProvider.System);
        reading.Take(new KafkaRecord { Offset = 7, TimestampMs = timestamp, HasKey = key.Length > 0, Key = key, HasValue = value.Length > 0, Value = value, HeadersJson = json });
        reading.Flush();
        queue.Complete(fault: null);
        using var chunk = queue.TakeAllAsync(CancellationToken.None).ToBlockingEnumerable().Single();
        var rows = (chunk.Rows ?? chunk.DeadLetters)!;
        Assert.Equal((1, new PositionRange(7, 8)), (rows.Length, chunk.Range));
        foreach (var column in rows.Arrays.OfType<StringArray>()) Assert.True(column.IsNull(0) || System.Text.Unicode.Utf8.IsValid(column.GetBytes(0)));
        reading.Abandon();
    }

    private static byte[] RawRecord(long timestampMs, string? key, string? value, params ReadOnlySpan<(string Name, byte[]? Value)> headers)
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes);
        writer.Write(timestampMs);
        Part(Encoding.UTF8.GetBytes(key ?? ""));
        Part(Encoding.UTF8.GetBytes(value ?? ""));
        foreach (var (name, content) in headers)
        {
            Part(Encoding.UTF8.GetBytes(name));
            Part(content ?? []);
        }

        return bytes.ToArray();

        void Part(byte[] content)
        {
            writer.Write((ushort)content.Length);
            writer.Write(content);
        }
    }

    /// <summary>Parts of an input that may end anywhere.</summary>
    private ref struct RawRecordReader(ReadOnlySpan<byte> rest)
    {
        private ReadOnlySpan<byte> _rest = rest;

        public readonly bool IsEmpty => _rest.IsEmpty;

        /// <summary>Whether the last part was empty.</summary>
        public bool IsNull { get; private set; }

        public long Number()
        {
            var bytes = Take(sizeof(long));
            return bytes.Length < sizeof(long) ? -1 : BinaryPrimitives.ReadInt64LittleEndian(bytes);
        }

        public ReadOnlySpan<byte> Bytes()
        {
            var length = Take(sizeof(ushort));
            var part = Take(length.Length < sizeof(ushort) ? 0 : BinaryPrimitives.ReadUInt16LittleEndian(length));
            IsNull = part.IsEmpty;
            return part;
        }

        private ReadOnlySpan<byte> Take(int length)
        {
            var part = _rest[..Math.Min(length, _rest.Length)];
            _rest = _rest[part.Length..];
            return part;
        }
    }

    private static void Look(DocumentShape shape, int depth)
    {
        if (depth > 4) return;
        foreach (var member in shape.Members.Values.Append(shape.Others).Append(shape.Items).OfType<DocumentShape>().Take(4)) Look(member, depth + 1);
    }

    /// <summary>Writes a value, which is JSON or refused.</summary>
    private static void Written<TSchema>(IValueWriter<TSchema> writer, TSchema schema, byte[] value)
    {
        byte[] json;
        try
        {
            json = writer.Write(schema, value).ToArray();
        }
        catch (FormatException)
        {
            return;
        }

        using var parsed = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 500 });
    }

    internal static byte[][] AvroValues()
    {
        using var order = new MemoryStream();
        var encoder = new BinaryEncoder(order);
        encoder.WriteLong(-9_007_199_254_740_993L);
        encoder.WriteBoolean(true);
        encoder.WriteLong(1);
        encoder.WriteString("süß \"quoted\"");
        encoder.WriteEnum(1);
        encoder.WriteBytes([1, 255]);
        encoder.WriteFixed([1, 2, 3, 4]);
        encoder.WriteLong(2);
        for (var line = 0; line < 2; line++)
        {
            encoder.WriteString("sku");
            encoder.WriteEnum(line);
        }

        encoder.WriteLong(0);
        encoder.WriteLong(1);
        encoder.WriteString("x");
        encoder.WriteDouble(double.NaN);
        encoder.WriteLong(0);

        using var money = new MemoryStream();
        encoder = new BinaryEncoder(money);
        encoder.WriteBytes([0xFF, 0x01, 0x02]);
        encoder.WriteFixed([0, 0, 0, 0, 0, 0, 4, 1]);
        encoder.WriteLong(1_767_225_600_123_456);
        encoder.WriteInt(20_454);

        return [order.ToArray(), money.ToArray(), [2, 2, 4, 2, 6, 0], [0x80, 0x80, 1]];
    }
}
