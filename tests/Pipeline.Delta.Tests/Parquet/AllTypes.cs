using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace Pipeline.Delta.Tests.Parquet;

/// <summary>Three rows of every type that a table can have: the least values, nulls, the greatest.</summary>
internal static class AllTypes
{
    public const int Rows = 3;

    private const long YearOne = -62_135_596_800_000_000;
    private const long EndOfYear9999 = 253_402_300_799_999_999;

    private static readonly TimestampType Timestamp = new(TimeUnit.Microsecond, "UTC");
    private static readonly StructType Inner = new([new Field("n", Int32Type.Default, nullable: true), new Field("t", StringType.Default, nullable: true)]);

    public static readonly Schema Schema = new(
    [
        new Field("long", Int64Type.Default, nullable: true),
        new Field("int", Int32Type.Default, nullable: true),
        new Field("short", Int16Type.Default, nullable: true),
        new Field("byte", Int8Type.Default, nullable: true),
        new Field("float", FloatType.Default, nullable: true),
        new Field("double", DoubleType.Default, nullable: true),
        new Field("bool", BooleanType.Default, nullable: true),
        new Field("text", StringType.Default, nullable: true),
        new Field("bytes", BinaryType.Default, nullable: true),
        new Field("date", Date32Type.Default, nullable: true),
        new Field("time", Timestamp, nullable: true),
        new Field("small", new Decimal128Type(9, 2), nullable: true),
        new Field("big", new Decimal128Type(38, 18), nullable: true),
        new Field("pair", Inner, nullable: true),
        new Field("list", new ListType(new Field("element", Int64Type.Default, nullable: true)), nullable: true),
        new Field("map", new MapType(new Field("key", StringType.Default, nullable: false), new Field("value", Int64Type.Default, nullable: true)), nullable: true),
        new Field("nulls", StringType.Default, nullable: true),
    ], null);

    public static RecordBatch Batch()
    {
        var greatest = Int128.Parse(new string('9', 38));
        var texts = new StringArray.Builder().Append("").AppendNull().Append("zebra ü").Build();
        return new RecordBatch(Schema,
        [
            Fixed(Int64Type.Default, long.MinValue, 0, long.MaxValue),
            Fixed(Int32Type.Default, int.MinValue, 0, int.MaxValue),
            Fixed(Int16Type.Default, short.MinValue, (short)0, short.MaxValue),
            Fixed(Int8Type.Default, sbyte.MinValue, (sbyte)0, sbyte.MaxValue),
            Fixed(FloatType.Default, -1.5f, 0f, 2.25f),
            Fixed(DoubleType.Default, -1e300, 0d, 0.1),
            new BooleanArray.Builder().Append(false).AppendNull().Append(true).Build(),
            texts,
            new BinaryArray.Builder().Append([0xFF, 0x00]).AppendNull().Append((byte)7).Build(),
            Fixed(Date32Type.Default, -719_162, 0, 2_932_896),
            Fixed(Timestamp, YearOne, 0L, EndOfYear9999),
            Fixed(new Decimal128Type(9, 2), (Int128)(-999_999_999), 0, (Int128)5),
            Fixed(new Decimal128Type(38, 18), -greatest, 0, greatest),
            new StructArray(Inner, Rows, [Fixed(Int32Type.Default, 1, 2, 3), texts], Bits(0b101), 1),
            new ListArray((ListType)Schema.GetFieldByName("list").DataType, Rows, Offsets(0, 2, 2, 3), Fixed(Int64Type.Default, 1L, 2L, 3L), Bits(0b101), 1),
            new MapArray((MapType)Schema.GetFieldByName("map").DataType, Rows, Offsets(0, 1, 1, 2),
                new StructArray(new StructType([new Field("key", StringType.Default, nullable: false), new Field("value", Int64Type.Default, nullable: true)]), 2,
                    [new StringArray.Builder().Append("a").Append("b").Build(), new Int64Array.Builder().Append(1).AppendNull().Build()], ArrowBuffer.Empty, 0),
                Bits(0b101), 1),
            new StringArray.Builder().AppendNull().AppendNull().AppendNull().Build(),
        ], Rows);
    }

    /// <summary>Three values of which the middle one is null.</summary>
    private static IArrowArray Fixed<T>(IArrowType type, T first, T second, T third)
        where T : unmanaged => ArrowArrayFactory.BuildArray(new ArrayData(type, Rows, 1, 0,
            [Bits(0b101), new ArrowBuffer(MemoryMarshal.AsBytes<T>([first, second, third]).ToArray())]));

    private static ArrowBuffer Bits(byte bits) => new(new[] { bits });

    private static ArrowBuffer Offsets(params int[] offsets) => new(MemoryMarshal.AsBytes<int>(offsets).ToArray());
}
