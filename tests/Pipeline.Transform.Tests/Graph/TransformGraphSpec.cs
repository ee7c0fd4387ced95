using Pipeline.Core;

namespace Pipeline.Transform.Tests.Graph;

public sealed class TransformGraphSpec
{
    private const string Orders = """
        products {
          from = bronze/crm/products
          columns { product_id { type = long }, price { type = "decimal(12,2)" } }
          key = [product_id]
        }
        orders {
          from = bronze/crm/orders
          columns { order_id { type = long }, product_id { type = long }, ordered_at { type = timestamp }, amount { type = "decimal(12,2)", required = true } }
          key = [order_id]
          rules = [ { name = positive, check = "amount > 0" } ]
          references = [ { column = product_id, table = silver/products } ]
        }
        """;

    [Fact]
    public void Reads_dependencies_from_the_queries_and_sorts_by_them()
    {
        var graph = TestGraph.Of(Orders, """
            monthly { sql = "monthly.sql", key = [sale_month] }
            sales { sql = "sales.sql" }
            """,
            ("monthly.sql", "WITH days AS (SELECT * FROM gold.sales)\nSELECT CAST(date_trunc('month', sale_date) AS DATE) AS sale_month, CAST(SUM(amount) AS DECIMAL(18,2)) AS amount FROM days GROUP BY 1"),
            ("sales.sql", "SELECT CAST(o.ordered_at AS DATE) AS sale_date, o.amount FROM silver.orders o LEFT JOIN silver.products p ON p.product_id = o.product_id"));

        Assert.Equal(["gold/sales", "gold/monthly"], graph.Gold.Select(node => node.Table.ToString()));
        Assert.Equal([TableId.Silver("orders"), TableId.Silver("products")], graph.InputsOf(TableId.Gold("sales")));
        Assert.Equal([TableId.Gold("sales")], graph.InputsOf(TableId.Gold("monthly")));
        Assert.Equal(["sale_month:date32", "amount:decimal128"], graph.Gold[1].Columns.Select(column => $"{column.Name}:{column.DataType.Name}"));
        Assert.Equal([TableId.Bronze("crm", "orders"), TableId.Silver("products")], graph.InputsOf(TableId.Silver("orders")));
    }

    [Theory]
    [InlineData("SELECT order_id,\n  amont\nFROM silver.orders", 2, "\"amont\" not found")]
    [InlineData("SELECT 1 AS one\nFROM\n  silver.order", 3, "there is no table 'silver.order'. Did you mean 'silver.orders'?")]
    [InlineData("SELECT 1 AS one\nFROM orders", 2, "'orders' is not a table. Write silver.TABLE or gold.TABLE")]
    [InlineData("SELECT order_id\nFROM silver.orders\nWHERE amount > ordered_at", 3, "Cannot compare")]
    [InlineData("SELECT order_id\nFRM silver.orders o\nWHERE", 2, "syntax error")]
    [InlineData("SELECT SUM(order_id) AS total FROM silver.orders", 1, "column 'total' has type HUGEINT, which the lake does not have. CAST it")]
    [InlineData("SELECT 1 AS one; SELECT 2 AS two", 1, "expected one SELECT statement")]
    public void Reports_what_is_wrong_in_a_query_with_file_and_line(string sql, int line, string message)
    {
        var (_, problems) = TestGraph.Bind(Orders, "bad { sql = \"bad.sql\" }", ("bad.sql", sql));

        var problem = Assert.Single(problems);
        Assert.Equal(("bad.sql", line, "gold.bad"), (problem.Location.File, problem.Location.Line, problem.Path));
        Assert.Contains(message, problem.Message);
    }

    [Fact]
    public void Reports_cycles_on_every_table_of_them()
    {
        var (_, problems) = TestGraph.Bind("", "a { sql = \"a.sql\" }\nb { sql = \"b.sql\" }\nc { sql = \"c.sql\" }",
            ("a.sql", "SELECT x FROM gold.b"), ("b.sql", "SELECT x FROM gold.a"), ("c.sql", "SELECT x FROM gold.b"));

        Assert.Equal(
        [
            "a.sql:1: gold.a: the table depends on itself: gold/a reads gold/b reads gold/a",
            "b.sql:1: gold.b: the table depends on itself: gold/b reads gold/a reads gold/b",
        ], problems.Select(problem => problem.ToString()));
    }

    [Fact]
    public void Reports_a_rule_that_does_not_fit_the_columns_where_it_is_written()
    {
        var (_, problems) = TestGraph.Bind("""
            orders {
              from = bronze/crm/orders
              columns { order_id { type = long } }
              key = [order_id]
              rules = [
                { name = known, check = "statuss IN ('open')" }
              ]
            }
            """);

        var problem = Assert.Single(problems);
        Assert.Equal(("test.conf", 7, "silver.orders.rules.known"), (problem.Location.File, problem.Location.Line, problem.Path));
        Assert.Contains("\"statuss\" not found", problem.Message);
    }

    [Fact]
    public void Reports_a_personal_column_that_the_query_does_not_return()
    {
        var (_, problems) = TestGraph.Bind(Orders, "sums { sql = \"sums.sql\", personal = [order_idd] }", ("sums.sql", "SELECT order_id FROM silver.orders"));

        Assert.Equal("test.conf:16: gold.sums.personal: the query returns no column 'order_idd'. Did you mean 'order_id'?", Assert.Single(problems).ToString());
    }

    [Fact]
    public void Reports_a_column_that_comes_from_a_personal_one_and_is_not_said_to_be_personal()
    {
        var (_, problems) = TestGraph.Bind("""
            users {
              from = bronze/app/users
              columns {
                user_id { type = long }, email { type = string, classification = personal }
                born { type = date, classification = secret }, phone { type = long, mask = hash, classification = personal }
              }
              key = [user_id]
            }
            """, """
            forgot { sql = "all.sql" }
            after { sql = "after.sql" }
            listed { sql = "all.sql", personal = [email, born, phone] }
            derived { sql = "derived.sql" }
            """,
            ("all.sql", "SELECT user_id, email, born, phone FROM silver.users"),
            ("after.sql", "SELECT email FROM gold.listed"),
            // Of another type or name: a year says little, a count nothing.
            ("derived.sql", "SELECT CAST(year(born) AS BIGINT) AS born, COUNT(*) AS emails FROM silver.users GROUP BY 1"));

        const string cause = "List it here, or give it another name if it says nothing about a person";
        Assert.Equal(
        [
            $"gold.after.personal: column 'email' has name and type of a personal column of gold/listed. {cause}",
            $"gold.forgot.personal: column 'born' has name and type of a personal column of silver/users. {cause}",
            $"gold.forgot.personal: column 'email' has name and type of a personal column of silver/users. {cause}",
            $"gold.forgot.personal: column 'phone' has name and type of a personal column of silver/users. {cause}",
        ], problems.Select(problem => $"{problem.Path}: {problem.Message}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Reports_a_key_that_the_query_does_not_return()
    {
        var (_, problems) = TestGraph.Bind(Orders, "sums { sql = \"sums.sql\", materialization = merge, key = [order_idd] }", ("sums.sql", "SELECT order_id FROM silver.orders"));

        Assert.Equal("the query returns no column 'order_idd'. Did you mean 'order_id'?", Assert.Single(problems).Message);
    }
}
