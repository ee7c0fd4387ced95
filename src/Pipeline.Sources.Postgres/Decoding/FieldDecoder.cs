using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Runtime.CompilerServices;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Core.Columns;

namespace Pipeline.Sources.Postgres.Decoding;

/// <summary>
/// Appends one column's values to an Arrow column, from PostgreSQL's binary form (big-endian; the type's <c>send</c>
/// function) or its text form (the <c>out</c> function, under the session's settings). No object a value.
/// </summary>
internal abstract class FieldDecoder
{
    public abstract ColumnBuilder Column { get; }

    /// <exception cref="PipelineException">The bytes are no value of the column's type.</exception>
    public abstract void Append(ReadOnlySpan<byte> value);

    /// <exception cref="PipelineException">The text is no value of the column's type.</exception>
    public abstract void AppendText(ReadOnlySpan<byte> text);

    public void AppendNull() => Column.AppendNull();

    /// <summary>Values that became null because the column's type does not hold them.</summary>
    public long Nulled { get; private set; }

    protected void AppendNulled()
    {
        Nulled++;
        Column.AppendNull();
    }

    /// <summary>A value of another length was written under another type than the catalog told.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected static void RequireLength(ReadOnlySpan<byte> value, int expected)
    {
        if (value.Length != expected) ThrowWrongLength(value.Length, expected);
    }

    protected static PipelineException Malformed(string type, ReadOnlySpan<byte> text) =>
        new(FaultKind.Damaged, "PostgreSQL", $"a text of {Plural.Of(text.Length, "byte")} is not a value of type {type}", "Report the server's version.");

    private static void ThrowWrongLength(int length, int expected) =>
        throw new PipelineException(FaultKind.Damaged, "PostgreSQL", $"a value has {Plural.Of(length, "byte")} where its type has {expected}",
            "Nothing to do if the table's definition has just changed: reading starts over with the new one.");
}

/// <summary>Types whose values have one width and one conversion.</summary>
internal abstract class FixedDecoder<T>(ColumnMemory memory, IArrowType type, int rows) : FieldDecoder
    where T : unmanaged
{
    protected FixedColumn<T> Values { get; } = new(memory, type, rows);

    public override ColumnBuilder Column => Values;
}

internal sealed class BooleanDecoder(ColumnMemory memory, int rows) : FieldDecoder
{
    private readonly BooleanColumn _column = new(memory, rows);

    public override ColumnBuilder Column => _column;

    public override void Append(ReadOnlySpan<byte> value)
    {
        RequireLength(value, 1);
        _column.Append(value[0] != 0);
    }

    public override void AppendText(ReadOnlySpan<byte> text) => _column.Append(text is [(byte)'t', ..]);
}

internal sealed class Int16Decoder(ColumnMemory memory, int rows) : FixedDecoder<short>(memory, Int16Type.Default, rows)
{
    public override void Append(ReadOnlySpan<byte> value)
    {
        RequireLength(value, sizeof(short));
        Values.Append(BinaryPrimitives.ReadInt16BigEndian(value));
    }

    public override void AppendText(ReadOnlySpan<byte> text)
    {
        if (!Utf8Parser.TryParse(text, out short number, out var used) || used != text.Length) throw Malformed("short", text);
        Values.Append(number);
    }
}

internal sealed class Int32Decoder(ColumnMemory memory, int rows) : FixedDecoder<int>(memory, Int32Type.Default, rows)
{
    public override void Append(ReadOnlySpan<byte> value)
    {
        RequireLength(value, sizeof(int));
        Values.Append(BinaryPrimitives.ReadInt32BigEndian(value));
    }

    public override void AppendText(ReadOnlySpan<byte> text)
    {
        if (!Utf8Parser.TryParse(text, out int number, out var used) || used != text.Length) throw Malformed("int", text);
        Values.Append(number);
    }
}

internal sealed class Int64Decoder(ColumnMemory memory, int rows) : FixedDecoder<long>(memory, Int64Type.Default, rows)
{
    public override void Append(ReadOnlySpan<byte> value)
    {
        RequireLength(value, sizeof(long));
        Values.Append(BinaryPrimitives.ReadInt64BigEndian(value));
    }

    public override void AppendText(ReadOnlySpan<byte> text)
    {
        if (!Utf8Parser.TryParse(text, out long number, out var used) || used != text.Length) throw Malformed("long", text);
        Values.Append(number);
    }
}

/// <summary><c>oid</c>: 32 bits without sign.</summary>
internal sealed class ObjectIdDecoder(ColumnMemory memory, int rows) : FixedDecoder<long>(memory, Int64Type.Default, rows)
{
    public override void Append(ReadOnlySpan<byte> value)
    {
        RequireLength(value, sizeof(uint));
        Values.Append(BinaryPrimitives.ReadUInt32BigEndian(value));
    }

    public override void AppendText(ReadOnlySpan<byte> text)
    {
        if (!Utf8Parser.TryParse(text, out uint number, out var used) || used != text.Length) throw Malformed("oid", text);
        Values.Append(number);
    }
}

internal sealed class FloatDecoder(ColumnMemory memory, int rows) : FixedDecoder<float>(memory, FloatType.Default, rows)
{
    public override void Append(ReadOnlySpan<byte> value)
    {
        RequireLength(value, sizeof(float));
        Values.Append(BinaryPrimitives.ReadSingleBigEndian(value));
    }

    // "Infinity", "-Infinity" and "NaN" are .NET's words too.
    public override void AppendText(ReadOnlySpan<byte> text)
    {
        if (!float.TryParse(text, CultureInfo.InvariantCulture, out var number)) throw Malformed("float", text);
        Values.Append(number);
    }
}

internal sealed class DoubleDecoder(ColumnMemory memory, int rows) : FixedDecoder<double>(memory, DoubleType.Default, rows)
{
    public override void Append(ReadOnlySpan<byte> value)
    {
        RequireLength(value, sizeof(double));
        Values.Append(BinaryPrimitives.ReadDoubleBigEndian(value));
    }

    // "Infinity", "-Infinity" and "NaN" are .NET's words too.
    public override void AppendText(ReadOnlySpan<byte> text)
    {
        if (!double.TryParse(text, CultureInfo.InvariantCulture, out var number)) throw Malformed("double", text);
        Values.Append(number);
    }
}

/// <summary>Days since 2000-01-01. Infinity and years outside 1 to 9999 are null.</summary>
internal sealed class DateDecoder(ColumnMemory memory, int rows) : FixedDecoder<int>(memory, Date32Type.Default, rows)
{
    public override void Append(ReadOnlySpan<byte> value)
    {
        RequireLength(value, sizeof(int));
        var days = (long)BinaryPrimitives.ReadInt32BigEndian(value) + PostgresEpoch.Days;
        if (days is >= PostgresEpoch.DaysMin and <= PostgresEpoch.DaysMax) Values.Append((int)days);
        else AppendNulled();
    }

    public override void AppendText(ReadOnlySpan<byte> text)
    {
        if (IsoText.TryDate(text, out var days)) Values.Append(days);
        else AppendNulled();
    }
}

/// <summary>Microseconds since 2000-01-01 UTC. Infinity and years outside 1 to 9999 are null.</summary>
internal sealed class TimestampDecoder(ColumnMemory memory, int rows) : FixedDecoder<long>(memory, BronzeColumns.Timestamp, rows)
{
    public override void Append(ReadOnlySpan<byte> value)
    {
        RequireLength(value, sizeof(long));
        if (PostgresEpoch.TryToUnixMicroseconds(BinaryPrimitives.ReadInt64BigEndian(value), out var microseconds)) Values.Append(microseconds);
        else AppendNulled();
    }

    public override void AppendText(ReadOnlySpan<byte> text)
    {
        if (IsoText.TryTimestamp(text, out var microseconds)) Values.Append(microseconds);
        else AppendNulled();
    }
}

/// <summary>PostgreSQL counts from 2000-01-01, the lake from 1970-01-01.</summary>
internal static class PostgresEpoch
{
    public const int Days = 10_957;

    /// <summary>0001-01-01 and 9999-12-31 in days since 1970-01-01.</summary>
    public const int DaysMin = -719_162;
    public const int DaysMax = 2_932_896;

    private const long MicrosecondsPerDay = 86_400_000_000;
    private const long Microseconds = Days * MicrosecondsPerDay;
    private const long PostgresMin = (DaysMin - Days) * MicrosecondsPerDay;
    private const long PostgresMax = (DaysMax + 1L - Days) * MicrosecondsPerDay - 1;

    /// <summary>False for infinity and for years outside 1 to 9999.</summary>
    public static bool TryToUnixMicroseconds(long postgresMicroseconds, out long unixMicroseconds)
    {
        unixMicroseconds = unchecked(postgresMicroseconds + Microseconds);
        return postgresMicroseconds is >= PostgresMin and <= PostgresMax;
    }
}
