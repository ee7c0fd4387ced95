using System.Buffers;
using System.Numerics;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>
/// Writes Protobuf's binary encoding as JSON text, by the language's own JSON mapping and without objects for the values.
/// Fields come by number. Those without presence are written also at their default, for only the schema knows it; absent
/// ones are left out, and so are fields that the schema does not have. Enum values without a name are numbers; what JSON
/// has no number for becomes <c>"NaN"</c>, <c>"Infinity"</c> or <c>"-Infinity"</c>. One value at a time.
/// </summary>
internal sealed class ProtobufToJson : IValueWriter<ProtobufFile>
{
    /// <summary>Messages within messages.</summary>
    internal const int DepthMax = 100;

    private readonly int _bytesMax;
    private readonly ArrayBufferWriter<byte> _buffer = new(4096);
    private readonly Utf8JsonWriter _json;
    private readonly ProtobufScan _scan = new();

    /// <param name="bytesMax">JSON longer than this is refused: a few bytes can stand for very many.</param>
    public ProtobufToJson(int bytesMax)
    {
        _bytesMax = bytesMax;
        // A message may open an object and, around it, a list.
        _json = new Utf8JsonWriter(_buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 2 * DepthMax + 4 });
    }

    /// <inheritdoc/>
    /// <param name="value">Begins with the indexes of the message's type.</param>
    public ReadOnlySpan<byte> Write(ProtobufFile schema, ReadOnlySpan<byte> value)
    {
        var input = new WireInput(value);
        return Write(ReadType(schema, ref input), value[input.At..]);
    }

    public ReadOnlySpan<byte> Write(ProtobufMessage type, ReadOnlySpan<byte> bytes)
    {
        _buffer.ResetWrittenCount();
        _json.Reset();
        try
        {
            WriteMessage(type, bytes, _scan.Begin(0, bytes.Length), isWhole: true, depth: 0);
            _json.Flush();
            return _buffer.WrittenSpan;
        }
        catch (Exception e) when (e is not FormatException && DataFaults.Are(e))
        {
            throw new FormatException(DataFaults.Cause(e), e);
        }
    }

    public void Dispose() => _json.Dispose();

    /// <summary>How many indexes, then the message's among those of its file, and within it; nothing but a zero for the first.</summary>
    private static ProtobufMessage ReadType(ProtobufFile schema, ref WireInput input)
    {
        var count = input.ReadZigzag();
        var type = count == 0 ? Choose(schema.Messages, 0) : null;
        for (var level = 0L; level < count; level++) type = Choose(type?.Nested ?? schema.Messages, input.ReadZigzag());
        return type ?? throw new FormatException($"The type is given by {Plural.Of(count, "index")}.");
    }

    private static ProtobufMessage Choose(IReadOnlyList<ProtobufMessage> messages, long index) => index >= 0 && index < messages.Count
        ? messages[(int)index]
        : throw new FormatException($"There is no message {index} of {messages.Count} in the schema.");

    /// <param name="piece">Where it is.</param>
    /// <param name="isWhole">Whether it is one element of many, and not a field whose pieces are one message.</param>
    private void WriteMessage(ProtobufMessage type, ReadOnlySpan<byte> bytes, int piece, bool isWhole, int depth)
    {
        if (depth > DepthMax) throw new FormatException($"The value is nested more than {DepthMax} deep.");
        CheckLength();
        var frame = _scan.Scan(type, bytes, piece, isWhole);
        switch (type.WellKnown)
        {
            case ProtobufWellKnown.Timestamp:
                ProtobufMoments.WriteTimestamp(_json, Number(type, frame, 0, bytes), (int)Number(type, frame, 1, bytes));
                break;
            case ProtobufWellKnown.Duration:
                ProtobufMoments.WriteDuration(_json, Number(type, frame, 0, bytes), (int)Number(type, frame, 1, bytes));
                break;
            case ProtobufWellKnown.FieldMask:
                WriteFieldMask(frame, bytes);
                break;
            case ProtobufWellKnown.Wrapper or ProtobufWellKnown.Struct or ProtobufWellKnown.List:
                WriteField(type.Fields[0], frame, 0, bytes, depth);
                break;
            case ProtobufWellKnown.Value:
                WriteChosen(type, frame, bytes, depth);
                break;
            default:
                WriteFields(type, frame, bytes, depth);
                break;
        }

        _scan.Free(frame);
    }

    private void WriteFields(ProtobufMessage type, ProtobufScan.Frame frame, ReadOnlySpan<byte> bytes, int depth)
    {
        _json.WriteStartObject();
        for (var ordinal = 0; ordinal < type.Fields.Count; ordinal++)
        {
            var field = type.Fields[ordinal];
            if (field.HasPresence && _scan.First(frame, ordinal) < 0)
            {
                if (field.IsRequired) throw new FormatException($"Field {field.Name} of {type.Name} is required and absent.");
                continue;
            }

            _json.WritePropertyName(field.JsonName);
            WriteField(field, frame, ordinal, bytes, depth);
        }

        _json.WriteEndObject();
    }

    /// <summary>What a field holds; its default when it is not there.</summary>
    private void WriteField(ProtobufField field, ProtobufScan.Frame frame, int ordinal, ReadOnlySpan<byte> bytes, int depth)
    {
        var first = _scan.First(frame, ordinal);
        if (field.IsMap) WriteMap(field, first, bytes, depth);
        else if (field.IsRepeated) WriteList(field, first, bytes, depth);
        else if (field.Kind == ProtobufKind.Message) WriteMessage(field.Message!, bytes, first >= 0 ? first : _scan.Note(0, 0), isWhole: false, depth + 1);
        else if (first >= 0) WriteScalar(field, bytes, _scan[first]);
        else ProtobufScalars.WriteDefault(_json, field);
    }

    private void WriteScalar(ProtobufField field, ReadOnlySpan<byte> bytes, ProtobufScan.Occurrence at)
    {
        CheckLength();
        var input = new WireInput(bytes, at.From, at.To);
        ProtobufScalars.Write(_json, field, ref input);
    }

    private void WriteList(ProtobufField field, int first, ReadOnlySpan<byte> bytes, int depth)
    {
        _json.WriteStartArray();
        for (var item = first; item >= 0; item = _scan.Next(item))
        {
            if (field.Kind == ProtobufKind.Message) WriteMessage(field.Message!, bytes, item, isWhole: true, depth + 1);
            else if (_scan[item].IsPacked) WritePacked(field, bytes, _scan[item]);
            else WriteScalar(field, bytes, _scan[item]);
        }

        _json.WriteEndArray();
    }

    private void WritePacked(ProtobufField field, ReadOnlySpan<byte> bytes, ProtobufScan.Occurrence at)
    {
        var input = new WireInput(bytes, at.From, at.To);
        while (input.Left > 0)
        {
            CheckLength();
            ProtobufScalars.Write(_json, field, ref input);
        }
    }

    private void WriteMap(ProtobufField field, int first, ReadOnlySpan<byte> bytes, int depth)
    {
        var entry = field.Message!;
        if (first >= 0 && _scan.Next(first) >= 0) FindReplaced(entry, first, bytes);
        Span<byte> memory = stackalloc byte[ProtobufScalars.KeyBytesMax];
        _json.WriteStartObject();
        for (var item = first; item >= 0; item = _scan.Next(item))
        {
            if (_scan[item].IsReplaced) continue;
            var frame = _scan.Scan(entry, bytes, item, isWhole: true);
            CheckLength();
            _json.WritePropertyName(Key(entry, frame, bytes, memory));
            WriteField(entry.Fields[1], frame, 1, bytes, depth);
            _scan.Free(frame);
        }

        _json.WriteEndObject();
    }

    /// <summary>Of entries with one key the last counts.</summary>
    private void FindReplaced(ProtobufMessage entry, int first, ReadOnlySpan<byte> bytes)
    {
        var count = 0;
        for (var item = first; item >= 0; item = _scan.Next(item)) count++;
        var size = (int)BitOperations.RoundUpToPowerOf2((uint)count * 2);
        var frame = _scan.Reserve(size);
        Span<byte> memory = stackalloc byte[ProtobufScalars.KeyBytesMax];
        Span<byte> otherMemory = stackalloc byte[ProtobufScalars.KeyBytesMax];
        for (var item = first; item >= 0; item = _scan.Next(item))
        {
            var key = KeyOf(entry, item, bytes, memory);
            // Seeded anew by each process: nobody can choose keys that collide.
            var hash = new HashCode();
            hash.AddBytes(key);
            var place = hash.ToHashCode() & (size - 1);
            while (_scan.Slots(frame)[place] is >= 0 and var other && !KeyOf(entry, other, bytes, otherMemory).SequenceEqual(key)) place = (place + 1) & (size - 1);
            if (_scan.Slots(frame)[place] is >= 0 and var earlier) _scan[earlier].IsReplaced = true;
            _scan.Slots(frame)[place] = item;
        }

        _scan.Free(frame);
    }

    private ReadOnlySpan<byte> KeyOf(ProtobufMessage entry, int item, ReadOnlySpan<byte> bytes, Span<byte> memory)
    {
        var frame = _scan.Scan(entry, bytes, item, isWhole: true);
        var key = Key(entry, frame, bytes, memory);
        _scan.Free(frame);
        return key;
    }

    /// <summary>An entry's key as text: where it is in the bytes, or formatted into the memory.</summary>
    private ReadOnlySpan<byte> Key(ProtobufMessage entry, ProtobufScan.Frame frame, ReadOnlySpan<byte> bytes, Span<byte> memory)
    {
        if (_scan.First(frame, 0) is not (>= 0 and var first)) return ProtobufScalars.DefaultKey(entry.Fields[0].Kind);
        return ProtobufScalars.Key(entry.Fields[0].Kind, new WireInput(bytes, _scan[first].From, _scan[first].To), memory);
    }

    /// <summary>The one field of a Value that is set.</summary>
    private void WriteChosen(ProtobufMessage type, ProtobufScan.Frame frame, ReadOnlySpan<byte> bytes, int depth)
    {
        for (var ordinal = 0; ordinal < type.Fields.Count; ordinal++)
        {
            if (_scan.First(frame, ordinal) < 0) continue;
            WriteField(type.Fields[ordinal], frame, ordinal, bytes, depth);
            return;
        }

        _json.WriteNullValue();
    }

    private void WriteFieldMask(ProtobufScan.Frame frame, ReadOnlySpan<byte> bytes)
    {
        var paths = new List<string>();
        for (var path = _scan.First(frame, 0); path >= 0; path = _scan.Next(path))
        {
            var input = new WireInput(bytes, _scan[path].From, _scan[path].To);
            paths.Add(ProtobufSchemaParser.LowerCamelCase(Encoding.UTF8.GetString(input.ReadText(input.Left))));
        }

        _json.WriteStringValue(string.Join(',', paths));
    }

    private long Number(ProtobufMessage type, ProtobufScan.Frame frame, int ordinal, ReadOnlySpan<byte> bytes)
    {
        if (_scan.First(frame, ordinal) is not (>= 0 and var first)) return 0;
        var input = new WireInput(bytes, _scan[first].From, _scan[first].To);
        var number = (long)input.ReadVarint();
        return type.Fields[ordinal].Kind == ProtobufKind.Int32 ? (int)number : number;
    }

    private void CheckLength()
    {
        if (_json.BytesCommitted + _json.BytesPending > _bytesMax) throw new FormatException($"The value has more than {_bytesMax} bytes as JSON.");
    }
}
