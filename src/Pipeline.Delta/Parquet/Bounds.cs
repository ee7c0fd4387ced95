using System.Globalization;
using System.Numerics;
using System.Text.Json;
using Apache.Arrow.Types;
using Pipeline.Delta.Schemas;

namespace Pipeline.Delta.Parquet;

/// <summary>The smallest and largest value of a column, and how Delta writes them.</summary>
internal abstract class Bounds
{
    /// <param name="validity">One byte a row, 1 for a value; null when every row has one.</param>
    public abstract void Add(in ColumnSlice column, byte[]? validity);

    /// <summary>Writes nothing when there is no such value or it cannot be said.</summary>
    public abstract void WriteMinimum(Utf8JsonWriter json, string name);

    public abstract void WriteMaximum(Utf8JsonWriter json, string name);

    /// <summary>Null for types without bounds.</summary>
    public static Bounds? Create(IArrowType type) => type switch
    {
        _ when !TableColumns.HasBounds(type) => null,
        Int64Type => new NumberBounds<long>(static (json, name, value) => json.WriteNumber(name, value)),
        Int32Type => new NumberBounds<int>(static (json, name, value) => json.WriteNumber(name, value)),
        Int16Type => new NumberBounds<short>(static (json, name, value) => json.WriteNumber(name, value)),
        Int8Type => new NumberBounds<sbyte>(static (json, name, value) => json.WriteNumber(name, value)),
        FloatType => new FloatBounds<float>(static (json, name, value) => json.WriteNumber(name, value)),
        DoubleType => new FloatBounds<double>(static (json, name, value) => json.WriteNumber(name, value)),
        BooleanType => new BooleanBounds(),
        Date32Type => new NumberBounds<int>(WriteDate),
        TimestampType timestamp => new TimestampBounds(hasZone: !string.IsNullOrEmpty(timestamp.Timezone)),
        Decimal128Type number => new DecimalBounds(number.Scale),
        StringType => new TextBounds(),
        _ => throw new ArgumentException($"There is no way to write bounds of {type.Name}.", nameof(type)),
    };

    private static void WriteDate(Utf8JsonWriter json, string name, int days)
    {
        if (CalendarText.Date(days) is { } text) json.WriteString(name, text);
    }
}

/// <summary>Integers and what is stored as integers.</summary>
internal sealed class NumberBounds<T>(Action<Utf8JsonWriter, string, T> write) : Bounds
    where T : unmanaged, INumber<T>, IMinMaxValue<T>
{
    private T _minimum = T.MaxValue;
    private T _maximum = T.MinValue;
    private bool _hasValue;

    public override void Add(in ColumnSlice column, byte[]? validity)
    {
        var values = column.Values<T>();
        if (validity is null)
        {
            _hasValue |= values.Length > 0;
            Ranges.Widen(values, ref _minimum, ref _maximum);
            return;
        }

        for (var i = 0; i < values.Length; i++)
        {
            if (validity[i] == 0) continue;
            _hasValue = true;
            if (values[i] < _minimum) _minimum = values[i];
            if (values[i] > _maximum) _maximum = values[i];
        }
    }

    public override void WriteMinimum(Utf8JsonWriter json, string name)
    {
        if (_hasValue) write(json, name, _minimum);
    }

    public override void WriteMaximum(Utf8JsonWriter json, string name)
    {
        if (_hasValue) write(json, name, _maximum);
    }
}

/// <summary>Floating-point numbers: one NaN leaves the file without bounds, since engines order it differently.</summary>
internal sealed class FloatBounds<T>(Action<Utf8JsonWriter, string, T> write) : Bounds
    where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T>
{
    private T _minimum = T.PositiveInfinity;
    private T _maximum = T.NegativeInfinity;
    private bool _hasValue;
    private bool _hasNaN;

    public override void Add(in ColumnSlice column, byte[]? validity)
    {
        var values = column.Values<T>();
        for (var i = 0; i < values.Length; i++)
        {
            if (validity is not null && validity[i] == 0) continue;
            _hasValue = true;
            var value = values[i];
            if (T.IsNaN(value)) _hasNaN = true;
            if (value < _minimum) _minimum = value;
            if (value > _maximum) _maximum = value;
        }
    }

    // Zero has two signs that are equal here and ordered elsewhere: the bound takes the outer one.
    public override void WriteMinimum(Utf8JsonWriter json, string name)
    {
        Write(json, name, T.IsZero(_minimum) ? T.NegativeZero : _minimum);
    }

    public override void WriteMaximum(Utf8JsonWriter json, string name)
    {
        Write(json, name, T.IsZero(_maximum) ? T.Zero : _maximum);
    }

    private void Write(Utf8JsonWriter json, string name, T bound)
    {
        if (!_hasValue || _hasNaN) return;
        if (T.IsFinite(bound)) write(json, name, bound);
        else json.WriteString(name, FloatText.OfInfinity(T.IsPositive(bound)));
    }
}

/// <summary>What JSON has no number for, as Delta writes it.</summary>
internal static class FloatText
{
    public static string OfInfinity(bool isPositive) => isPositive ? "Infinity" : "-Infinity";
}

/// <summary>Booleans: false is less than true.</summary>
internal sealed class BooleanBounds : Bounds
{
    private bool _hasFalse;
    private bool _hasTrue;

    public override void Add(in ColumnSlice column, byte[]? validity)
    {
        var bits = column.Data.Buffers[1].Span;
        for (var i = 0; i < column.Length; i++)
        {
            if (validity is not null && validity[i] == 0) continue;
            var place = column.Start + i;
            if ((bits[place >> 3] >> (place & 7) & 1) != 0) _hasTrue = true;
            else _hasFalse = true;
            if (_hasTrue && _hasFalse) return;
        }
    }

    public override void WriteMinimum(Utf8JsonWriter json, string name)
    {
        if (_hasFalse || _hasTrue) json.WriteBoolean(name, !_hasFalse);
    }

    public override void WriteMaximum(Utf8JsonWriter json, string name)
    {
        if (_hasFalse || _hasTrue) json.WriteBoolean(name, _hasTrue);
    }
}

/// <summary>Microseconds, written in milliseconds: the minimum floored, the maximum ceiled, so that both stay bounds.</summary>
internal sealed class TimestampBounds(bool hasZone) : Bounds
{
    private long _minimum = long.MaxValue;
    private long _maximum = long.MinValue;
    private bool _hasValue;

    public override void Add(in ColumnSlice column, byte[]? validity)
    {
        var values = column.Values<long>();
        if (validity is null)
        {
            _hasValue |= values.Length > 0;
            Ranges.Widen(values, ref _minimum, ref _maximum);
            return;
        }

        for (var i = 0; i < values.Length; i++)
        {
            if (validity[i] == 0) continue;
            _hasValue = true;
            _minimum = Math.Min(_minimum, values[i]);
            _maximum = Math.Max(_maximum, values[i]);
        }
    }

    public override void WriteMinimum(Utf8JsonWriter json, string name) => Write(json, name, CalendarText.Minimum(_minimum, hasZone));

    public override void WriteMaximum(Utf8JsonWriter json, string name) => Write(json, name, CalendarText.Maximum(_maximum, hasZone));

    private void Write(Utf8JsonWriter json, string name, string? text)
    {
        if (_hasValue && text is not null) json.WriteString(name, text);
    }
}

/// <summary>Decimals of up to 38 digits, written exactly.</summary>
internal sealed class DecimalBounds(int scale) : Bounds
{
    private Int128 _minimum = Int128.MaxValue;
    private Int128 _maximum = Int128.MinValue;
    private bool _hasValue;

    public override void Add(in ColumnSlice column, byte[]? validity)
    {
        var values = column.Values<Int128>();
        for (var i = 0; i < values.Length; i++)
        {
            if (validity is not null && validity[i] == 0) continue;
            _hasValue = true;
            if (values[i] < _minimum) _minimum = values[i];
            if (values[i] > _maximum) _maximum = values[i];
        }
    }

    public override void WriteMinimum(Utf8JsonWriter json, string name) => Write(json, name, _minimum);

    public override void WriteMaximum(Utf8JsonWriter json, string name) => Write(json, name, _maximum);

    private void Write(Utf8JsonWriter json, string name, Int128 unscaled)
    {
        if (!_hasValue) return;
        json.WritePropertyName(name);
        json.WriteRawValue(DecimalText.Of(unscaled, scale));
    }
}

/// <summary>Exact decimal numbers as text, with all digits of their scale.</summary>
internal static class DecimalText
{
    public static string Of(Int128 unscaled, int scale)
    {
        // Negative scales do not occur in Delta, whose decimals have 0 <= scale <= precision.
        var digits = Int128.Abs(unscaled).ToString(CultureInfo.InvariantCulture).PadLeft(scale + 1, '0');
        var sign = unscaled < 0 ? "-" : "";
        return scale == 0 ? sign + digits : $"{sign}{digits[..^scale]}.{digits[^scale..]}";
    }
}

/// <summary>Dates and times as Delta writes them: years 0001 to 9999.</summary>
internal static class CalendarText
{
    private const int EpochDay = 719_162;
    private const int LastDay = 3_652_058;
    private const long LastMilliseconds = ((LastDay - EpochDay + 1) * 86_400_000L) - 1;

    /// <summary>Null outside of the calendar.</summary>
    public static string? Date(long daysSinceEpoch) => daysSinceEpoch is < -EpochDay or > LastDay - EpochDay
        ? null
        : DateOnly.FromDayNumber((int)daysSinceEpoch + EpochDay).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>A bound in milliseconds that no moment from these microseconds on is below; null outside of the calendar.</summary>
    public static string? Minimum(long microsecondsSinceEpoch, bool hasZone) => Timestamp(FloorToMilliseconds(microsecondsSinceEpoch), hasZone);

    /// <summary>
    /// A bound in milliseconds that no moment up to these microseconds is above; null outside of the calendar. Its last millisecond has none behind it
    /// and is bounded by itself: readers reckon with writers that cut microseconds off.
    /// </summary>
    public static string? Maximum(long microsecondsSinceEpoch, bool hasZone) =>
        Timestamp(FloorToMilliseconds(microsecondsSinceEpoch) == LastMilliseconds ? LastMilliseconds : -FloorToMilliseconds(-microsecondsSinceEpoch), hasZone);

    private static long FloorToMilliseconds(long micros) => (micros / 1000) - (micros % 1000 < 0 ? 1 : 0);

    private static string? Timestamp(long millisecondsSinceEpoch, bool hasZone)
    {
        const long FirstMilliseconds = -EpochDay * 86_400_000L;
        if (millisecondsSinceEpoch is < FirstMilliseconds or > LastMilliseconds) return null;
        var text = DateTimeOffset.FromUnixTimeMilliseconds(millisecondsSinceEpoch).ToString("yyyy-MM-dd'T'HH:mm:ss.fff", CultureInfo.InvariantCulture);
        return hasZone ? text + "Z" : text;
    }
}
