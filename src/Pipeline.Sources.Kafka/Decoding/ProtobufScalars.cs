using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>Values that are no messages, as JSON and as the keys of maps.</summary>
internal static class ProtobufScalars
{
    /// <summary>What a key that is a number needs at most.</summary>
    public const int KeyBytesMax = 24;

    public static void Write(Utf8JsonWriter json, ProtobufField field, ref WireInput input)
    {
        switch (field.Kind)
        {
            case ProtobufKind.Double:
                JsonNumbers.Write(json, BinaryPrimitives.ReadDoubleLittleEndian(input.Read(sizeof(double))));
                break;
            case ProtobufKind.Float:
                JsonNumbers.Write(json, BinaryPrimitives.ReadSingleLittleEndian(input.Read(sizeof(float))));
                break;
            case ProtobufKind.Bool:
                json.WriteBooleanValue(input.ReadVarint() != 0);
                break;
            case ProtobufKind.String:
                json.WriteStringValue(input.ReadText(input.Left));
                break;
            case ProtobufKind.Bytes:
                json.WriteBase64StringValue(input.ReadRest());
                break;
            case ProtobufKind.Enum:
                WriteEnum(json, field.Enum!, (int)input.ReadVarint());
                break;
            case ProtobufKind.UInt64 or ProtobufKind.Fixed64 or ProtobufKind.Int64 or ProtobufKind.SInt64 or ProtobufKind.SFixed64:
                Span<byte> memory = stackalloc byte[KeyBytesMax];
                json.WriteStringValue(memory[..Format(field.Kind, ref input, memory)]);
                break;
            default:
                json.WriteNumberValue(ReadInteger(field.Kind, ref input));
                break;
        }
    }

    public static void WriteDefault(Utf8JsonWriter json, ProtobufField field)
    {
        switch (field.Kind)
        {
            case ProtobufKind.Bool:
                json.WriteBooleanValue(false);
                break;
            case ProtobufKind.String or ProtobufKind.Bytes:
                json.WriteStringValue(""u8);
                break;
            case ProtobufKind.Enum:
                WriteEnum(json, field.Enum!, 0);
                break;
            case ProtobufKind.UInt64 or ProtobufKind.Fixed64 or ProtobufKind.Int64 or ProtobufKind.SInt64 or ProtobufKind.SFixed64:
                json.WriteStringValue("0"u8);
                break;
            default:
                json.WriteNumberValue(0);
                break;
        }
    }

    /// <summary>A key as text; of a number, in the memory.</summary>
    public static ReadOnlySpan<byte> Key(ProtobufKind kind, WireInput input, Span<byte> memory) => kind switch
    {
        ProtobufKind.String => input.ReadText(input.Left),
        ProtobufKind.Bool => input.ReadVarint() != 0 ? "true"u8 : "false"u8,
        _ => memory[..Format(kind, ref input, memory)],
    };

    public static ReadOnlySpan<byte> DefaultKey(ProtobufKind kind) => kind switch
    {
        ProtobufKind.String => ""u8,
        ProtobufKind.Bool => "false"u8,
        _ => "0"u8,
    };

    /// <summary>Writes an integer's digits; returns how many bytes they are.</summary>
    private static int Format(ProtobufKind kind, ref WireInput input, scoped Span<byte> memory)
    {
        int length;
        if (kind == ProtobufKind.UInt64) input.ReadVarint().TryFormat(memory, out length, default, CultureInfo.InvariantCulture);
        else if (kind == ProtobufKind.Fixed64) BinaryPrimitives.ReadUInt64LittleEndian(input.Read(sizeof(ulong))).TryFormat(memory, out length, default, CultureInfo.InvariantCulture);
        else ReadInteger(kind, ref input).TryFormat(memory, out length, default, CultureInfo.InvariantCulture);
        return length;
    }

    private static long ReadInteger(ProtobufKind kind, ref WireInput input) => kind switch
    {
        ProtobufKind.Int32 => (int)input.ReadVarint(),
        ProtobufKind.UInt32 => (uint)input.ReadVarint(),
        ProtobufKind.SInt32 => WireInput.Zigzag((uint)input.ReadVarint()),
        ProtobufKind.Int64 => (long)input.ReadVarint(),
        ProtobufKind.SInt64 => input.ReadZigzag(),
        ProtobufKind.Fixed32 => BinaryPrimitives.ReadUInt32LittleEndian(input.Read(sizeof(uint))),
        ProtobufKind.SFixed32 => BinaryPrimitives.ReadInt32LittleEndian(input.Read(sizeof(int))),
        ProtobufKind.SFixed64 => BinaryPrimitives.ReadInt64LittleEndian(input.Read(sizeof(long))),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "is no integer of at most 63 bits and a sign"),
    };

    private static void WriteEnum(Utf8JsonWriter json, ProtobufEnum type, int number)
    {
        if (type.IsNull) json.WriteNullValue();
        else if (type.Names.TryGetValue(number, out var name)) json.WriteStringValue(name);
        else json.WriteNumberValue(number);
    }
}
