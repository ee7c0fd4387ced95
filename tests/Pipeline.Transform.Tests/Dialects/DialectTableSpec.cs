using Pipeline.DuckDb;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Tests.Dialects;

/// <summary>Every row of the dialect table has its value on DuckDB; <c>spark/conformance.py</c> asks a Spark the same.</summary>
public sealed class DialectTableSpec
{
    public static TheoryData<string> Functions => [.. DialectTable.Functions.Values.Where(function => function.Rows.Length > 0).Select(function => function.Name).Order(StringComparer.Ordinal)];

    public static TheoryData<string> Constructs => [.. DialectTable.Constructs.Select(construct => construct.Name)];

    [Theory, MemberData(nameof(Functions))]
    public void DuckDb_gives_the_value_of_every_row_of_a_function(string name) => AssertRows(DialectTable.Functions[name].Call, DialectTable.Functions[name].Rows);

    [Theory, MemberData(nameof(Constructs))]
    public void DuckDb_gives_the_value_of_every_row_of_a_construct(string name)
    {
        var construct = DialectTable.Constructs.Single(construct => construct.Name == name);
        AssertRows(construct.Expression, construct.Rows);
    }

    [Fact]
    public void An_object_of_texts_has_the_bytes_that_DuckDB_itself_gives_however_long_they_are()
    {
        using var session = DuckDbSession.Open(new DuckDbSettings(64L << 20, 1, Path.GetTempPath()), TestContext.Current.CancellationToken);
        session.Execute("CREATE TABLE i AS SELECT repeat('é\"\\', pad) || chr(CAST(n AS INTEGER)) || '/' AS t, CAST(NULL AS VARCHAR) AS u, n FROM range(1, 300) AS r(n), (VALUES (0), (300)) AS p(pad)");
        var ours = SqlDialect.DuckDb.JsonObject([("na\"me", "t"), ("u", "u"), ("i", "CAST(n AS VARCHAR)"), ("no", "CAST(NULL AS VARCHAR)")]);

        Assert.Equal(598, session.Count($"SELECT count(*) FROM i WHERE {ours} = json_object('na\"me', t, 'u', u, 'i', CAST(n AS VARCHAR), 'no', CAST(NULL AS VARCHAR))"));
    }

    private static void AssertRows(string expression, IReadOnlyList<SqlExample> rows)
    {
        using var session = DuckDbSession.Open(new DuckDbSettings(64L << 20, 1, Path.GetTempPath()), TestContext.Current.CancellationToken);
        var sql = SqlDialect.DuckDb;
        session.Execute("CREATE TABLE i (n INTEGER, t VARCHAR, u VARCHAR, v VARCHAR)");
        session.Execute($"INSERT INTO i VALUES {string.Join(", ", rows.Select((row, n) => $"({n}, {string.Join(", ", Enumerable.Range(0, 3).Select(c => row.Arguments.ElementAtOrDefault(c) is { } text ? sql.Text(text) : "NULL"))})"))}");

        var values = session.Rows($"SELECT CAST(({sql.Render(expression)}\n) AS VARCHAR) FROM i ORDER BY n").Select(row => (string?)row[0]);

        Assert.Equal(rows.Select(row => row.Value), values);
    }
}
