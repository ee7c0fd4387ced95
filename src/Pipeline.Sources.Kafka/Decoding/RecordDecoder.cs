using System.Text.Unicode;
using Pipeline.Core;
using Pipeline.Sources.Kafka.Reading;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>Decides whether a record can be a row of its table, and what its value is there. For one thread.</summary>
internal sealed class RecordDecoder(KafkaTableOptions table, RegisteredValues? registered)
{
    private readonly bool _isText = table.Format is KafkaFormat.Json or KafkaFormat.JsonSchema;
    private readonly KeyText _keys = new(table.KeyFormat);

    /// <summary>Null when the record is a row.</summary>
    /// <param name="value">The value as the column holds it, valid until the next call; meaningless for a tombstone.</param>
    /// <param name="schemaId">Null where values have none.</param>
    /// <exception cref="PipelineException">The schema registry does not answer.</exception>
    public RecordRejected? Decode(in KafkaRecord record, out ReadOnlySpan<byte> value, out int? schemaId)
    {
        value = record.Value;
        schemaId = null;
        var length = record.Key.Length + (long)record.Value.Length;
        if (length > table.RecordBytesMax)
            return new RecordRejected("too_large", $"key and value have {length} bytes; record-bytes-max is {table.RecordBytesMax}");
        if (!record.HasTimestamp && record.TimestampMs != KafkaRecord.NoTimestampMs)
            return new RecordRejected("invalid_timestamp", $"its timestamp, {record.TimestampMs} ms since 1970, is outside of the years 1970 to 9999");
        if (registered is not null && record.HasValue)
        {
            if (!registered.TryDecode(record.Value, out value, out var id, out var code, out var reason)) return new RecordRejected(code, reason);
            schemaId = id;
        }

        if (table.Format == KafkaFormat.JsonSchema && record.HasValue)
        {
            if (!RegisteredValues.TryUnwrap(record.Value, out value, out var id, out var code, out var reason)) return new RecordRejected(code, reason);
            schemaId = id;
        }

        if (_isText && !Utf8.IsValid(value))
        {
            return new RecordRejected("invalid_utf8", "the value is not UTF-8");
        }

        return _keys.FaultOf(record);
    }

    /// <summary>A record that is a row, with its key as the column holds it, valid until the next call.</summary>
    public KafkaRecord WithKey(in KafkaRecord record) => _keys.Of(record);
}
