using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using Apache.Arrow;
using Apache.Arrow.Types;
using CsCheck;
using Pipeline.Core.Columns;
using Pipeline.Sources.Postgres.Decoding;

namespace Pipeline.Sources.Postgres.Tests;

public sealed class NumericSpec
{
    private const int DigitsMax = 38;

    [Fact]
    public void A_number_is_the_same_from_its_binary_form_as_from_its_text() =>
        (from scale in Gen.Int[0, DigitsMax]
         from digits in Gen.Int[1, DigitsMax]
         from magnitude in Gen.Char['0', '9'].Array[digits]
         from isNegative in Gen.Bool
         select (scale, Unscaled: BigInteger.Parse((isNegative ? "-" : "") + new string(magnitude), CultureInfo.InvariantCulture))).Sample(number =>
        {
            var (scale, unscaled) = number;
            using var memory = new ColumnMemory();
            var decoder = new DecimalDecoder(memory, new Decimal128Type(DigitsMax, scale), rows: 2);

            decoder.Append(Wire(unscaled, scale));
            decoder.AppendText(System.Text.Encoding.ASCII.GetBytes(Text(unscaled, scale)));

            var values = ((Decimal128Array)decoder.Column.Build()).ValueBuffer.Span;
            return new BigInteger(values[..16]) == unscaled && new BigInteger(values[16..32]) == unscaled;
        }, iter: 2_000);

    private static string Text(BigInteger unscaled, int scale)
    {
        var digits = BigInteger.Abs(unscaled).ToString(CultureInfo.InvariantCulture).PadLeft(scale + 1, '0');
        return (unscaled.Sign < 0 ? "-" : "") + digits[..^scale] + (scale > 0 ? "." + digits[^scale..] : "");
    }

    /// <summary>As the server sends it: groups of four decimal digits, without those of zeros at both ends.</summary>
    private static byte[] Wire(BigInteger unscaled, int scale)
    {
        var digits = BigInteger.Abs(unscaled).ToString(CultureInfo.InvariantCulture).PadLeft(scale + 1, '0');
        var (whole, fraction) = (digits[..^scale], digits[^scale..]);
        var groups = (whole.PadLeft((whole.Length + 3) / 4 * 4, '0') + fraction.PadRight((fraction.Length + 3) / 4 * 4, '0')).Chunk(4)
            .Select(group => short.Parse(group, CultureInfo.InvariantCulture)).ToList();
        var leading = groups.TakeWhile(group => group == 0).Count();
        var weight = (whole.Length + 3) / 4 - 1 - leading;
        groups = [.. groups.Skip(leading)];
        while (groups is [.., 0]) groups.RemoveAt(groups.Count - 1);

        var wire = new byte[8 + 2 * groups.Count];
        BinaryPrimitives.WriteInt16BigEndian(wire, (short)groups.Count);
        BinaryPrimitives.WriteInt16BigEndian(wire.AsSpan(2), (short)(groups.Count == 0 ? 0 : weight));
        BinaryPrimitives.WriteUInt16BigEndian(wire.AsSpan(4), unscaled.Sign < 0 ? (ushort)0x4000 : (ushort)0);
        BinaryPrimitives.WriteInt16BigEndian(wire.AsSpan(6), (short)scale);
        for (var i = 0; i < groups.Count; i++) BinaryPrimitives.WriteInt16BigEndian(wire.AsSpan(8 + 2 * i), groups[i]);
        return wire;
    }
}
