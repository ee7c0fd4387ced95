using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Delta.Parquet;

namespace Pipeline.Delta.Reading;

/// <summary>Partition values as columns. See PROTOCOL.md, section "Partition Value Serialization".</summary>
internal static class PartitionValue
{
    private static readonly string[] TimestampFormats = ["yyyy-MM-dd HH:mm:ss.FFFFFFFK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"];

    /// <summary>A column of <paramref name="length"/> equal values. The empty text is null, as the protocol says.</summary>
    /// <exception cref="FormatException">The text is no value of the type.</exception>
    public static IArrowArray Repeat(Field field, string? text, int length, TimeZoneInfo zone)
    {
        if (string.IsNullOrEmpty(text)) return NullArrays.Create(field.DataType, length);
        try
        {
            return ArrowArrayFactory.BuildArray(Repeat(field.DataType, text, length, zone));
        }
        catch (Exception e) when (e is FormatException or OverflowException)
        {
            throw new FormatException($"its partition value '{text}' is no {field.DataType.Name} for column {field.Name}", e);
        }
    }

    private static ArrayData Repeat(IArrowType type, string text, int length, TimeZoneInfo zone)
    {
        var culture = CultureInfo.InvariantCulture;
        return type switch
        {
            StringType or BinaryType => Bytes(type, Encoding.UTF8.GetBytes(text), length),
            Int64Type => Fixed(type, long.Parse(text, culture), length),
            Int32Type => Fixed(type, int.Parse(text, culture), length),
            Int16Type => Fixed(type, short.Parse(text, culture), length),
            Int8Type => Fixed(type, sbyte.Parse(text, culture), length),
            FloatType => Fixed(type, float.Parse(text, culture), length),
            DoubleType => Fixed(type, double.Parse(text, culture), length),
            Date32Type => Fixed(type, DateOnly.ParseExact(text, "yyyy-MM-dd", culture).DayNumber - DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber, length),
            TimestampType => Fixed(type, Microseconds(text, zone), length),
            Decimal128Type number => Fixed(type, Unscaled(text, number.Scale), length),
            BooleanType => new ArrayData(type, length, 0, 0, [ArrowBuffer.Empty, Bits(bool.Parse(text), length)]),
            _ => throw new FormatException("a type that cannot partition"),
        };
    }

    private static long Microseconds(string text, TimeZoneInfo zone)
    {
        var time = DateTime.ParseExact(text, TimestampFormats, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal);
        if (time.Kind == DateTimeKind.Unspecified) time = TimeZoneInfo.ConvertTimeToUtc(time, zone);
        return (time - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
    }

    private static Int128 Unscaled(string text, int scale)
    {
        var point = text.IndexOf('.');
        var (whole, fraction) = point < 0 ? (text, "") : (text[..point], text[(point + 1)..].TrimEnd('0'));
        if (fraction.Length > scale) throw new FormatException("more digits than the scale");
        return Int128.Parse(whole + fraction.PadRight(scale, '0'), CultureInfo.InvariantCulture);
    }

    private static ArrayData Fixed<T>(IArrowType type, T value, int length)
        where T : unmanaged
    {
        var bytes = new byte[length * Marshal.SizeOf<T>()];
        MemoryMarshal.Cast<byte, T>(bytes.AsSpan()).Fill(value);
        return new ArrayData(type, length, 0, 0, [ArrowBuffer.Empty, new ArrowBuffer(bytes)]);
    }

    private static ArrayData Bytes(IArrowType type, byte[] value, int length)
    {
        var offsets = new int[length + 1];
        var bytes = new byte[value.Length * length];
        for (var i = 0; i < length; i++)
        {
            value.CopyTo(bytes, i * value.Length);
            offsets[i + 1] = (i + 1) * value.Length;
        }

        return new ArrayData(type, length, 0, 0, [ArrowBuffer.Empty, new ArrowBuffer(MemoryMarshal.AsBytes<int>(offsets).ToArray()), new ArrowBuffer(bytes)]);
    }

    private static ArrowBuffer Bits(bool value, int length)
    {
        var bytes = new byte[(length + 7) / 8];
        if (value) bytes.AsSpan().Fill(0xFF);
        return new ArrowBuffer(bytes);
    }
}
