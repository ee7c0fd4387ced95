using Pipeline.Core;
using Pipeline.Transform.Graph;

namespace Pipeline.Transform.Tests.Graph;

public sealed class TableSelectorSpec
{
    private static readonly TransformGraph Graph = TestGraph.Of("""
        lines { from = bronze/shop/lines, tags = [money], columns { id { type = long }, order_id { type = long } }, key = [id], references = [{ name = order, column = order_id, table = silver/orders, to = id }] }
        orders { from = bronze/shop/orders, columns { id { type = long } }, key = [id] }
        users { from = bronze/app/users, columns { id { type = long } }, key = [id] }
        """, """
        sales { sql = "sales.sql", tags = [money, daily] }
        totals { sql = "totals.sql", tags = [daily] }
        users { sql = "users.sql" }
        """, ("sales.sql", "SELECT l.id FROM silver.lines AS l"), ("totals.sql", "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM gold.sales"), ("users.sql", "SELECT id FROM silver.users"));

    private static readonly TableSelector Selector = new(Graph, [(TableId.Bronze("shop", "lines"), []), (TableId.Bronze("shop", "orders"), ["money"]), (TableId.Bronze("app", "users"), [])]);

    [Theory]
    [InlineData("", "bronze/shop/lines bronze/shop/orders bronze/app/users silver/orders silver/lines silver/users gold/sales gold/users gold/totals")]
    [InlineData("sales", "gold/sales")]
    [InlineData("gold/sales", "gold/sales")]
    [InlineData("lines", "silver/lines")]
    [InlineData("bronze/shop/lines", "bronze/shop/lines")]
    [InlineData("+sales", "bronze/shop/lines bronze/shop/orders silver/orders silver/lines gold/sales")]
    [InlineData("orders+", "silver/orders silver/lines gold/sales gold/totals")]
    [InlineData("bronze/shop/lines+", "bronze/shop/lines silver/lines gold/sales gold/totals")]
    [InlineData("+lines+", "bronze/shop/lines bronze/shop/orders silver/orders silver/lines gold/sales gold/totals")]
    [InlineData("tag:money", "bronze/shop/orders silver/lines gold/sales")]
    [InlineData("tag:daily totals", "gold/sales gold/totals")]
    [InlineData("+tag:daily", "bronze/shop/lines bronze/shop/orders silver/orders silver/lines gold/sales gold/totals")]
    [InlineData("totals sales", "gold/sales gold/totals")]
    public void Selectors_mean_tables_in_the_order_in_which_they_are_made(string selectors, string tables) =>
        Assert.Equal(tables, string.Join(' ', Selector.Select(selectors.Split(' ', StringSplitOptions.RemoveEmptyEntries))));

    [Theory]
    [InlineData("users", "it may mean silver/users or gold/users. Write silver/users.")]
    [InlineData("sale", "no table has that name. Did you mean 'sales'?")]
    [InlineData("gold/total", "no table has that name. Did you mean 'gold/totals'?")]
    [InlineData("+", "no table has that name. Write a table")]
    [InlineData("++sales", "no table has that name")]
    [InlineData("tag:dayly", "no table has the tag 'dayly'. Did you mean 'tag:daily'?")]
    [InlineData("tag:", "no table has the tag ''")]
    public void One_that_means_none_or_several_is_told(string selector, string told)
    {
        var refused = Assert.Throws<PipelineException>(() => Selector.Select([selector]));

        Assert.StartsWith($"Selector '{selector}': ", refused.Message);
        Assert.Contains(told, refused.Message);
    }
}
