namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>
/// The files that every schema may import without a registry having them; what a registry has under their names is not
/// asked. Those that are not here bring options only, which mean nothing for values.
/// </summary>
internal static class ProtobufWellKnownFiles
{
    private const string Package = "google.protobuf.";

    private static readonly Dictionary<string, string> Files = new(StringComparer.Ordinal)
    {
        ["google/protobuf/timestamp.proto"] = "message Timestamp { int64 seconds = 1; int32 nanos = 2; }",
        ["google/protobuf/duration.proto"] = "message Duration { int64 seconds = 1; int32 nanos = 2; }",
        ["google/protobuf/field_mask.proto"] = "message FieldMask { repeated string paths = 1; }",
        ["google/protobuf/empty.proto"] = "message Empty {}",
        ["google/protobuf/any.proto"] = "message Any { string type_url = 1; bytes value = 2; }",
        ["google/protobuf/source_context.proto"] = "message SourceContext { string file_name = 1; }",
        ["google/protobuf/struct.proto"] = """
            message Struct { map<string, Value> fields = 1; }
            message Value {
              oneof kind {
                NullValue null_value = 1; double number_value = 2; string string_value = 3;
                bool bool_value = 4; Struct struct_value = 5; ListValue list_value = 6;
              }
            }
            enum NullValue { NULL_VALUE = 0; }
            message ListValue { repeated Value values = 1; }
            """,
        ["google/protobuf/wrappers.proto"] = """
            message DoubleValue { double value = 1; }
            message FloatValue { float value = 1; }
            message Int64Value { int64 value = 1; }
            message UInt64Value { uint64 value = 1; }
            message Int32Value { int32 value = 1; }
            message UInt32Value { uint32 value = 1; }
            message BoolValue { bool value = 1; }
            message StringValue { string value = 1; }
            message BytesValue { bytes value = 1; }
            """,
    };

    /// <summary>The text of a file; null when it is not one of these.</summary>
    public static string? Find(string path) => Files.TryGetValue(path, out var text) ? $"syntax = \"proto3\"; package google.protobuf; {text}"
        : path == "confluent/type/decimal.proto" ? "syntax = \"proto3\"; package confluent.type; message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }"
        : null;

    public static ProtobufWellKnown KindOf(string message) => !message.StartsWith(Package, StringComparison.Ordinal) ? ProtobufWellKnown.None : message[Package.Length..] switch
    {
        "Timestamp" => ProtobufWellKnown.Timestamp,
        "Duration" => ProtobufWellKnown.Duration,
        "FieldMask" => ProtobufWellKnown.FieldMask,
        "Struct" => ProtobufWellKnown.Struct,
        "Value" => ProtobufWellKnown.Value,
        "ListValue" => ProtobufWellKnown.List,
        "DoubleValue" or "FloatValue" or "Int64Value" or "UInt64Value" or "Int32Value" or "UInt32Value" or "BoolValue" or "StringValue" or "BytesValue" => ProtobufWellKnown.Wrapper,
        _ => ProtobufWellKnown.None,
    };
}
