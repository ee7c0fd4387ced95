using System.Buffers.Binary;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Core.Columns;

namespace Pipeline.Sources.Postgres.Decoding;

/// <summary>
/// PostgreSQL's <c>numeric</c> on the wire: a header of four 16-bit numbers, then base-10000 digits, most significant
/// first; the first stands for 10000^<see cref="Weight"/>.
/// </summary>
internal readonly ref struct NumericValue
{
    private const ushort Negative = 0x4000;
    private const ushort NotANumber = 0xC000;
    private const ushort PositiveInfinity = 0xD000;
    private const ushort NegativeInfinity = 0xF000;
    private const int HeaderBytes = 8;

    private readonly ReadOnlySpan<byte> _digits;

    public NumericValue(ReadOnlySpan<byte> value)
    {
        if (value.Length < HeaderBytes || value.Length != HeaderBytes + 2 * BinaryPrimitives.ReadUInt16BigEndian(value))
            throw new PipelineException(FaultKind.Damaged, "PostgreSQL", $"a numeric of {Plural.Of(value.Length, "byte")} is malformed",
                "Nothing to do if the table's definition has just changed: reading starts over with the new one.");
        DigitCount = BinaryPrimitives.ReadUInt16BigEndian(value);
        Weight = BinaryPrimitives.ReadInt16BigEndian(value[2..]);
        var sign = BinaryPrimitives.ReadUInt16BigEndian(value[4..]);
        IsNegative = sign == Negative;
        Special = sign switch
        {
            NotANumber => "NaN"u8,
            PositiveInfinity => "Infinity"u8,
            NegativeInfinity => "-Infinity"u8,
            _ => default,
        };
        DisplayScale = BinaryPrimitives.ReadUInt16BigEndian(value[6..]);
        _digits = value[HeaderBytes..];
    }

    public int DigitCount { get; }

    public int Weight { get; }

    public bool IsNegative { get; }

    /// <summary>Decimal places that the value shows.</summary>
    public int DisplayScale { get; }

    /// <summary>The text of a value that is no number; empty for numbers.</summary>
    public ReadOnlySpan<byte> Special { get; }

    /// <summary>The base-10000 digit at <paramref name="index"/>; zero outside of what is stored.</summary>
    public int Digit(int index)
    {
        if ((uint)index >= (uint)DigitCount) return 0;
        var digit = BinaryPrimitives.ReadInt16BigEndian(_digits[(2 * index)..]);
        return digit is >= 0 and <= 9_999 ? digit : throw new PipelineException(FaultKind.Damaged, "PostgreSQL", $"a numeric has the digit {digit}", "Report the server's version.");
    }
}

/// <summary><c>numeric(p,s)</c> with at most 38 digits. NaN and infinity are null: a decimal has neither.</summary>
internal sealed class DecimalDecoder(ColumnMemory memory, Decimal128Type type, int rows) : FieldDecoder
{
    /// <summary>Of the first group of four digits when there are 38 before the point.</summary>
    private const int WeightMax = 9;

    private const int GroupDigits = 4;

    /// <summary>Groups of which 64 bits hold all.</summary>
    private const int SmallGroups = 4;

    /// <summary>What 128 bits hold.</summary>
    private const int DigitsMax = 38;

    private readonly FixedColumn<Int128> _column = new(memory, type, rows);

    public override ColumnBuilder Column => _column;

    public override void Append(ReadOnlySpan<byte> value)
    {
        var number = new NumericValue(value);
        if (!number.Special.IsEmpty || number.Weight > WeightMax)
        {
            AppendNulled();
            return;
        }

        var magnitude = Unscaled(number, type.Scale);
        _column.Append(number.IsNegative ? -magnitude : magnitude);
    }

    public override void AppendText(ReadOnlySpan<byte> text)
    {
        var digits = text;
        var isNegative = digits is [(byte)'-', ..];
        if (isNegative) digits = digits[1..];
        Int128 unscaled = 0;
        var (places, significant) = (-1, 0);
        foreach (var character in digits)
        {
            if (character == (byte)'.') places = 0;
            else if (character is >= (byte)'0' and <= (byte)'9' && (significant += unscaled > 0 ? 1 : 0) < DigitsMax)
            {
                unscaled = unscaled * 10 + (character - '0');
                if (places >= 0) places++;
            }
            else
            {
                // NaN, infinity, and what the column's type does not hold.
                AppendNulled();
                return;
            }
        }

        for (places = Math.Max(places, 0); places < type.Scale; places++) unscaled *= 10;
        _column.Append(isNegative ? -unscaled : unscaled);
    }

    /// <summary>The value times 10^scale. The column's type bounds it to 38 digits, which fit.</summary>
    private static Int128 Unscaled(NumericValue number, int scale) =>
        number.Weight + (scale + GroupDigits - 1) / GroupDigits < SmallGroups ? UnscaledSmall(number, scale) : UnscaledLarge(number, scale);

    /// <summary>Sixteen digits and fewer, the everyday case: no 128-bit multiplication.</summary>
    private static long UnscaledSmall(NumericValue number, int scale)
    {
        // Digits from the most significant to the group that holds the last decimal place.
        var last = number.Weight + (scale + GroupDigits - 1) / GroupDigits;
        long groups = 0;
        for (var i = 0; i <= last; i++) groups = groups * 10_000 + number.Digit(i);
        return scale % GroupDigits == 0 ? groups : groups / Power(GroupDigits - scale % GroupDigits);
    }

    private static Int128 UnscaledLarge(NumericValue number, int scale)
    {
        Int128 result = 0;
        long low = 0;
        var lowDigits = 0;
        // Digits from the most significant to the one that holds the last decimal place.
        var last = number.Weight + (scale + 3) / 4;
        for (var i = 0; i < last; i++) Push(number.Digit(i), 4);
        var kept = scale % 4 == 0 ? 4 : scale % 4;
        if (last >= 0) Push((int)(number.Digit(last) / Power(4 - kept)), kept);
        return lowDigits == 0 ? result : result * Power(lowDigits) + low;

        void Push(int digits, int count)
        {
            if (lowDigits + count > 16)
            {
                result = result * Power(lowDigits) + low;
                (low, lowDigits) = (0, 0);
            }

            low = low * Power(count) + digits;
            lowDigits += count;
        }
    }

    private static long Power(int exponent) => Powers[exponent];

    private static ReadOnlySpan<long> Powers =>
    [
        1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000, 100_000_000_000,
        1_000_000_000_000, 10_000_000_000_000, 100_000_000_000_000, 1_000_000_000_000_000, 10_000_000_000_000_000,
    ];
}

/// <summary><c>numeric</c> of any size as the text PostgreSQL itself would print.</summary>
internal sealed class NumericTextDecoder(ColumnMemory memory, int rows, int bytes) : FieldDecoder
{
    private const int DigitsPerGroup = 4;

    private readonly BytesColumn _column = new(memory, StringType.Default, rows, bytes);

    public override ColumnBuilder Column => _column;

    public override void Append(ReadOnlySpan<byte> value)
    {
        var number = new NumericValue(value);
        if (!number.Special.IsEmpty)
        {
            _column.Append(number.Special);
            return;
        }

        var integerGroups = Math.Max(number.Weight + 1, 1);
        var text = _column.Reserve(2 + integerGroups * DigitsPerGroup + number.DisplayScale + DigitsPerGroup);
        var at = 0;
        if (number.IsNegative) text[at++] = (byte)'-';

        var start = at;
        for (var group = number.Weight + 1 - integerGroups; group <= number.Weight; group++) WriteGroup(text, ref at, number.Digit(group));
        var leading = 0;
        while (start + leading < at - 1 && text[start + leading] == (byte)'0') leading++;
        text[(start + leading)..at].CopyTo(text[start..]);
        at -= leading;

        if (number.DisplayScale > 0)
        {
            text[at++] = (byte)'.';
            var end = at + number.DisplayScale;
            for (var group = number.Weight + 1; at < end; group++) WriteGroup(text, ref at, number.Digit(group));
            at = end;
        }

        _column.Commit(at);
    }

    public override void AppendText(ReadOnlySpan<byte> text) => _column.Append(text);

    private static void WriteGroup(Span<byte> text, ref int at, int digits)
    {
        text[at] = (byte)('0' + digits / 1000);
        text[at + 1] = (byte)('0' + digits / 100 % 10);
        text[at + 2] = (byte)('0' + digits / 10 % 10);
        text[at + 3] = (byte)('0' + digits % 10);
        at += DigitsPerGroup;
    }
}
