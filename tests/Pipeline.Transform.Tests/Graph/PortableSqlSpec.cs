namespace Pipeline.Transform.Tests.Graph;

/// <summary>SQL of users that another engine would answer otherwise is told, with its place and the form to write.</summary>
public sealed class PortableSqlSpec
{
    private const string Contract = """
        orders {
          from = bronze/app/orders, key = [order_id]
          columns {
            order_id { type = long }, name { type = string }, born { type = date }, seen { type = timestamp }, amount { type = "decimal(12,2)" }, units { type = int }, rate { type = double }
            active { type = boolean }
          }
        RULES
        }
        """;

    [Theory]
    [InlineData("amount / units > 1", "NULLIF(b, 0)")]
    [InlineData("units / 0 > 1", "NULLIF(b, 0)")]
    [InlineData("units % order_id = 0", "NULLIF(b, 0)")]
    [InlineData("units // order_id = 0", "NULLIF(b, 0)")]
    [InlineData("amount / NULLIF(units, 0) > 1", "divide(")]
    [InlineData("regexp_like(name, '^a$')", "Write \\\\z")]
    [InlineData("regexp_like(name, 'a.c')", "[^\\\\n]")]
    [InlineData("regexp_like(name, '(?i)abc')", "both cases")]
    [InlineData("regexp_like(name, '\\\\bword')", "characters around it")]
    [InlineData("regexp_like(name, '\\\\s+')", "[ \\\\t\\\\n\\\\r]")]
    [InlineData("regexp_like(name, '[[:alpha:]]')", "[A-Za-z]")]
    [InlineData("regexp_like(name, '[a-z&&[^b]]')", "intersects")]
    [InlineData("regexp_like(name, '(a)\\\\1')", "Spell the group out")]
    [InlineData("regexp_like(name, 'a(?=b)')", "(?:...)")]
    [InlineData("regexp_like(name, 'a++')", "Write '+'")]
    [InlineData("regexp_like(name, 'a{1,2000}')", "1000")]
    [InlineData("regexp_like(name, '\\\\p{Greek}')", "\\\\p{L}")]
    [InlineData("regexp_like(name, '\\\\u00e9')", "\\\\x{00E9}")]
    [InlineData("regexp_like(name, name)", "Write it out")]
    [InlineData("regexp_matches(name, 'a')", "regexp_like(t, 'pattern')")]
    [InlineData("regexp_replace(name, 'a*', '-') = 'b'", "at least a character")]
    [InlineData("trim(name, 'x') = 'a'", "trim(t) for blanks")]
    [InlineData("log(units) > 1", "ln(x)")]
    [InlineData("EXTRACT(DOW FROM born) = 0", "dayofweek(d)")]
    [InlineData("EXTRACT(SECOND FROM seen) = 0", "YEAR")]
    [InlineData("name = 1", "CAST one to the other's type")]
    [InlineData("coalesce(name, 1) = 'a'", "CAST one to the other's type")]
    [InlineData("order_id IN (1, 'a')", "CAST one to the other's type")]
    [InlineData("born = 'yesterday'", "CAST one to the other's type")]
    [InlineData("sha2(name || rate, 256) = 'a'", "to_decimal(x, precision, scale)")]
    [InlineData("CAST(rate AS VARCHAR) = '1'", "to_decimal(x, precision, scale)")]
    [InlineData("CAST(rate AS DECIMAL(10, 2)) > 1", "to_decimal(x, precision, scale)")]
    [InlineData("CAST(amount AS INT) > 1", "round(x)")]
    [InlineData("round(rate, 2) > 1", "to_decimal(x, precision, scale)")]
    [InlineData("amount * amount > 1", "DECIMAL(38, scale)")]
    [InlineData("ORDER_ID > 1", "Write order_id")]
    [InlineData("(order_id, units) < (1, 2)", "a < c OR (a = c AND b < d)")]
    [InlineData("name LIKE '100\\\\%'", "ESCAPE")]
    [InlineData("concat(name, 'a') = 'b'", "||")]
    [InlineData("substr(name, 0, 2) = 'a'", "(t, 1, n)")]
    [InlineData("left(name, -1) = 'a'", "length(t) - n")]
    [InlineData("order_id::INT > 1", "CAST(x AS TYPE)")]
    [InlineData("name = E'a'", "as it is")]
    [InlineData("born - born > 1", "datediff(a, b)")]
    [InlineData("strftime(born, '%Y') = '2026'", "EXTRACT(YEAR FROM d)")]
    [InlineData("list_contains(string_split(name, ','), 'x')", "another answer")]
    [InlineData("CAST(order_id AS HUGEINT) > 1", "BIGINT")]
    public void A_rule_that_is_not_portable_is_told_with_the_form_to_write(string check, string told)
    {
        var (graph, problems) = TestGraph.Bind(Contract.Replace("RULES", $"  rules = [ {{ name = checked, check = \"{check}\" }} ]", StringComparison.Ordinal));

        // What DuckDB does not know either is a problem at once.
        var problem = Assert.Single(problems.Concat(graph.Unportable));
        Assert.Equal(("silver.orders.rules.checked", "test.conf"), (problem.Path, Path.GetFileName(problem.Location.File)));
        Assert.Contains(told.Replace(@"\\", @"\", StringComparison.Ordinal), problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("regexp_like(name, '^[^@ ]+@[^@ ]+[.][^@ ]+\\\\z') AND units / NULLIF(order_id, 0) > 0.5 AND units % 7 = 1")]
    [InlineData("trim(name) = 'it''s' AND born >= '2026-01-01' AND datediff(born, born) = 0 AND dayofweek(born) IN (1, 7)")]
    [InlineData("seen <= _ingested_at + INTERVAL '1' DAY AND EXTRACT(YEAR FROM born) > 1900 AND CASE WHEN active THEN amount ELSE 0 END >= 0")]
    [InlineData("divide(amount, units, 18, 2) > 1 AND CAST(units AS DECIMAL(38, 2)) * amount < 10 AND CAST(round(amount) AS BIGINT) > 0 AND to_decimal(rate, 10, 2) < 5")]
    [InlineData("name LIKE 'a!%%' ESCAPE '!' AND coalesce(name, '') || 'x' <> 'y' AND sha2(name, 256) IS NOT NULL AND amount * 2 > 1")]
    public void A_rule_within_the_subset_passes(string check)
    {
        var (graph, problems) = TestGraph.Bind(Contract.Replace("RULES", $"  rules = [ {{ name = checked, check = \"{check}\" }} ]", StringComparison.Ordinal));

        Assert.Empty(problems);
        Assert.Empty(graph.Unportable);
    }

    [Theory]
    [InlineData("WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n", "RECURSIVE", 1)]
    [InlineData("SELECT order_id FROM silver.orders\nQUALIFY row_number() OVER (PARTITION BY name ORDER BY order_id DESC) = 1", "row_number() in a subquery", 1)]
    [InlineData("SELECT order_id,\n row_number() OVER (ORDER BY name) AS n FROM silver.orders", "NULLS LAST", 2)]
    [InlineData("SELECT order_id FROM silver.orders ORDER BY name LIMIT 3", "NULLS LAST", 1)]
    [InlineData("SELECT * EXCLUDE (name) FROM silver.orders", "Write the columns out", 1)]
    [InlineData("SELECT DISTINCT ON (name) order_id FROM silver.orders ORDER BY name, order_id NULLS LAST", "row_number() in a subquery", 1)]
    [InlineData("SELECT order_id FROM silver.orders UNION ALL BY NAME SELECT order_id FROM silver.orders", "one order", 1)]
    [InlineData("SELECT count(*) FILTER (units > 1) AS n FROM silver.orders", "FILTER (WHERE condition)", 1)]
    [InlineData("SELECT CAST(avg(amount) AS DECIMAL(12, 4)) AS a FROM silver.orders", "divide(SUM(x), COUNT(x)", 1)]
    [InlineData("SELECT CAST(CAST(amount AS DOUBLE) / NULLIF(CAST(units AS DOUBLE), 0) AS DECIMAL(18, 2)) AS a FROM silver.orders", "divide(a, b", 1)]
    [InlineData("SELECT name, count(*) FROM silver.orders GROUP BY name", "column 'count_star()' has no name", 1)]
    [InlineData("SELECT 1 AS Total FROM silver.orders GROUP BY total", "Write Total", 1)]
    [InlineData("WITH Ranked AS (SELECT 1 AS one)\nSELECT one FROM ranked", "Write Ranked", 2)]
    [InlineData("SELECT string_agg(name, ',' ORDER BY name) AS n FROM silver.orders", "another answer", 1)]
    public void A_query_that_is_not_portable_is_told_with_its_line(string sql, string told, int line)
    {
        var (graph, problems) = TestGraph.Bind(Contract.Replace("RULES", "", StringComparison.Ordinal), "top { sql = \"top.sql\" }", ("top.sql", sql));

        Assert.Empty(problems);
        var problem = Assert.Single(graph.Unportable);
        Assert.Equal(("gold.top", "top.sql", line), (problem.Path, Path.GetFileName(problem.Location.File), problem.Location.Line));
        Assert.Contains(told, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_is_written_is_one_whatever_it_holds()
    {
        var (graph, problems) = TestGraph.Bind(Contract.Replace("RULES", "", StringComparison.Ordinal), "top { sql = \"top.sql\" }", ("top.sql", "SELECT count(*) AS \"how-many?\" FROM silver.orders"));

        Assert.Empty(problems.Concat(graph.Unportable));
    }

    [Fact]
    public void A_double_is_neither_key_nor_hash()
    {
        var (graph, _) = TestGraph.Bind("""
            rates { from = bronze/app/rates, key = [rate], columns { rate { type = double }, other { type = float, mask = hash } } }
            """, "top { sql = \"top.sql\", key = [twice] }", ("top.sql", "SELECT rate * 2 AS twice FROM silver.rates"));

        Assert.Equal(["silver.rates.columns.rate", "silver.rates.columns.other", "gold.top.key"], graph.Unportable.Select(problem => problem.Path));
    }
}
