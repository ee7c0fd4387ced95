using System.Globalization;
using System.Numerics;
using System.Text;
using CsCheck;
using Pipeline.Sources.Snowflake.Decoding;

namespace Pipeline.Sources.Snowflake.Tests;

public sealed class CellParserSpec
{
    [Theory]
    [InlineData("0.000000000", 0)]
    [InlineData("1616173619.000000000", 1_616_173_619_000_000)]
    [InlineData("1616173619.123456789", 1_616_173_619_123_456)]
    [InlineData("1616173619.1", 1_616_173_619_100_000)]
    [InlineData("1616173619", 1_616_173_619_000_000)]
    [InlineData("1616173619123456789", 1_616_173_619_123_456)]
    [InlineData("1616173619.000000000 1500", 1_616_173_619_000_000)]
    [InlineData("-0.5", -500_000)]
    [InlineData("-1.000000001", -1_000_001)]
    [InlineData("-62135596800.000000000", -62_135_596_800_000_000)]
    [InlineData("253402300799.999999999", 253_402_300_799_999_999)]
    public void A_timestamp_is_microseconds_rounded_to_the_past(string text, long micros)
    {
        Assert.True(CellParsers.TryTimestamp(Utf8(text), out var value));
        Assert.Equal(micros, value);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData(".5")]
    [InlineData("12a")]
    [InlineData("1.2.3")]
    [InlineData("2021-03-19 17:06:59")]
    [InlineData("-62135596800.000000001")]
    [InlineData("253402300800.000000000")]
    [InlineData("99999999999999999999999999999999999999999")]
    public void What_is_no_timestamp_of_the_lake_is_refused(string text) => Assert.False(CellParsers.TryTimestamp(Utf8(text), out _));

    [Theory]
    [InlineData("12.30", 5, 2, "1230")]
    [InlineData("-12.3", 5, 2, "-1230")]
    [InlineData("7", 5, 2, "700")]
    [InlineData("007.5000", 5, 2, "750")]
    [InlineData("0", 38, 38, "0")]
    [InlineData("0.5", 2, 2, "50")]
    [InlineData("99999999999999999999999999999999999999", 38, 0, "99999999999999999999999999999999999999")]
    public void A_decimal_is_its_unscaled_value(string text, int precision, int scale, string unscaled)
    {
        Assert.True(CellParsers.TryDecimal(Utf8(text), precision, scale, out var value));
        Assert.Equal(unscaled, value.ToString(CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData("", 5, 2)]
    [InlineData(".", 5, 2)]
    [InlineData("1.234", 5, 2)]
    [InlineData("1234", 5, 2)]
    [InlineData("1e3", 5, 2)]
    [InlineData("NaN", 5, 2)]
    [InlineData("100000000000000000000000000000000000000", 38, 0)]
    public void A_decimal_that_does_not_fit_is_refused(string text, int precision, int scale) =>
        Assert.False(CellParsers.TryDecimal(Utf8(text), precision, scale, out _));

    [Fact]
    public void Every_decimal_survives() =>
        Gen.Select(Gen.Long, Gen.Int[0, 18]).Sample((unscaled, scale) =>
        {
            var digits = BigInteger.Abs(unscaled).ToString(CultureInfo.InvariantCulture).PadLeft(scale + 1, '0');
            var text = (unscaled < 0 ? "-" : "") + digits[..^scale] + (scale == 0 ? "" : "." + digits[^scale..]);

            return CellParsers.TryDecimal(Utf8(text), 38, scale, out var value) && value == unscaled;
        });

    [Fact]
    public void Every_timestamp_survives() =>
        Gen.Long[-62_135_596_800_000_000, 253_402_300_799_999_999].Sample(micros =>
        {
            var size = BigInteger.Abs(micros);
            var text = $"{(micros < 0 ? "-" : "")}{size / 1_000_000}.{(int)(size % 1_000_000):000000}000";

            return CellParsers.TryTimestamp(Utf8(text), out var value) && value == micros;
        });

    [Theory]
    [InlineData("82919.000000000", "23:01:59")]
    [InlineData("0.000000000", "00:00:00")]
    [InlineData("1.500000000", "00:00:01.5")]
    [InlineData("86399.123456789", "23:59:59.123456789")]
    public void A_time_is_text(string cell, string text)
    {
        var target = new byte[18];

        var length = CellParsers.FormatTime(Utf8(cell), target);

        Assert.Equal(text, Encoding.UTF8.GetString(target, 0, length));
    }

    [Theory]
    [InlineData("86400.0")]
    [InlineData("-1.0")]
    [InlineData("1.x")]
    public void What_is_no_time_is_refused(string cell) => Assert.Equal(-1, CellParsers.FormatTime(Utf8(cell), new byte[18]));

    [Theory]
    [InlineData("NaN", double.NaN)]
    [InlineData("inf", double.PositiveInfinity)]
    [InlineData("-inf", double.NegativeInfinity)]
    [InlineData("1.5e300", 1.5e300)]
    [InlineData("-0.1", -0.1)]
    public void A_float_may_be_infinite_or_none(string text, double value)
    {
        Assert.True(CellParsers.TryDouble(Utf8(text), out var parsed));
        Assert.Equal(value, parsed);
    }

    [Theory]
    [InlineData("2932897")]
    [InlineData("-719163")]
    [InlineData("2021-01-01")]
    public void A_date_outside_of_the_calendar_is_refused(string text) => Assert.False(CellParsers.TryDate(Utf8(text), out _));

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);
}
