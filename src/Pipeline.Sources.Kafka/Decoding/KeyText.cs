using System.Buffers.Binary;
using System.Text.Unicode;
using Pipeline.Core;
using Pipeline.Sources.Kafka.Reading;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>Keys as the text that a table has of them. For one thread.</summary>
internal sealed class KeyText(KafkaKeyFormat format)
{
    private const int UuidBytes = 16;

    private byte[] _text = new byte[64];

    /// <summary>Null when the key, if there is one, is of the format.</summary>
    public RecordRejected? FaultOf(in KafkaRecord record) => format switch
    {
        _ when !record.HasKey => null,
        KafkaKeyFormat.Long when record.Key.Length != sizeof(long) => new RecordRejected("invalid_key", $"the key has {record.Key.Length} bytes, and a long has {sizeof(long)}"),
        KafkaKeyFormat.Uuid when record.Key.Length != UuidBytes => new RecordRejected("invalid_key", $"the key has {record.Key.Length} bytes, and a UUID has {UuidBytes}"),
        KafkaKeyFormat.Text or KafkaKeyFormat.Json when !Utf8.IsValid(record.Key) => new RecordRejected("invalid_key", "the key is not UTF-8. If it is binary, say with key-format how"),
        _ => null,
    };

    /// <summary>The record with its key as text, valid until the next call.</summary>
    /// <param name="record">One without a fault.</param>
    public KafkaRecord Of(in KafkaRecord record)
    {
        if (!record.HasKey) return record;
        switch (format)
        {
            case KafkaKeyFormat.Bytes:
                return record with { Key = Hex(record.Key) };
            case KafkaKeyFormat.Long:
                BinaryPrimitives.ReadInt64BigEndian(record.Key).TryFormat(_text, out var digits, provider: System.Globalization.CultureInfo.InvariantCulture);
                return record with { Key = _text.AsSpan(0, digits) };
            case KafkaKeyFormat.Uuid:
                new Guid(record.Key, bigEndian: true).TryFormat(_text, out var letters);
                return record with { Key = _text.AsSpan(0, letters) };
            default:
                return record;
        }
    }

    private ReadOnlySpan<byte> Hex(ReadOnlySpan<byte> key)
    {
        if (_text.Length < key.Length * 2) _text = new byte[key.Length * 2];
        Convert.TryToHexString(key, _text, out _);
        return _text.AsSpan(0, key.Length * 2);
    }
}
