using Pipeline.Configuration;
using Pipeline.DuckDb;
using Pipeline.Testing;
using Pipeline.Transform.Graph;

namespace Pipeline.Transform.Tests.Graph;

/// <summary>
/// Configured SQL reads tables of the lake and computes: nothing else of the machine is within its reach. What it may not say is
/// refused before anything runs, by one line with its place; and the session that it runs in is shut as well.
/// </summary>
public sealed class ConfiguredSqlSpec : IDisposable
{
    private const string Contract = """
        users {
          from = bronze/app/users, key = [user_id]
          columns { user_id { type = long }, name { type = string }, born { type = date }, score { type = "decimal(8,2)" } }
        RULES
        }
        """;

    private readonly ScratchDirectory _directory = new("sql-");

    public ConfiguredSqlSpec() => File.WriteAllText(Secret, "TOP-SECRET");

    private string Secret => Path.Combine(_directory, "secret.txt");

    private string Out => Path.Combine(_directory, "out.csv");

    public void Dispose() => _directory.Dispose();

    public static TheoryData<string> Queries =>
    [
        "SELECT content FROM read_text('SECRET')", "SELECT * FROM 'SECRET'", "SELECT * FROM \"SECRET\"", "SELECT * FROM read_csv('SECRET')", "SELECT * FROM read_csv_auto('SECRET')",
        "SELECT * FROM read_json('SECRET')", "SELECT * FROM read_blob('SECRET')", "SELECT * FROM read_parquet('/**/*.parquet')", "SELECT * FROM parquet_metadata('SECRET')",
        "SELECT * FROM sniff_csv('SECRET')", "SELECT * FROM glob('/etc/*')", "SELECT * FROM read_csv('http://127.0.0.1:9/x')",
        "SELECT (SELECT content FROM read_text('SECRET')) AS c FROM silver.users", "WITH c AS (SELECT * FROM read_text('SECRET')) SELECT content FROM c",
        "SELECT * FROM silver.users WHERE name IN (SELECT content FROM read_text('SECRET'))", "SELECT user_id FROM silver.users UNION ALL SELECT size FROM read_text('SECRET')",
        "SELECT user_id FROM silver.users ORDER BY (SELECT content FROM read_text('SECRET'))", "SELECT user_id FROM silver.users, LATERAL (SELECT * FROM read_text('SECRET'))",
        "COPY (SELECT 1) TO 'OUT'", "SELECT 1 AS one; COPY (SELECT 1) TO 'OUT'", "EXPORT DATABASE 'OUT'", "ATTACH 'OUT' AS x", "INSTALL httpfs", "LOAD 'OUT'",
        "CREATE TABLE gold.x AS SELECT 1", "DROP TABLE silver.users", "INSERT INTO silver.users SELECT * FROM silver.users", "SET memory_limit = '1TB'", "PRAGMA database_list",
        "CALL pragma_version()", "EXPLAIN ANALYZE SELECT 1", "SHOW TABLES", "SUMMARIZE silver.users", "SELECT * FROM (DESCRIBE silver.users)",
        "SELECT current_setting('temp_directory') AS s", "SELECT getvariable('x') AS s", "SELECT * FROM duckdb_settings()", "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM query('SELECT 1')", "SELECT * FROM query_table(['silver.users'])", "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
        "SELECT * FROM information_schema.tables", "SELECT * FROM memory.silver.users", "SELECT * FROM pg_catalog.pg_tables",
        "SELECT user_id, now() AS at FROM silver.users", "SELECT user_id, current_date AS at FROM silver.users", "SELECT user_id, CURRENT_TIMESTAMP AS at FROM silver.users",
        "SELECT random() AS r FROM silver.users", "SELECT uuid() AS id FROM silver.users", "SELECT user_id FROM silver.users USING SAMPLE 1", "SELECT user_id FROM silver.users TABLESAMPLE 10%",
        "SELECT first(user_id) AS f FROM silver.users", "SELECT string_agg(name, ',') AS f FROM silver.users", "SELECT any_value(user_id) AS f FROM silver.users",
        "SELECT nextval('s') AS n", "SELECT version() AS v", "SELECT sleep_ms(1) AS s", "SELECT pg_sleep(1) AS s", "SELECT write_log('x') AS w", "SELECT user_id.upper() AS u FROM silver.users",
        "WITH duckdb_settings AS (SELECT * FROM duckdb_settings) SELECT name FROM duckdb_settings",
        "WITH duckdb_databases AS (SELECT * FROM duckdb_databases) SELECT path FROM duckdb_databases",
        "SELECT s.name FROM pg_settings AS s, (WITH pg_settings AS (SELECT 1 AS a) SELECT a FROM pg_settings) AS c",
        "WITH a AS (SELECT * FROM sqlite_master), sqlite_master AS (SELECT 1 AS one) SELECT * FROM a",
        "WITH \"SECRET\" AS (SELECT * FROM \"SECRET\") SELECT * FROM \"SECRET\"",
        "PIVOT silver.users ON name USING count(*)", "SELECT * FROM (PIVOT silver.users ON name USING count(*))", "SELECT list_apply([1], x -> random()) AS r FROM silver.users", "SELECT list_aggregate([1], 'random') AS r",
        "WITH c AS (INSERT INTO silver.users VALUES (1, 'x') RETURNING user_id) SELECT * FROM c", "WITH c AS (COPY (SELECT 1) TO 'OUT') SELECT 1 AS one",
        "SELECT user_id FROM silver.users LIMIT (SELECT size FROM read_text('SECRET'))", "SELECT user_id FROM silver.users OFFSET random()",
        "SELECT rowid AS r FROM silver.users", "SELECT u.rowid AS r FROM silver.users AS u", "SELECT * FROM silver.users AS a POSITIONAL JOIN (SELECT name AS n FROM silver.users) AS b",
        "SELECT user_id, row_number() OVER () AS r FROM silver.users", "SELECT user_id, first_value(name) OVER (PARTITION BY user_id) AS r FROM silver.users", "SELECT DISTINCT ON (name) name, user_id FROM silver.users",
        "SELECT CAST(user_id AS DECIMAL(random(), 2)) AS d FROM silver.users", "SELECT COLUMNS(c -> random() > 0.5) FROM silver.users",
        "SELECT count(*) OVER (ORDER BY user_id ROWS BETWEEN (SELECT size FROM read_text('SECRET')) PRECEDING AND CURRENT ROW) AS n FROM silver.users",
        "SELECT user_id FROM silver.users GROUP BY random(), user_id", "SELECT user_id FROM silver.users QUALIFY random() > 0.5",
        "SELECT * FROM silver.users NATURAL JOIN duckdb_tables", "SELECT * REPLACE (random() AS user_id) FROM silver.users", "SELECT sum(user_id) FILTER (WHERE random() > 0.5) AS s FROM silver.users", "SELECT {'a': getenv('HOME')} AS s", "SELECT [x FOR x IN [random()]] AS s",
        "FROM read_text('SECRET')", "FROM 'SECRET' SELECT *", "SELECT 'SECRET'.read_text() AS c", "SELECT system.main.getenv('HOME') AS h", "SELECT user_id FROM silver.users ORDER BY random()", "SELECT sum(user_id ORDER BY random()) AS s FROM silver.users", "SELECT * FROM (VALUES (random())) AS v(x)", "SELECT in_search_path('a', 'b') AS p", "SELECT pg_typeof(user_id) AS t FROM silver.users", "SELECT array_agg(name) OVER () AS a FROM silver.users", "SELECT list_sort(list(name)) AS a FROM silver.users",
        "SELECT $1 AS parameter", "SELECT TRY(CAST(name AS INTEGER)) AS n FROM silver.users", "NESTED",
    ];

    public static TheoryData<string> Rules =>
    [
        "user_id > 0); COPY (SELECT 1) TO 'OUT'; SELECT (true", "user_id > 0; COPY (SELECT 1) TO 'OUT'", "user_id > 0) FROM silver.users --", "user_id > 0 FROM silver.users",
        "(SELECT content FROM read_text('SECRET')) = 'x'", "EXISTS (SELECT 1 FROM read_text('SECRET'))", "user_id IN (SELECT user_id FROM silver.users)", "read_text('SECRET') IS NULL",
        "count(*) > 0", "sum(user_id) > 0", "row_number() OVER () > 1", "true, false", "user_id > 0 AS x", "user_id > 0 ORDER BY 1", "user_id > 0 LIMIT 1", "DISTINCT user_id > 0",
        "now() > _ingested_at", "current_timestamp > _ingested_at", "current_date > born", "random() > 0.5", "current_setting('temp_directory') = 'y'", "getvariable('x') IS NULL",
        "user_id", "name", "user_id + 1", "'text'", "error(name) IS NULL", "sleep_ms(1) IS NULL", "write_log(name) IS NULL", "$1 > 0", "*", "COLUMNS(*) > 0", "unnest([true])",
        "user_id > 0 UNION SELECT true", "TRY(CAST(name AS INTEGER) > 0)", "no_such_function(user_id)", "no_such_column > 0", "user_id > ", "",
    ];

    [Fact]
    public void So_many_queries_and_rules_are_tried() => Assert.Equal((103, 39), (Queries.Count, Rules.Count));

    [Theory, MemberData(nameof(Queries))]
    public void A_query_that_reaches_beyond_its_tables_is_refused_by_one_line_with_its_place(string attack)
    {
        var sql = Aim(attack);

        var (_, problems) = TestGraph.Bind(Contract.Replace("RULES", "", StringComparison.Ordinal), "hostile { sql = \"hostile.sql\" }", ("hostile.sql", sql));

        AssertRefused(problems, "hostile.sql", "gold.hostile");
        AssertShut(sql);
    }

    [Theory, MemberData(nameof(Rules))]
    public void A_rule_that_is_no_condition_on_its_row_is_refused_by_one_line_with_its_place(string attack)
    {
        var check = Aim(attack);

        var (_, problems) = TestGraph.Bind(Contract.Replace("RULES", $"  rules = [ {{ name = hostile, check = \"{check}\" }} ]", StringComparison.Ordinal));

        AssertRefused(problems, "test.conf", attack.Length == 0 ? "silver.users.rules" : "silver.users.rules.hostile");
    }

    [Fact]
    public void What_computes_from_tables_and_rows_is_allowed()
    {
        var (_, problems) = TestGraph.Bind(Contract.Replace("RULES", """
              rules = [
                { name = a, check = "born < CAST(_ingested_at AS DATE) AND name LIKE 'A%' AND name NOT IN ('x', 'y') -- of today" }
                { name = b, check = "CASE WHEN score IS NULL THEN true ELSE abs(score) BETWEEN 0 AND 100 END" }
                { name = c, check = "regexp_like(name, '^[a-z]+$') OR (length(trim(name)) > 3 AND list_contains(string_split(name, ' '), 'x'))" }
                { name = d, check = "TRY_CAST(name AS INTEGER) > 0 AND born + INTERVAL '1' DAY > DATE '2020-01-01' AND EXTRACT(YEAR FROM born) > 1900" }
              ]
            """, StringComparison.Ordinal), "good { sql = \"good.sql\" }", ("good.sql", """
            WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3),
            ranked AS (SELECT user_id, name, row_number() OVER (PARTITION BY name ORDER BY user_id) AS r, lag(score) OVER (ORDER BY user_id) AS before FROM silver.users)
            SELECT name, CAST(count(*) AS BIGINT) AS users, CAST(sum(CASE WHEN r = 1 THEN 1 ELSE 0 END) AS BIGINT) AS firsts, string_agg(CAST(user_id AS VARCHAR), ',' ORDER BY user_id) AS ids,
              max(coalesce(before, 0)) AS score, min(i) AS i, count(*) FILTER (WHERE user_id > 1) AS some
            FROM ranked JOIN n ON n.i = r LEFT JOIN (VALUES (1)) AS v(x) ON v.x = n.i
            WHERE user_id IN (SELECT user_id FROM silver.users) AND EXISTS (SELECT 1 FROM silver.users)
            GROUP BY name HAVING count(*) > 0 ORDER BY name LIMIT 10
            """));

        Assert.Empty(problems);
    }

    [Fact]
    public void No_function_is_allowed_that_answers_differently_each_time()
    {
        using var session = Open();

        var changing = session.Rows("SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')").Select(row => (string)row[0]!);

        Assert.Empty(changing.Intersect(SqlFunctions.Names, StringComparer.OrdinalIgnoreCase));
    }

    private static void AssertRefused(IReadOnlyList<ConfigProblem> problems, string file, string path)
    {
        var problem = Assert.Single(problems);
        Assert.Equal((file, true), (problem.Location.File, problem.Path.StartsWith(path, StringComparison.Ordinal)));
        Assert.DoesNotContain("TOP-SECRET", problem.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', problem.ToString());
    }

    /// <summary>Were it not refused, it would find nothing and leave nothing behind.</summary>
    private void AssertShut(string sql)
    {
        using (var session = Open())
        {
            var failure = Record.Exception(() => Assert.DoesNotContain(session.Rows(sql).SelectMany(row => row), value => value is string text && text.Contains("TOP-SECRET", StringComparison.Ordinal)));
            Assert.False(failure is Xunit.Sdk.XunitException, failure?.Message);
        }

        Assert.Equal([Secret], Directory.GetFileSystemEntries(_directory));
    }

    private DuckDbSession Open()
    {
        var session = DuckDbSession.Open(new DuckDbSettings(64L << 20, 1, Path.GetTempPath()), TestContext.Current.CancellationToken);
        session.Execute("CREATE SCHEMA silver; CREATE SCHEMA gold; CREATE TABLE silver.users (user_id BIGINT, name VARCHAR)");
        session.Confine([], []);
        return session;
    }

    private string Aim(string attack) => attack == "NESTED" ? $"SELECT {string.Concat(Enumerable.Repeat("abs(", 5000))}1{new string(')', 5000)} AS x"
        : attack.Replace("SECRET", Secret, StringComparison.Ordinal).Replace("OUT", Out, StringComparison.Ordinal);
}
