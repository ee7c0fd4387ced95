using Apache.Arrow;

namespace Pipeline.Transform.Tests.DuckDb;

/// <summary>Silver holds the values that were sent, or the row is set aside: nothing in between.</summary>
public sealed class ExactValuesSpec
{
    private static readonly IReadOnlyList<Field> Topic = TestLake.BronzeColumns("_partition int", "_offset long", "_timestamp timestamp", "_key string", "_headers string", "value string");

    private static readonly IReadOnlyList<Field> Numbers = TestLake.BronzeColumns("id long", "d double", "m decimal(18,4)");

    [Theory]
    [InlineData("""{"id":1,"v":1234567890123456.78}""", "decimal(18,2)", "1234567890123456.78")]
    [InlineData("""{"id":1,"v":-123456789012.345678901234567890}""", "decimal(38,18)", "-123456789012.345678901234567890")]
    [InlineData("""{"id":1,"v":1e3}""", "string", "1e3")]
    [InlineData("""{"id":1,"v":1.10}""", "string", "1.10")]
    [InlineData("""{"id":1,"v":1e400}""", "double", "type:v")]
    [InlineData("""{"id":1,"v":1E-3}""", "decimal(5,5)", ".00100")]
    [InlineData("""{"id":1,"v":1.005}""", "decimal(10,2)", "1.01")]
    [InlineData("""{"id":1,"v":1.5}""", "long", "type:v")]
    [InlineData("""{"id":1,"v":9223372036854775807}""", "long", "9223372036854775807")]
    [InlineData("""{"id":1,"v":9223372036854775808}""", "long", "type:v")]
    [InlineData("""{"id":1,"v":[1,2.50,{"a":1.0e5}]}""", "string", """[1,2.50,{"a":1.0e5}]""")]
    [InlineData("""{"id":1,"v":[1,"2",null]}""", "array<long>", "[1, 2, NULL]")]
    [InlineData("""{"id":1,"v":[1,"x"]}""", "array<long>", "type:v")]
    [InlineData("""{"id":1,"v":[[1.50],[]]}""", "array<string>", "['[1.50]', '[]']")]
    [InlineData("""{"id":1,"v":{"a":1}}""", "array<string>", "type:v")]
    [InlineData("""{"id":1,"v":null,"v":2}""", "long", "")]
    [InlineData("""{"id":1,"v":1,"v":2}""", "long", "1")]
    [InlineData("""{"id":1}""", "long", "")]
    [InlineData("""{"id":1,"v":"2026-01-01T10:15Z"}""", "timestamp", "type:v")]
    [InlineData("""{"id":1,"v":"2026-01-01T24:00:00Z"}""", "timestamp", "type:v")]
    [InlineData("""{"id":1,"v":"0000-01-01"}""", "date", "type:v")]
    [InlineData("""{"id":1,"v":1,}""", "long", "malformed_json")]
    [InlineData("""{"id":1,"v":NaN}""", "string", "malformed_json")]
    [InlineData("""[{"id":1}]""", "long", "malformed_json")]
    [InlineData("\n{\"id\":1,\"v\":7}\n", "long", "7")]
    public async Task A_value_of_JSON_is_the_one_that_was_sent_or_its_row_is_set_aside(string document, string type, string expected)
    {
        using var lake = new TestLake(TestGraph.Of($$"""
            values { from = bronze/events/values, format = json, key = [id], columns { id { type = long }, v { type = "{{type}}" } } }
            """));
        await lake.AppendAsync("bronze/events/values", Topic, $"SELECT * FROM (VALUES (0, 1, TIMESTAMPTZ '2026-01-01 00:00:00+00', NULL, NULL, '{document}', 'c', 1)) AS v(_partition, _offset, _timestamp, _key, _headers, value, _op, _position)");

        await lake.RunAllAsync();

        Assert.Equal([expected], [.. await lake.RowsAsync("SELECT CAST(v AS VARCHAR) FROM silver.values"), .. await QuarantinedAsync(lake, "values")]);
    }

    [Theory]
    [InlineData("2.0", "2.0000", "2|2|2.00|2.00")]
    [InlineData("1.5", "2.0000", "type:d_long")]
    [InlineData("2.0", "1.5000", "type:m_int")]
    [InlineData("2147483647.5", "2.0000", "type:d_long,type:d_decimal")]
    [InlineData("'NaN'", "2.0000", "type:d_long,type:d_decimal")]
    [InlineData("9223372036854775808", "2.0000", "type:d_long,type:d_decimal")]
    [InlineData("-3", "2.0050", "type:m_int")]
    public async Task A_number_of_a_column_is_never_rounded_to_an_integer(string d, string m, string expected)
    {
        using var lake = new TestLake(TestGraph.Of("""
            values {
              from = bronze/app/values, key = [id]
              columns { id { type = long }, d_long { type = long, from = d }, m_int { type = int, from = m }, d_decimal { type = "decimal(10,2)", from = d }, m_decimal { type = "decimal(10,2)", from = m } }
            }
            """));
        await lake.AppendAsync("bronze/app/values", Numbers, $"SELECT * FROM (VALUES (1, CAST({d} AS DOUBLE), CAST({m} AS DECIMAL(18,4)), 'r', 1)) AS v(id, d, m, _op, _position)");

        await lake.RunAllAsync();

        Assert.Equal([expected], [.. await lake.RowsAsync("SELECT d_long, m_int, d_decimal, m_decimal FROM silver.values"), .. await QuarantinedAsync(lake, "values")]);
    }

    [Fact]
    public async Task What_is_divided_by_zero_is_null()
    {
        using var lake = new TestLake(TestGraph.Of("""
            values { from = bronze/app/values, key = [id], columns { id { type = long }, d { type = double }, m { type = "decimal(18,4)" } }, rules = [ { name = big, check = "d / m > 1" } ] }
            """, "shares { sql = \"shares.sql\" }", ("shares.sql", "SELECT id, d / m AS share, divide(d, m, 18, 2) AS exact FROM silver.values")));
        await lake.AppendAsync("bronze/app/values", Numbers, "SELECT * FROM (VALUES (1, CAST(1 AS DOUBLE), CAST(0 AS DECIMAL(18,4)), 'r', 1), (2, CAST(2.01 AS DOUBLE), CAST(2 AS DECIMAL(18,4)), 'r', 2)) AS v(id, d, m, _op, _position)");

        await lake.RunAllAsync();

        Assert.Equal(["1||", "2|1.005|1.01"], await lake.RowsAsync("SELECT * FROM gold.shares ORDER BY id"));
    }

    private static async Task<IReadOnlyList<string>> QuarantinedAsync(TestLake lake, string table) =>
        await lake.RowsAsync($"SELECT count(*) FROM silver.{table}") is ["0"] ? await lake.RowsAsync($"SELECT _rules FROM silver.{table}__quarantine") : [];
}
