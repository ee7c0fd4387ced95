using Pipeline.Core;
using Pipeline.Sources.Snowflake.Catalog;
using Pipeline.Sources.Snowflake.Client;

namespace Pipeline.Sources.Snowflake.Tests;

public sealed class TableShapeSpec
{
    private static readonly SnowflakeTableOptions Table = new("t", "T", "AT", []);

    [Fact]
    public void A_column_has_a_name_that_readers_of_the_lake_take() =>
        Assert.Equal(["at", "order_date", "_op_", "_ingested_at_", "file_row_number_", "Mixed_Case", "plain", "_op", "_position"],
            Of("order date", "_OP", "_INGESTED_AT", "FILE_ROW_NUMBER", "Mixed Case", "PLAIN").Schema.FieldsList.Select(field => field.Name));

    [Fact]
    public void Columns_that_come_to_one_name_are_refused() =>
        Assert.Contains("two columns would be named 'a_b'", Assert.Throws<PipelineException>(() => Of("a b", "A_B")).Message, StringComparison.Ordinal);

    private static TableShape Of(params string[] columns) =>
        TableShape.Of("Table t", Table, [.. columns.Select(name => new ResultColumn(name, "text", 0, 0, IsNullable: true)).Prepend(new ResultColumn("AT", "fixed", 38, 0, IsNullable: false))]);
}
