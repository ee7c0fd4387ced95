using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>
/// Writes Avro's binary encoding as JSON text, in one pass and without objects for the values. Unions become their value;
/// bytes and fixed become base64; decimals become numbers with all their digits; dates, times and timestamps become ISO
/// 8601 text; what JSON has no number for becomes <c>"NaN"</c>, <c>"Infinity"</c> or <c>"-Infinity"</c>. One value at a time.
/// </summary>
internal sealed class AvroToJson : IValueWriter<AvroType>
{
    /// <summary>Types within types, the branches of unions counted.</summary>
    private const int DepthMax = 1_000;

    /// <summary>Far more than anybody counts with: its digits take the square of its length to write.</summary>
    private const int DecimalBytesMax = 1_024;

    private readonly int _bytesMax;
    private readonly ArrayBufferWriter<byte> _buffer = new(4096);
    private readonly Utf8JsonWriter _json;

    /// <param name="bytesMax">JSON longer than this is refused: a few bytes of Avro can stand for very many.</param>
    public AvroToJson(int bytesMax)
    {
        _bytesMax = bytesMax;
        _json = new Utf8JsonWriter(_buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = DepthMax + 2 });
    }

    /// <summary>The JSON of one value; valid until the next call.</summary>
    /// <exception cref="FormatException">The bytes are not a value of this type, or the JSON would be too long.</exception>
    public ReadOnlySpan<byte> Write(AvroType type, ReadOnlySpan<byte> avro)
    {
        _buffer.ResetWrittenCount();
        _json.Reset();
        try
        {
            var input = new WireInput(avro);
            Write(type, ref input, depth: 0);
            if (input.Left > 0) throw new FormatException($"{Plural.Of(input.Left, "byte", "follows", "follow")} the value.");
            _json.Flush();
            return _buffer.WrittenSpan;
        }
        catch (Exception e) when (e is not FormatException && DataFaults.Are(e))
        {
            throw new FormatException(DataFaults.Cause(e), e);
        }
    }

    public void Dispose() => _json.Dispose();

    private void Write(AvroType type, ref WireInput input, int depth)
    {
        if (depth > DepthMax) throw new FormatException($"The value is nested more than {DepthMax} deep.");
        if (_json.BytesCommitted + _json.BytesPending > _bytesMax) throw new FormatException($"The value has more than {_bytesMax} bytes as JSON.");
        switch (type)
        {
            case AvroPrimitive primitive:
                WritePrimitive(primitive, ref input);
                break;
            case AvroRecord record:
                _json.WriteStartObject();
                foreach (var (name, field) in record.Fields)
                {
                    _json.WritePropertyName(name);
                    Write(field, ref input, depth + 1);
                }

                _json.WriteEndObject();
                break;
            case AvroUnion union:
                Write(union.Branches[ReadIndex(ref input, union.Branches.Count)], ref input, depth + 1);
                break;
            case AvroEnum symbols:
                _json.WriteStringValue(symbols.Symbols[ReadIndex(ref input, symbols.Symbols.Count)]);
                break;
            case AvroArray array:
                _json.WriteStartArray();
                for (var count = ReadBlock(ref input); count > 0; count = ReadBlock(ref input))
                    for (; count > 0; count--) Write(array.Items, ref input, depth + 1);
                _json.WriteEndArray();
                break;
            case AvroMap map:
                _json.WriteStartObject();
                for (var count = ReadBlock(ref input); count > 0; count = ReadBlock(ref input))
                    for (; count > 0; count--)
                    {
                        _json.WritePropertyName(ReadText(ref input));
                        Write(map.Values, ref input, depth + 1);
                    }

                _json.WriteEndObject();
                break;
            case AvroFixed bytes:
                var value = input.Read(bytes.Size);
                if (bytes.IsDecimal) WriteDecimal(value, bytes.Scale);
                else _json.WriteBase64StringValue(value);
                break;
        }
    }

    private void WritePrimitive(AvroPrimitive type, ref WireInput input)
    {
        switch (type.Kind)
        {
            case AvroPrimitiveKind.Null:
                _json.WriteNullValue();
                break;
            case AvroPrimitiveKind.Boolean:
                _json.WriteBooleanValue(input.Read(1)[0] != 0);
                break;
            case AvroPrimitiveKind.Int or AvroPrimitiveKind.Long:
                WriteInteger(type.Logical, input.ReadZigzag());
                break;
            case AvroPrimitiveKind.Float:
                JsonNumbers.Write(_json, BinaryPrimitives.ReadSingleLittleEndian(input.Read(sizeof(float))));
                break;
            case AvroPrimitiveKind.Double:
                JsonNumbers.Write(_json, BinaryPrimitives.ReadDoubleLittleEndian(input.Read(sizeof(double))));
                break;
            case AvroPrimitiveKind.Bytes when type.Logical == AvroLogical.Decimal:
                WriteDecimal(input.Read(input.ReadZigzag()), type.Scale);
                break;
            case AvroPrimitiveKind.Bytes:
                _json.WriteBase64StringValue(input.Read(input.ReadZigzag()));
                break;
            case AvroPrimitiveKind.String:
                _json.WriteStringValue(ReadText(ref input));
                break;
        }
    }

    private void WriteInteger(AvroLogical logical, long value)
    {
        switch (logical)
        {
            case AvroLogical.Date:
                WriteMoment(value, TimeSpan.TicksPerDay, "yyyy-MM-dd");
                break;
            case AvroLogical.TimeMillis:
                WriteMoment(value, TimeSpan.TicksPerMillisecond, "HH:mm:ss.fff");
                break;
            case AvroLogical.TimeMicros:
                WriteMoment(value, TimeSpan.TicksPerMicrosecond, "HH:mm:ss.ffffff");
                break;
            case AvroLogical.TimestampMillis:
                WriteMoment(value, TimeSpan.TicksPerMillisecond, "yyyy-MM-ddTHH:mm:ss.fffZ");
                break;
            case AvroLogical.TimestampMicros:
                WriteMoment(value, TimeSpan.TicksPerMicrosecond, "yyyy-MM-ddTHH:mm:ss.ffffffZ");
                break;
            case AvroLogical.LocalTimestampMillis:
                WriteMoment(value, TimeSpan.TicksPerMillisecond, "yyyy-MM-ddTHH:mm:ss.fff");
                break;
            case AvroLogical.LocalTimestampMicros:
                WriteMoment(value, TimeSpan.TicksPerMicrosecond, "yyyy-MM-ddTHH:mm:ss.ffffff");
                break;
            default:
                _json.WriteNumberValue(value);
                break;
        }
    }

    /// <summary>Text of a moment counted from the epoch; the number itself outside of the years 1 to 9999.</summary>
    private void WriteMoment(long value, long ticksEach, string format)
    {
        var ticks = (Int128)value * ticksEach + DateTime.UnixEpoch.Ticks;
        if (ticks < DateTime.MinValue.Ticks || ticks > DateTime.MaxValue.Ticks) _json.WriteNumberValue(value);
        else _json.WriteStringValue(new DateTime((long)ticks, DateTimeKind.Utc).ToString(format, CultureInfo.InvariantCulture));
    }

    /// <summary>Two's complement, most significant byte first, of the value without its point.</summary>
    private void WriteDecimal(ReadOnlySpan<byte> unscaled, int scale)
    {
        if (unscaled.Length > DecimalBytesMax) throw new FormatException($"A decimal has {Plural.Of(unscaled.Length, "byte")}.");
        var value = new BigInteger(unscaled, isUnsigned: false, isBigEndian: true);
        var digits = BigInteger.Abs(value).ToString(CultureInfo.InvariantCulture).PadLeft(scale + 1, '0');
        var text = new StringBuilder(digits.Length + 2);
        if (value.Sign < 0) text.Append('-');
        text.Append(digits.AsSpan(0, digits.Length - scale));
        if (scale > 0) text.Append('.').Append(digits.AsSpan(digits.Length - scale));
        _json.WriteRawValue(text.ToString(), skipInputValidation: true);
    }

    private static ReadOnlySpan<byte> ReadText(ref WireInput input) => input.ReadText(input.ReadZigzag());

    private static int ReadIndex(ref WireInput input, int count)
    {
        var index = input.ReadZigzag();
        return index >= 0 && index < count ? (int)index : throw new FormatException($"There is no choice {index} of {count} before {input.At}.");
    }

    /// <summary>Items of the next block; zero at the end. A negative count is followed by the block's size in bytes.</summary>
    private static long ReadBlock(ref WireInput input)
    {
        var count = input.ReadZigzag();
        if (count >= 0) return count;
        input.ReadZigzag();
        return count == long.MinValue ? throw new FormatException($"A block before {input.At} has no sensible size.") : -count;
    }
}
