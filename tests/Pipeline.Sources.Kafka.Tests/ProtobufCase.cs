using System.Text;
using System.Text.Json.Nodes;
using Google.Protobuf;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>
/// A schema drawn by chance, a value of it on the wire, and the JSON that this value has. The wire is written as untidily
/// as the encoding allows: fields in any order, messages in pieces, values that later ones replace.
/// </summary>
internal sealed class ProtobufCase
{
    private static readonly string[] Scalars = ["double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64", "bool", "string", "bytes", "Colour"];
    private static readonly string[] Keys = ["int32", "sint64", "uint64", "fixed32", "bool", "string"];

    private readonly Random _random;
    private readonly List<string> _declarations = [];
    private int _messages;

    public ProtobufCase(int seed)
    {
        _random = new Random(seed);
        var root = Draw(depth: 0);
        (Json, var pieces) = Fill(root);
        Wire = Concat(pieces);
    }

    /// <summary>The value's message is the first.</summary>
    public string Schema => $"syntax = \"proto3\";\nenum Colour {{ RED = 0; GREEN = 1; BLUE = -3; }}\n{string.Concat(Enumerable.Reverse(_declarations))}";

    public byte[] Wire { get; }

    public JsonObject Json { get; }

    private sealed record Field(string Name, int Number, string Label, string Type, string Key, IReadOnlyList<Field>? Message, int Oneof);

    private List<Field> Draw(int depth)
    {
        var name = $"M{_messages++}";
        var fields = new List<Field>();
        string[] labels = ["", "", "optional", "repeated", "packed", "map", "oneof"];
        foreach (var number in Enumerable.Range(0, _random.Next(8)).Select(_ => _random.Next(4) == 0 ? _random.Next(1, 1 << 28) : _random.Next(1, 40)).Distinct())
        {
            var label = labels[_random.Next(labels.Length)];
            var isMessage = depth < 3 && label != "packed" && _random.Next(3) == 0;
            var first = _messages;
            var message = isMessage ? Draw(depth + 1) : null;
            var type = isMessage ? $"M{first}" : Scalars[_random.Next(Scalars.Length)];
            if (label == "packed" && type is "string" or "bytes") label = "repeated";
            fields.Add(new Field($"f_{number}", number, label, type, Keys[_random.Next(Keys.Length)], message, label == "oneof" ? _random.Next(2) : -1));
        }

        var text = new StringBuilder($"message {name} {{\n");
        foreach (var field in fields.Where(field => field.Oneof < 0))
            text.Append(field.Label switch { "map" => $"map<{field.Key}, {field.Type}>", "packed" => $"repeated {field.Type}", var label => $"{label} {field.Type}" }).AppendLine($" {field.Name} = {field.Number};");
        foreach (var oneof in fields.Where(field => field.Oneof >= 0).GroupBy(field => field.Oneof))
            text.AppendLine($"oneof o{oneof.Key} {{ {string.Concat(oneof.Select(field => $"{field.Type} {field.Name} = {field.Number};"))} }}");
        _declarations.Add(text.AppendLine("}").ToString());
        return fields;
    }

    private (JsonObject Json, List<byte[]> Pieces) Fill(IReadOnlyList<Field> fields)
    {
        var json = new JsonObject();
        // Pieces of one queue keep their order; all members of a oneof are in one.
        var queues = new List<List<byte[]>>();
        foreach (var field in fields.Where(field => field.Oneof < 0))
        {
            var queue = new List<byte[]>();
            var value = FillField(field, queue);
            if (value.IsPresent) json[JsonName(field)] = value.Json;
            queues.Add(queue);
        }

        foreach (var oneof in fields.Where(field => field.Oneof >= 0).GroupBy(field => field.Oneof))
        {
            var queue = new List<byte[]>();
            var (last, value) = (default(Field), default(JsonNode));
            foreach (var field in oneof.Where(_ => _random.Next(2) == 0))
            {
                (value, var pieces) = Single(field);
                queue.AddRange(pieces);
                last = field;
            }

            if (last is not null) json[JsonName(last)] = value;
            queues.Add(queue);
        }

        var shuffled = new List<byte[]>();
        while (queues.Where(queue => queue.Count > 0).ToList() is { Count: > 0 } left)
        {
            var queue = left[_random.Next(left.Count)];
            shuffled.Add(queue[0]);
            queue.RemoveAt(0);
            // A field that this schema does not have.
            if (_random.Next(10) == 0) shuffled.Add(Tagged((1 << 28) + 5, 2, Sized([63])));
        }

        return (json, shuffled);
    }

    private (bool IsPresent, JsonNode? Json) FillField(Field field, List<byte[]> queue)
    {
        switch (field.Label)
        {
            case "repeated" or "packed":
                var array = new JsonArray();
                for (var left = _random.Next(4); left > 0; left--)
                {
                    var packed = new List<byte[]>();
                    for (var inner = field.Label == "packed" && _random.Next(4) > 0 ? _random.Next(4) : 1; inner > 0; inner--)
                    {
                        var (json, pieces) = Single(field, isWhole: true);
                        array.Add(json);
                        if (field.Label == "repeated") queue.AddRange(pieces);
                        else packed.Add(Encode(field.Type, json!));
                    }

                    if (field.Label == "packed") queue.Add(Tagged(field.Number, 2, Sized(Concat(packed))));
                }

                return (true, array);
            case "map":
                var map = new JsonObject();
                for (var left = _random.Next(5); left > 0; left--)
                {
                    var (key, _) = Single(field with { Type = field.Key, Message = null, Number = 1 }, isWhole: true);
                    var (value, pieces) = Single(field with { Number = 2 });
                    var name = key!.GetValueKind() == System.Text.Json.JsonValueKind.String ? key.GetValue<string>() : key.ToJsonString();
                    map[name] = value;
                    List<byte[]> entry = [Tagged(1, WireType(field.Key), Encode(field.Key, key)), .. pieces];
                    if (_random.Next(2) == 0) entry.Reverse(0, Math.Min(2, entry.Count));
                    queue.Add(Tagged(field.Number, 2, Sized(Concat(entry))));
                }

                return (true, map);
            default:
                var hasPresence = field.Label == "optional" || field.Message is not null;
                if (_random.Next(3) == 0) return hasPresence ? (false, null) : (true, Default(field.Type));
                var (single, written) = Single(field);
                if (field.Message is null && _random.Next(4) == 0) queue.AddRange(Single(field).Pieces);
                queue.AddRange(written);
                return (true, single);
        }
    }

    private (JsonNode? Json, List<byte[]> Pieces) Single(Field field, bool isWhole = false)
    {
        if (field.Message is null)
        {
            var scalar = Scalar(field.Type);
            return (scalar, [Tagged(field.Number, WireType(field.Type), Encode(field.Type, scalar))]);
        }

        var (json, pieces) = Fill(field.Message);
        var cut = isWhole ? 0 : _random.Next(pieces.Count + 1);
        List<byte[]> halves = [Concat(pieces[cut..])];
        if (cut > 0) halves.Insert(0, Concat(pieces[..cut]));
        return (json, [.. halves.Select(half => Tagged(field.Number, 2, Sized(half)))]);
    }

    private JsonNode Scalar(string type) => type switch
    {
        "double" => Some<double>([0, -0.5, 1e300, double.Epsilon]),
        "float" => Some<float>([0, 1.5f, float.MaxValue]),
        "int32" or "sint32" or "sfixed32" => Some<int>([0, -1, int.MinValue, int.MaxValue, _random.Next()]),
        "uint32" or "fixed32" => Some<uint>([0, uint.MaxValue, (uint)_random.Next()]),
        "int64" or "sint64" or "sfixed64" => Some<string>(["0", "-1", "-9223372036854775808", "9223372036854775807"]),
        "uint64" or "fixed64" => Some<string>(["0", "18446744073709551615", "42"]),
        "bool" => Some<bool>([true, false]),
        "string" => Some<string>(["", "a\"\\\u0001", "süß", "😀", new string('x', 200)]),
        "bytes" => Some<string>(["", "AQ==", "AAEC/w=="]),
        _ => Some<JsonNode>(["RED", "GREEN", "BLUE", 77]),
    };

    private static JsonNode Default(string type) => type switch
    {
        "bool" => false,
        "string" or "bytes" => "",
        "int64" or "sint64" or "sfixed64" or "uint64" or "fixed64" => "0",
        "Colour" => "RED",
        _ => 0,
    };

    private JsonNode Some<T>(ReadOnlySpan<T> choices) => choices[_random.Next(choices.Length)] is var chosen && chosen is JsonNode node ? node.DeepClone() : JsonValue.Create(chosen)!;

    private static byte[] Encode(string type, JsonNode json) => Write(output =>
    {
        string Text() => json.GetValue<string>();
        switch (type)
        {
            case "double": output.WriteDouble(json.GetValue<double>()); break;
            case "float": output.WriteFloat(json.GetValue<float>()); break;
            case "int32": output.WriteInt32(json.GetValue<int>()); break;
            case "sint32": output.WriteSInt32(json.GetValue<int>()); break;
            case "sfixed32": output.WriteSFixed32(json.GetValue<int>()); break;
            case "uint32": output.WriteUInt32(json.GetValue<uint>()); break;
            case "fixed32": output.WriteFixed32(json.GetValue<uint>()); break;
            case "int64": output.WriteInt64(long.Parse(Text())); break;
            case "sint64": output.WriteSInt64(long.Parse(Text())); break;
            case "sfixed64": output.WriteSFixed64(long.Parse(Text())); break;
            case "uint64": output.WriteUInt64(ulong.Parse(Text())); break;
            case "fixed64": output.WriteFixed64(ulong.Parse(Text())); break;
            case "bool": output.WriteBool(json.GetValue<bool>()); break;
            case "string": output.WriteString(Text()); break;
            case "bytes": output.WriteBytes(ByteString.FromBase64(Text())); break;
            default: output.WriteEnum(json.GetValueKind() == System.Text.Json.JsonValueKind.Number ? json.GetValue<int>() : Text() switch { "RED" => 0, "GREEN" => 1, _ => -3 }); break;
        }
    });

    private static uint WireType(string type) => type switch
    {
        "double" or "fixed64" or "sfixed64" => 1,
        "float" or "fixed32" or "sfixed32" => 5,
        "string" or "bytes" => 2,
        _ => 0,
    };

    private static string JsonName(Field field) => field.Name.Replace("_", "", StringComparison.Ordinal);

    private static byte[] Tagged(int number, uint wireType, byte[] content) => [.. Write(output => output.WriteTag(((uint)number << 3) | wireType)), .. content];

    private static byte[] Sized(byte[] content) => Write(output => output.WriteBytes(ByteString.CopyFrom(content)));

    private static byte[] Concat(IEnumerable<byte[]> pieces) => [.. pieces.SelectMany(piece => piece)];

    private static byte[] Write(Action<CodedOutputStream> write)
    {
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true)) write(output);
        return bytes.ToArray();
    }
}
