using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;
using Pipeline.Core;
using Pipeline.Sources.Kafka.Reading;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>Keys as the text that a table has of them. For one thread.</summary>
/// <param name="registered">Decodes keys whose schemas are in a registry; null where they have none.</param>
internal sealed class KeyText(KafkaKeyFormat format, RegisteredValues? registered)
{
    private const string Code = "invalid_key";
    private const int UuidBytes = 16;

    private byte[] _text = new byte[64];

    /// <summary>Null when the key, if there is one, is of the format.</summary>
    /// <param name="text">Valid until the next call.</param>
    /// <exception cref="PipelineException">The schema registry does not answer.</exception>
    public RecordRejected? Decode(in KafkaRecord record, out OptionalBytes text)
    {
        text = default;
        if (!record.HasKey) return null;
        var key = record.Key;
        switch (format)
        {
            case KafkaKeyFormat.Bytes:
                text = Hex(key);
                return null;
            case KafkaKeyFormat.Long when key.Length != sizeof(long):
                return new RecordRejected(Code, $"the key has {Plural.Of(key.Length, "byte")}, and a long has {sizeof(long)}");
            case KafkaKeyFormat.Long:
                BinaryPrimitives.ReadInt64BigEndian(key).TryFormat(_text, out var digits, provider: CultureInfo.InvariantCulture);
                text = (ReadOnlySpan<byte>)_text.AsSpan(0, digits);
                return null;
            case KafkaKeyFormat.Uuid when key.Length != UuidBytes:
                return new RecordRejected(Code, $"the key has {Plural.Of(key.Length, "byte")}, and a UUID has {UuidBytes}");
            case KafkaKeyFormat.Uuid:
                new Guid(key, bigEndian: true).TryFormat(_text, out var letters);
                text = (ReadOnlySpan<byte>)_text.AsSpan(0, letters);
                return null;
            case KafkaKeyFormat.Avro or KafkaKeyFormat.Protobuf:
                if (!registered!.TryDecode(key, out var json, out _, out var code, out var reason)) return new RecordRejected(code == "unknown_schema" ? code : Code, $"the key: {reason}");
                text = json is [(byte)'"', ..] ? Unquoted(json) : json;
                return null;
            case KafkaKeyFormat.JsonSchema:
                if (!RegisteredValues.TryUnwrap(key, out key, out _, out _, out _)) return new RecordRejected(Code, "the key does not begin with a zero byte and the id of a schema");
                break;
        }

        if (!Utf8.IsValid(key)) return new RecordRejected(Code, "the key is not UTF-8. If it is binary, say with key-format how");
        text = key;
        return null;
    }

    private ReadOnlySpan<byte> Hex(ReadOnlySpan<byte> key)
    {
        Grow(key.Length * 2);
        Convert.TryToHexString(key, _text, out _);
        return _text.AsSpan(0, key.Length * 2);
    }

    /// <summary>A key that is one text is that text.</summary>
    private ReadOnlySpan<byte> Unquoted(ReadOnlySpan<byte> json)
    {
        Grow(json.Length);
        var reader = new Utf8JsonReader(json);
        reader.Read();
        return _text.AsSpan(0, reader.CopyString(_text));
    }

    private void Grow(int bytes)
    {
        if (_text.Length < bytes) _text = new byte[bytes];
    }
}
