using System.Text;
using Pipeline.Core;
using Pipeline.Sources.Snowflake.Catalog;
using Pipeline.Sources.Snowflake.Client;
using Pipeline.Sources.Snowflake.Decoding;
using Pipeline.Testing;

namespace Pipeline.Sources.Snowflake.Tests;

/// <summary>A row costs in proportion to its size: it comes in many small reads, and is not begun anew with each.</summary>
public sealed class RowCostSpec
{
    private static readonly SplitId Split = new("crm", "t");

    [Theory]
    [InlineData("a document", 250_000)]
    [InlineData("a text of escapes", 100_000)]
    public void A_row_costs_what_its_bytes_cost(string what, int size) => Assert.InRange(LinearCost.Ratio(size, n =>
    {
        var cell = what == "a document" ? $"\"[{new string('1', n)}]\"" : $"\"{string.Concat(Enumerable.Repeat("\\\"x", n))}\"";
        ResultColumn[] columns = [new("AT", "fixed", 18, 0, IsNullable: false), new("C", what == "a document" ? "variant" : "text", 0, 0, IsNullable: true)];
        var shape = TableShape.Of("Table t", new SnowflakeTableOptions("t", "T", "AT", []), columns);
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes($"{{\"code\":\"090001\",\"data\":[[\"7\",{cell}],[\"8\",null]]}}"));
        var body = ResponseBody.ReadAsync(content, CancellationToken.None).GetAwaiter().GetResult();
        return () =>
        {
            using var rows = new RowReader("Table t", Split, "t", shape, new PositionRange(0, 2000), body);
            var assembler = new ChunkAssembler(shape);
            Assert.False(rows.Read(assembler, long.MaxValue));
            using var chunk = assembler.Build(Split, "t", new PositionRange(0, 2000));
            Assert.Equal(2, chunk.RowCount);
        };
    }), 0, LinearCost.RatioMax);
}
