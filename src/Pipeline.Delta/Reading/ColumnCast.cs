using System.Numerics;
using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace Pipeline.Delta.Reading;

/// <summary>Brings the physical types that writers choose to the table's, without loss.</summary>
internal static class ColumnCast
{
    private const long MicrosecondsPerDay = 86_400_000_000;

    /// <summary>Null when there is no lossless way.</summary>
    public static ArrayData? To(ArrayData data, IArrowType type) => (data.DataType, type) switch
    {
        (TimestampType from, TimestampType to) => Timestamp(data, from.Unit, to),
        (Int8Type, Int16Type) => Widen<sbyte, short>(data, type),
        (Int8Type, Int32Type) => Widen<sbyte, int>(data, type),
        (Int8Type, Int64Type) => Widen<sbyte, long>(data, type),
        (Int16Type, Int32Type) => Widen<short, int>(data, type),
        (Int16Type, Int64Type) => Widen<short, long>(data, type),
        (Int32Type, Int64Type) => Widen<int, long>(data, type),
        (FloatType, DoubleType) => Widen<float, double>(data, type),
        (Date32Type, TimestampType) => Map<int, long>(data, type, static days => days * MicrosecondsPerDay),
        // The same bytes: text that its writer did not mark as such, or bytes that it did.
        (BinaryType, StringType) or (StringType, BinaryType) => Retype(data, type),
        (Decimal128Type from, Decimal128Type to) when to.Scale == from.Scale && to.Precision >= from.Precision => Retype(data, type),
        _ => null,
    };

    private static ArrayData Timestamp(ArrayData data, TimeUnit unit, TimestampType to) => unit switch
    {
        TimeUnit.Second => Map<long, long>(data, to, static value => checked(value * 1_000_000)),
        TimeUnit.Millisecond => Map<long, long>(data, to, static value => checked(value * 1_000)),
        // Delta has no nanoseconds; what writers leave there (INT96) is cut, as other readers do.
        TimeUnit.Nanosecond => Map<long, long>(data, to, static value => (value / 1000) - (value % 1000 < 0 ? 1 : 0)),
        _ => Retype(data, to),
    };

    private static ArrayData Retype(ArrayData data, IArrowType type) => new(type, data.Length, data.NullCount, data.Offset, data.Buffers, data.Children);

    private static ArrayData Widen<TFrom, TTo>(ArrayData data, IArrowType type)
        where TFrom : unmanaged, INumber<TFrom>
        where TTo : unmanaged, INumber<TTo> => Map<TFrom, TTo>(data, type, static value => TTo.CreateChecked(value));

    private static ArrayData Map<TFrom, TTo>(ArrayData data, IArrowType type, Func<TFrom, TTo> map)
        where TFrom : unmanaged
        where TTo : unmanaged
    {
        var from = MemoryMarshal.Cast<byte, TFrom>(data.Buffers[1].Span);
        var bytes = new byte[from.Length * Marshal.SizeOf<TTo>()];
        var to = MemoryMarshal.Cast<byte, TTo>(bytes.AsSpan());
        var validity = data.Buffers[0].Span;
        for (var i = 0; i < from.Length; i++)
        {
            // Places of null hold anything; they must not overflow.
            if (validity.IsEmpty || (i < validity.Length * 8 && BitUtility.GetBit(validity, i))) to[i] = map(from[i]);
        }

        return new ArrayData(type, data.Length, data.NullCount, data.Offset, [data.Buffers[0], new ArrowBuffer(bytes)]);
    }
}
