using System.Text;
using Pipeline.Core.Columns;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Decoding;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>A value costs in proportion to its size.</summary>
public sealed class ValueCostSpec
{
    [Theory]
    [InlineData("array of numbers", 20_000)]
    [InlineData("array of texts", 20_000)]
    [InlineData("array of one text", 300_000)]
    [InlineData("text", 250_000)]
    [InlineData("damaged text", 200_000)]
    public void Of(string what, int size) => Assert.InRange(LinearCost.Ratio(size, n =>
    {
        var value = Encoding.Latin1.GetBytes(what switch
        {
            "array of numbers" => $"{{{string.Join(',', Enumerable.Range(0, n))}}}",
            "array of texts" => $"{{{string.Join(',', Enumerable.Repeat("\"a \\\" b\"", n))}}}",
            "array of one text" => $"{{\"{new string('x', n)}\"}}",
            "damaged text" => string.Concat(Enumerable.Repeat("a\u00fc", n / 2)),
            _ => new string('x', n),
        });
        return () =>
        {
            using var memory = new ColumnMemory();
            FieldDecoder decoder = what.StartsWith("array", StringComparison.Ordinal) ? new ArrayDecoder(memory, what == "array of numbers" ? TypeOids.Int8 : TypeOids.Text, rows: 16, bytes: 1024) : new TextDecoder(memory, rows: 16, bytes: 1024);
            decoder.AppendText(value);
            Assert.Equal(1, decoder.Column.Build().Length);
        };
    }), 0, LinearCost.RatioMax);

    [Fact]
    public void A_row_of_many_columns_that_grow() => Assert.InRange(LinearCost.Ratio(500, n => () =>
    {
        using var memory = new ColumnMemory();
        var decoders = Enumerable.Range(0, n).Select(_ => new TextDecoder(memory, rows: 1, bytes: 16)).ToList();
        foreach (var decoder in decoders) decoder.Append(new byte[300]);
        Assert.True(memory.Bytes > 300 * n);
    }), 0, LinearCost.RatioMax);
}
