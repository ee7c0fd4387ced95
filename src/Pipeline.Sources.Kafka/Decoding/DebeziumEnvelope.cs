using System.Buffers;
using System.Text;
using System.Text.Json;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>
/// Change events as Debezium writes them, with their schema beside them or without: what happened (<c>op</c>), the row before and the
/// row after. For one thread.
/// </summary>
/// <remarks>
/// A key that changes comes as two events, a delete of the old one and a create of the new one; the record without a value that
/// follows a delete deletes once more, for topics whose compaction has left it alone.
/// </remarks>
internal sealed class DebeziumEnvelope(KafkaKeyFormat keyFormat)
{
    private const string Code = "invalid_envelope";

    private readonly ArrayBufferWriter<byte> _known = new(256);

    /// <summary>Makes of an event the row that it is about; null when it could.</summary>
    /// <param name="row">Its key as text and its value as JSON.</param>
    public RecordRejected? Open(scoped ref DecodedRecord row)
    {
        var document = default(OptionalBytes);
        if (row.Key.IsThere && OpenKey(ref row, out document) is { } fault) return fault;
        if (!row.Value.IsThere) return OpenTombstone(ref row, document);
        try
        {
            var payload = ConnectJson.Payload(row.Value.Bytes);
            return payload.SequenceEqual("null"u8) ? OpenTombstone(ref row, document) : OpenEvent(ref row, payload, document);
        }
        catch (JsonException e)
        {
            return new RecordRejected(Code, $"the value is not JSON at line {e.LineNumber + 1}, byte {e.BytePositionInLine}");
        }
    }

    /// <summary>A key is what its schema is beside; where it is an object, it says which row is meant.</summary>
    private RecordRejected? OpenKey(scoped ref DecodedRecord row, out OptionalBytes document)
    {
        document = default;
        if (keyFormat is KafkaKeyFormat.Bytes or KafkaKeyFormat.Long or KafkaKeyFormat.Uuid) return null;
        try
        {
            var payload = ConnectJson.Payload(row.Key.Bytes);
            row.Key = payload;
            if (payload is [(byte)'{', ..]) document = payload;
            return null;
        }
        catch (JsonException) when (keyFormat is not (KafkaKeyFormat.Json or KafkaKeyFormat.JsonSchema))
        {
            return null;
        }
        catch (JsonException e)
        {
            return new RecordRejected("invalid_key", $"the key is not JSON at line {e.LineNumber + 1}, byte {e.BytePositionInLine}. If it is something else, say with key-format what");
        }
    }

    private static RecordRejected? OpenTombstone(scoped ref DecodedRecord row, OptionalBytes document)
    {
        if (!row.Key.IsThere) return new RecordRejected(Code, "it has neither a value nor a key, so it says of no row");
        row.Value = document;
        row.Operation = (byte)'d';
        return null;
    }

    private RecordRejected? OpenEvent(scoped ref DecodedRecord row, ReadOnlySpan<byte> payload, OptionalBytes key)
    {
        var reader = new Utf8JsonReader(payload, ConnectJson.Deep);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject) return new RecordRejected(Code, "the value is no object with op, before and after");
        var (op, before, after) = (default(JsonMember), default(JsonMember), default(JsonMember));
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (isOp, isBefore, isAfter) = (reader.ValueTextEquals("op"u8), reader.ValueTextEquals("before"u8), reader.ValueTextEquals("after"u8));
            reader.Read();
            var member = JsonMember.Take(ref reader);
            if (isOp) op = member;
            else if (isBefore) before = member;
            else if (isAfter) after = member;
        }

        if (op.Kind == JsonTokenType.None)
            return new RecordRejected(Code, "it has no op. Records without an envelope (ExtractNewRecordState) are read with envelope = tombstone");
        if (op.Kind != JsonTokenType.String || op.In(payload) is not [(byte)'"', var letter, (byte)'"']) return new RecordRejected(Code, "its op is not one of c, r, u, d and t");
        if (before.HasValue && !before.IsObject) return new RecordRejected(Code, "its before is no object");
        row.Operation = letter;
        if (before.IsObject) row.Before = before.In(payload);
        switch (letter)
        {
            case (byte)'c' or (byte)'r' or (byte)'u':
                if (!after.IsObject) return new RecordRejected(Code, $"its op is {(char)letter} and its after is no object");
                row.Value = after.In(payload);
                row.Changed = Known(row.Value.Bytes);
                return null;
            case (byte)'d':
                row.Value = before.IsObject ? row.Before : key;
                return row.Value.IsThere || row.Key.IsThere ? null : new RecordRejected(Code, "its op is d, and neither before nor the key say of which row");
            case (byte)'t':
                row.Value = default;
                return null;
            default:
                return new RecordRejected(Code, "its op is not one of c, r, u, d and t");
        }
    }

    /// <summary>The members of a row whose values it carries; null: all.</summary>
    private OptionalBytes Known(ReadOnlySpan<byte> row)
    {
        if (!UnavailableValue.MayBeIn(row)) return default;
        _known.ResetWrittenCount();
        var areAllKnown = true;
        var reader = new Utf8JsonReader(row, ConnectJson.Deep);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            var member = JsonMember.Take(ref reader);
            if (UnavailableValue.Is(member.In(row)))
            {
                areAllKnown = false;
                continue;
            }

            if (_known.WrittenCount > 0) _known.Write(","u8);
            _known.Write(Encoding.UTF8.GetBytes(LakeName.OfSourceColumn(name)));
        }

        return areAllKnown ? default(OptionalBytes) : _known.WrittenSpan;
    }
}
