using Apache.Arrow.Types;
using Pipeline.Core;

namespace Pipeline.Transform.Tests.Graph;

/// <summary>What DuckDB says of rules and queries that are bound against empty tables.</summary>
public sealed class GraphCheckerSpec
{
    private const string Orders = """
        orders {
          from = bronze/crm/orders
          columns { order_id { type = long }, phone { type = long, mask = hash, classification = personal }, amount { type = "decimal(12,2)" } }
          key = [order_id]
        }
        """;

    [Fact]
    public void A_table_follows_everything_it_reads_and_reads_each_input_once()
    {
        var graph = TestGraph.Of(Orders, "top { sql = \"top.sql\" }\nleft { sql = \"left.sql\" }\nright { sql = \"right.sql\" }\nbase { sql = \"base.sql\" }",
            ("top.sql", "SELECT l.n FROM gold.left l JOIN GOLD.right r ON r.n = l.n WHERE l.n IN (SELECT n FROM gold.left)"),
            ("left.sql", "SELECT n FROM gold.base"), ("right.sql", "SELECT n FROM gold.base"), ("base.sql", "SELECT order_id AS n FROM Silver.orders"));

        Assert.Equal(["base", "left", "right", "top"], graph.Gold.Select(node => node.Table.Name));
        Assert.Equal([TableId.Gold("left"), TableId.Gold("right")], graph.InputsOf(TableId.Gold("top")));
    }

    [Fact]
    public void What_is_wrong_with_an_input_is_said_there_and_not_by_who_reads_it()
    {
        var (graph, problems) = TestGraph.Bind(Orders, "bad { sql = \"bad.sql\" }\nreader { sql = \"reader.sql\" }\ngood { sql = \"good.sql\" }",
            ("bad.sql", "SELECT nobody FROM silver.orders"), ("reader.sql", "SELECT nobody FROM gold.bad"), ("good.sql", "SELECT order_id FROM silver.orders"));

        Assert.Equal("gold.bad", Assert.Single(problems).Path);
        Assert.Equal(["good"], graph.Gold.Select(node => node.Table.Name));
    }

    [Theory]
    [InlineData("order_id AS \"order id\"", "cannot be the name of a column")]
    [InlineData("order_id AS \"a=b\"", "cannot be the name of a column")]
    [InlineData("order_id AS file_row_number", "has of its own")]
    [InlineData("order_id AS _file", "has of its own")]
    public void A_column_of_a_query_has_a_name_that_readers_take(string column, string fault)
    {
        var (_, problems) = TestGraph.Bind(Orders, "top { sql = \"top.sql\" }", ("top.sql", $"SELECT {column} FROM silver.orders"));

        Assert.Contains(fault, Assert.Single(problems).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"../silver/orders\"")]
    [InlineData("orders__quarantine")]
    [InlineData("Top")]
    public void A_Gold_table_has_a_name_that_is_a_directory_and_nobody_elses(string name)
    {
        var (_, problems) = TestGraph.Bind(Orders, $"{name} {{ sql = \"top.sql\" }}", ("top.sql", "SELECT order_id FROM silver.orders"));

        Assert.StartsWith($"test.conf:9: gold.{name.Trim('"')}: '{name.Trim('"')}'", Assert.Single(problems).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("count(*) > 0")]
    [InlineData("max(amount) > 0")]
    [InlineData("row_number() OVER (ORDER BY order_id) > 0")]
    [InlineData("order_id IN (SELECT 1)")]
    [InlineData("unnest([true, false])")]
    [InlineData("order_id")]
    [InlineData("NULL")]
    [InlineData("'yes'")]
    public void A_rule_is_one_boolean_a_row(string check)
    {
        var (_, problems) = TestGraph.Bind(Orders.Replace("key = [order_id]", $"key = [order_id], rules = [ {{ name = odd, check = \"{check}\" }} ]", StringComparison.Ordinal));

        Assert.Equal("silver.orders.rules.odd", Assert.Single(problems).Path);
    }

    [Fact]
    public void Who_reads_a_circle_is_no_part_of_it()
    {
        var (graph, problems) = TestGraph.Bind(Orders, "a { sql = \"a.sql\" }\nb { sql = \"b.sql\" }\nreader { sql = \"reader.sql\" }\nself { sql = \"self.sql\" }\ngood { sql = \"good.sql\" }",
            ("a.sql", "SELECT n FROM gold.b"), ("b.sql", "SELECT n FROM gold.a"), ("reader.sql", "SELECT n FROM gold.a"), ("self.sql", "SELECT n FROM gold.self"),
            ("good.sql", "SELECT order_id FROM silver.orders"));

        Assert.Equal(["gold.a", "gold.b", "gold.self"], problems.Select(problem => problem.Path).Order(StringComparer.Ordinal));
        Assert.Equal(["good"], graph.Gold.Select(node => node.Table.Name));
    }

    [Theory]
    [InlineData("true", typeof(BooleanType))]
    [InlineData("1::TINYINT", typeof(Int8Type))]
    [InlineData("1::SMALLINT", typeof(Int16Type))]
    [InlineData("1", typeof(Int32Type))]
    [InlineData("COUNT(*)", typeof(Int64Type))]
    [InlineData("1::FLOAT", typeof(FloatType))]
    [InlineData("AVG(order_id)", typeof(DoubleType))]
    [InlineData("DATE '2026-01-01'", typeof(Date32Type))]
    [InlineData("'a'", typeof(StringType))]
    [InlineData("'a'::BLOB", typeof(BinaryType))]
    [InlineData("SUM(amount)", typeof(Decimal128Type))]
    [InlineData("TIMESTAMP '2026-01-01 00:00:00'", typeof(TimestampType))]
    [InlineData("TIMESTAMPTZ '2026-01-01 00:00:00+00'", typeof(TimestampType))]
    [InlineData("SUM(order_id)", null)]
    [InlineData("[1]", null)]
    [InlineData("{'a': 1}", null)]
    [InlineData("TIME '00:00:00'", null)]
    [InlineData("1::UBIGINT", null)]
    [InlineData("1::DECIMAL(38,0) * 10::DECIMAL(1,0)", typeof(Decimal128Type))]
    public void A_column_has_a_type_of_the_lake_or_is_told(string expression, Type? type)
    {
        var (graph, problems) = TestGraph.Bind(Orders, "sums { sql = \"sums.sql\" }", ("sums.sql", $"SELECT {expression} AS c FROM silver.orders"));

        if (type is null) Assert.Contains("column 'c' has type", Assert.Single(problems).Message, StringComparison.Ordinal);
        else Assert.IsType(type, Assert.Single(graph.Gold.Single().Columns).DataType);
    }

    [Fact]
    public void A_time_without_a_zone_is_one_in_UTC()
    {
        var graph = TestGraph.Of(Orders, "times { sql = \"times.sql\" }", ("times.sql", "SELECT TIMESTAMP '2026-01-01 00:00:00' AS c"));

        Assert.Equal("UTC", ((TimestampType)graph.Gold.Single().Columns.Single().DataType).Timezone);
    }

    [Theory]
    [InlineData("phone > 5", null)]
    [InlineData("_position >= 0 AND _ingested_at IS NOT NULL", null)]
    [InlineData("amount BETWEEN 0 AND 10", null)]
    [InlineData("length(phone) = 64", "length")]
    [InlineData("_offset >= 0", "_offset")]
    public void A_rule_sees_values_before_they_are_masked_and_what_every_table_has(string check, string? told)
    {
        var (_, problems) = TestGraph.Bind(Orders.Replace("key = [order_id]", $"key = [order_id]\n  rules = [ {{ name = checked, check = \"{check}\" }} ]", StringComparison.Ordinal));

        if (told is null) Assert.Empty(problems);
        else Assert.Contains(told, Assert.Single(problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_are_those_of_the_query_as_it_is_written()
    {
        var graph = TestGraph.Of(Orders, "named { sql = \"named.sql\", key = [\"Order.Id\"], materialization = merge }", ("named.sql", "SELECT order_id AS \"Order.Id\" FROM silver.orders"));

        Assert.Equal("Order.Id", Assert.Single(graph.Gold.Single().Columns).Name);
    }
}
