using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Pipeline.Sources.Kafka.Decoding;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>Our decoder reads what the reference implementation writes, and writes the JSON that it does.</summary>
public sealed class ProtobufToJsonSpec
{
    private static readonly JsonFormatter Reference = new(new JsonFormatter.Settings(formatDefaultValues: true));

    private static readonly FileDescriptor[] Files =
    [
        DescriptorReflection.Descriptor, TypeReflection.Descriptor, ApiReflection.Descriptor, StructReflection.Descriptor, TimestampReflection.Descriptor,
        WrappersReflection.Descriptor, AnyReflection.Descriptor, SourceContextReflection.Descriptor,
    ];

    private static readonly ConcurrentDictionary<FileDescriptor, ProtobufFile> Schemas = [];

    public static TheoryData<int> EachFile => [.. Enumerable.Range(0, Files.Length)];

    /// <summary>Compiled schemas are large messages of every proto2 kind, and so are at hand.</summary>
    [Theory]
    [MemberData(nameof(EachFile))]
    public void Writes_a_compiled_schema_as_the_reference_implementation_does(int file) => AssertAsReference(Files[file].ToProto());

    [Fact]
    public void Writes_messages_of_proto3_as_the_reference_implementation_does() => AssertAsReference(new Google.Protobuf.WellKnownTypes.Type
    {
        Name = "shop.Order",
        Syntax = Google.Protobuf.WellKnownTypes.Syntax.Proto3,
        Oneofs = { "a", "b" },
        SourceContext = new SourceContext { FileName = "order.proto" },
        Fields =
        {
            new Field { Kind = Field.Types.Kind.TypeSfixed64, Cardinality = Field.Types.Cardinality.Repeated, Number = -3, Name = "ids", Packed = true, JsonName = "ids" },
            new Field { Kind = (Field.Types.Kind)99, OneofIndex = 2 },
        },
    });

    [Fact]
    public void Writes_values_of_any_shape_as_the_reference_implementation_does() =>
        Gen.Int.Sample(seed => AssertAsReference(Shape(new Random(seed), depth: 0)), iter: 2_000);

    [Fact]
    public void Writes_moments_and_durations_as_the_reference_implementation_does() =>
        Gen.Select(Gen.Long[-62_135_596_800, 253_402_300_799], Gen.OneOf(Gen.Const(0), Gen.Int[0, 999].Select(n => n * 1_000_000), Gen.Int[0, 999_999].Select(n => n * 1_000), Gen.Int[0, 999_999_999])).Sample((seconds, nanos) =>
        {
            AssertAsReference(new Timestamp { Seconds = seconds, Nanos = nanos });
            AssertAsReference(new Duration { Seconds = seconds, Nanos = seconds < 0 ? -nanos : nanos });
            AssertAsReference(new Duration { Nanos = -nanos });
        }, iter: 5_000);

    [Fact]
    public void Writes_wrapped_values_and_masks_as_the_reference_implementation_does()
    {
        foreach (var wrapped in new IMessage[]
                 {
                     new DoubleValue { Value = double.NaN }, new DoubleValue { Value = double.NegativeInfinity }, new FloatValue { Value = 0.1f }, new Int64Value { Value = long.MinValue },
                     new UInt64Value { Value = ulong.MaxValue }, new Int32Value(), new UInt32Value { Value = uint.MaxValue }, new BoolValue { Value = true }, new StringValue { Value = "süß" },
                     new BytesValue { Value = ByteString.CopyFrom(1, 255) }, new FieldMask { Paths = { "user_name", "user.e_mail" } }, new Empty(),
                 })
            AssertAsReference(wrapped);
    }

    [Fact]
    public void Reads_whatever_order_pieces_and_repetitions_the_encoding_allows() =>
        Gen.Int.Sample(seed =>
        {
            var drawn = new ProtobufCase(seed);

            var json = JsonNode.Parse(Json(drawn.Schema, [0, .. drawn.Wire]));

            Assert.True(JsonNode.DeepEquals(drawn.Json, json), $"{drawn.Schema}\nexpected {drawn.Json.ToJsonString()}\nwritten  {json!.ToJsonString()}");
        }, iter: 10_000);

    [Theory]
    [InlineData("syntax = \"proto3\"; message A { int64 a_b = 1; optional int32 c = 2; repeated int32 d = 3; map<string, int32> e = 4; string f = 5 [json_name = \"g\"]; }", new byte[] { 0 }, """{"aB":"0","d":[],"e":{},"g":""}""")]
    [InlineData("syntax = \"proto2\"; message A { optional int32 a = 1 [default = 5]; required bool b = 2; }", new byte[] { 0, 0x10, 1 }, """{"b":true}""")]
    // Of a one-of the last counts, and a message that begins again after another member begins anew.
    [InlineData("syntax = \"proto3\"; message A { oneof x { B b = 1; int32 c = 2; } } message B { optional int32 d = 1; optional int32 e = 2; }", new byte[] { 0, 0x0A, 2, 8, 1, 0x10, 9, 0x0A, 2, 0x10, 2 }, """{"b":{"e":2}}""")]
    [InlineData("syntax = \"proto3\"; message A { map<int32, string> m = 1; }", new byte[] { 0, 0x0A, 2, 8, 7, 0x0A, 5, 8, 7, 0x12, 1, 0x61, 0x0A, 0 }, """{"m":{"7":"a","0":""}}""")]
    // The group 5, which the schema does not have, with a group in it.
    [InlineData("syntax = \"proto3\"; message A { int32 a = 1; }", new byte[] { 0, 0x2B, 0x33, 8, 1, 0x34, 0x2C, 8, 3 }, """{"a":3}""")]
    [InlineData("syntax = \"proto3\"; message A {} message B { message C {} message D { int32 x = 1; } }", new byte[] { 4, 2, 2, 8, 1 }, """{"x":1}""")]
    [InlineData("message A { repeated E e = 1; enum E { option allow_alias = true; X = 0; Y = 0x1; Z = 1; } }", new byte[] { 0, 0x0A, 2, 1, 2, 8, 0 }, """{"e":["Y",2,"X"]}""")]
    // What it holds may be in no schema of ours: it is shown as it is.
    [InlineData("syntax = \"proto3\"; import \"google/protobuf/any.proto\"; message A { google.protobuf.Any any = 1; }", new byte[] { 0, 0x0A, 7, 0x0A, 1, 0x78, 0x12, 2, 8, 1 }, """{"any":{"typeUrl":"x","value":"CAE="}}""")]
    // Not the Timestamp that everybody knows.
    [InlineData("syntax = \"proto3\"; package google.protobuf; message A { Timestamp at = 1; } message Timestamp { string zone = 1; }", new byte[] { 0, 0x0A, 0 }, """{"at":{"zone":""}}""")]
    public void Writes(string schema, byte[] value, string json) => Assert.Equal(json, Json(schema, value));

    [Theory]
    [InlineData(new byte[] { }, "ends early")]
    [InlineData(new byte[] { 2, 2 }, "no message 1 of 1")]
    [InlineData(new byte[] { 1 }, "given by -1 indexes")]
    [InlineData(new byte[] { 0, 0x0A, 5, 0x61 }, "ends early")]
    [InlineData(new byte[] { 0, 0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01 }, "ends early")]
    [InlineData(new byte[] { 0, 0x0A, 1, 0xFF }, "not UTF-8")]
    [InlineData(new byte[] { 0, 0x10, 0x80 }, "ends early")]
    [InlineData(new byte[] { 0, 0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF }, "more than 64 bits")]
    [InlineData(new byte[] { 0, 0x00, 0x00 }, "no field 0")]
    [InlineData(new byte[] { 0, 0x08, 0x01 }, "Field name of Event has the wire type 0")]
    [InlineData(new byte[] { 0, 0x4C }, "wire type 4")]
    [InlineData(new byte[] { 0, 0x4B, 0x54 }, "wire type 4")]
    [InlineData(new byte[] { 0, 0x4F }, "wire type 7")]
    [InlineData(new byte[] { 0, 0x22, 3, 0x09, 1, 2 }, "ends early")]
    [InlineData(new byte[] { 0, 0x1A, 12, 8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0x10, 0 }, "no moment")]
    public void Refuses_bytes_that_are_no_such_value(byte[] value, string reason)
    {
        const string schema = """syntax = "proto3"; import "google/protobuf/timestamp.proto"; message Event { string name = 1; int64 n = 2; google.protobuf.Timestamp at = 3; repeated fixed64 f = 4; }""";

        var refusal = Assert.Throws<FormatException>(() => Json(schema, value));

        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Refuses_a_required_field_that_is_absent_nesting_without_end_and_JSON_without_end()
    {
        const string tree = "message T { optional T t = 1; repeated T ts = 2; required int32 n = 3; } message L { repeated W w = 1; } message W { repeated int32 a = 1; repeated int32 b = 2; repeated int32 c = 3; }";
        byte[] deep = [];
        for (var level = 0; level < 200; level++) deep = [0x0A, .. Varint(deep.Length), .. deep];
        byte[] groups = [.. Enumerable.Repeat((byte)0x2B, 100_000)];
        // Half a million messages of two bytes, each with three lists.
        byte[] wide = [.. Enumerable.Range(0, 500_000).SelectMany(_ => new byte[] { 0x0A, 0 })];

        Assert.Contains("n of T is required", Assert.Throws<FormatException>(() => Json(tree, [0])).Message, StringComparison.Ordinal);
        Assert.Contains("nested more than 100", Assert.Throws<FormatException>(() => Json(tree, [0, .. deep])).Message, StringComparison.Ordinal);
        Assert.Contains("wire type 3", Assert.Throws<FormatException>(() => Json(tree, [0, .. groups])).Message, StringComparison.Ordinal);
        Assert.Contains("more than 1048576 bytes", Assert.Throws<FormatException>(() => Json(tree, [2, 2, .. wide])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Whatever_the_bytes_the_answer_is_JSON_or_a_refusal() =>
        Gen.Select(Gen.Int[0, 10_000], Gen.Byte.Array[0, 60], Gen.Int[0, 200], Gen.Byte).Sample((seed, noise, at, flipped) =>
        {
            // Either noise, or a good value with one byte wrong.
            var drawn = new ProtobufCase(seed);
            byte[] bytes = at < 100 || drawn.Wire.Length == 0 ? noise : [.. drawn.Wire];
            if (at >= 100 && bytes.Length > 0) bytes[at % bytes.Length] = flipped;
            string json;
            try
            {
                json = Json(drawn.Schema, [0, .. bytes]);
            }
            catch (FormatException)
            {
                return;
            }

            using var parsed = JsonDocument.Parse(json);
            Assert.Equal(JsonValueKind.Object, parsed.RootElement.ValueKind);
        }, iter: 20_000);

    [Fact]
    public void What_it_makes_of_damaged_bytes_is_what_the_reference_implementation_makes_of_them()
    {
        IMessage[] good = [.. Files.Skip(1).Select(file => file.ToProto()), .. Enumerable.Range(0, 20).Select(seed => Shape(new Random(seed), depth: 0))];
        var (compared, laxer) = (0, 0);
        Gen.Int.Sample(seed =>
        {
            var random = new Random(seed);
            var message = good[random.Next(good.Length)];
            var bytes = message.ToByteArray();
            for (var damages = random.Next(1, 4); damages > 0 && bytes.Length > 0; damages--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            JsonNode? written;
            string reference;
            try
            {
                written = Written(message.Descriptor, bytes);
                reference = Reference.Format(message.Descriptor.Parser.ParseFrom(bytes));
            }
            catch (InvalidProtocolBufferException)
            {
                // What a later value replaces is not looked at here, and there it is.
                Interlocked.Increment(ref laxer);
                return;
            }
            catch (Exception e) when (e is FormatException or InvalidOperationException)
            {
                // We refuse it, as we may; or it is a Value without a value, which has no JSON there and is null here.
                return;
            }

            Interlocked.Increment(ref compared);
            Assert.True(JsonNode.DeepEquals(JsonNode.Parse(reference), written), $"{Convert.ToHexString(bytes)}\nreference {reference}\nwritten   {written?.ToJsonString()}");
        }, iter: 20_000);

        Assert.InRange(compared, 2_000, 20_000);
        Assert.InRange(laxer, 0, compared / 50);
    }

    [Fact]
    public void Makes_no_objects_for_the_values()
    {
        var drawn = Enumerable.Range(0, 50).Select(seed => new ProtobufCase(seed)).Select(drawn => (Schema: Parse(drawn.Schema), Value: (byte[])[0, .. drawn.Wire])).ToList();
        using var writer = new ProtobufToJson(1 << 20);
        foreach (var (schema, value) in drawn) writer.Write(schema, value);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var round = 0; round < 20; round++)
            foreach (var (schema, value) in drawn)
                writer.Write(schema, value);

        // A thousand values; whatever the runtime itself does at times is less than an object for each.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 20_000);
    }

    private static Value Shape(Random random, int depth) => random.Next(depth > 5 ? 4 : 6) switch
    {
        0 => Value.ForNull(),
        1 => Value.ForBool(random.Next(2) == 0),
        2 => Value.ForNumber(random.Next(3) switch { 0 => random.NextDouble(), 1 => random.Next(), _ => -1e-7 }),
        3 => Value.ForString(random.Next(2) == 0 ? "" : $"\"{random.Next()}\u2028"),
        4 => Value.ForList([.. Enumerable.Range(0, random.Next(4)).Select(_ => Shape(random, depth + 1))]),
        _ => Value.ForStruct(new Struct { Fields = { Enumerable.Range(0, random.Next(4)).ToDictionary(at => $"k{at}", _ => Shape(random, depth + 1)) } }),
    };

    private static void AssertAsReference(IMessage message)
    {
        var reference = JsonNode.Parse(Reference.Format(message));
        var written = Written(message);
        Assert.True(JsonNode.DeepEquals(reference, written), $"{message.Descriptor.FullName}\nreference {reference?.ToJsonString()}\nwritten   {written?.ToJsonString()}");
    }

    private static JsonNode? Written(IMessage message) => Written(message.Descriptor, message.ToByteArray());

    private static JsonNode? Written(MessageDescriptor type, byte[] bytes)
    {
        var schema = Schemas.GetOrAdd(type.File, file =>
        {
            var files = new List<SchemaText>();
            Gather(file, files);
            return ProtobufSchemaParser.Parse(files);
        });
        using var writer = new ProtobufToJson(1 << 24);
        return JsonNode.Parse(writer.Write(schema, [2, .. Varint(type.Index * 2), .. bytes]));
    }

    private static void Gather(FileDescriptor file, List<SchemaText> files)
    {
        foreach (var dependency in file.Dependencies) Gather(dependency, files);
        files.Add(new SchemaText(file.Name, ProtobufText.Of(file)));
    }

    private static byte[] Varint(int value)
    {
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true)) output.WriteInt32(value);
        return bytes.ToArray();
    }

    private static ProtobufFile Parse(string schema) => ProtobufSchemaParser.Parse([new SchemaText("", schema)]);

    private static string Json(string schema, byte[] value)
    {
        using var writer = new ProtobufToJson(1 << 20);
        return Encoding.UTF8.GetString(writer.Write(Parse(schema), value));
    }
}
