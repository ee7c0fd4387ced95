using System.Text.Unicode;
using Pipeline.Core;
using Pipeline.Sources.Kafka.Reading;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>Decides whether a record can be a row of its table, and what its key and value are there. For one thread.</summary>
internal sealed class RecordDecoder(KafkaTableOptions table, TableDecoders decoders)
{
    private readonly bool _isText = table.Format is KafkaFormat.Json or KafkaFormat.JsonSchema;
    private readonly KeyText _keys = new(table.KeyFormat, decoders.Keys);
    private readonly DebeziumEnvelope? _debezium = table.Envelope == KafkaEnvelope.Debezium ? new DebeziumEnvelope(table.KeyFormat) : null;

    /// <summary>Null when the record is a row.</summary>
    /// <param name="row">Valid until the next call.</param>
    /// <exception cref="PipelineException">The schema registry does not answer.</exception>
    public RecordRejected? Decode(in KafkaRecord record, out DecodedRecord row)
    {
        row = new DecodedRecord { Operation = (byte)'c' };
        var length = record.Key.Length + (long)record.Value.Length;
        if (length > table.RecordBytesMax)
            return new RecordRejected("too_large", $"key and value have {Plural.Of(length, "byte")}; record-bytes-max is {table.RecordBytesMax}");
        if (!record.HasTimestamp && record.TimestampMs != KafkaRecord.NoTimestampMs)
            return new RecordRejected("invalid_timestamp", $"its timestamp, {record.TimestampMs} ms since 1970, is outside of the years 1970 to 9999");
        if (record.HasValue && DecodeValue(record, ref row) is { } fault) return fault;
        if (_keys.Decode(record, out var key) is { } misformed) return misformed;
        row.Key = key;
        if (_debezium is not null) return _debezium.Open(ref row);
        if (table.Envelope == KafkaEnvelope.Tombstone && record is { HasValue: false, HasKey: true }) row.Operation = (byte)'d';
        return null;
    }

    private RecordRejected? DecodeValue(in KafkaRecord record, ref DecodedRecord row)
    {
        var value = record.Value;
        if (decoders.Values is { } registered)
        {
            if (!registered.TryDecode(record.Value, out value, out var id, out var code, out var reason)) return new RecordRejected(code, reason);
            row.SchemaId = id;
        }
        else if (table.Format == KafkaFormat.JsonSchema)
        {
            if (!RegisteredValues.TryUnwrap(record.Value, out value, out var id, out var code, out var reason)) return new RecordRejected(code, reason);
            row.SchemaId = id;
        }

        if (_isText && !Utf8.IsValid(value)) return new RecordRejected("invalid_utf8", "the value is not UTF-8");
        row.Value = value;
        return null;
    }
}
