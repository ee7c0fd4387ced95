using Apache.Arrow;
using Pipeline.DuckDb;
using Pipeline.Testing;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Tests.Silver;

/// <summary>Every column of the table is of its key, and changes say which columns they carry.</summary>
public sealed class KeyAloneSpec : IDisposable
{
    private readonly ScratchDirectory _scratch = new("key-alone-");

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void The_newest_change_of_a_key_is_whole()
    {
        var bronze = new Schema(TestLake.Declared(TestLake.BronzeColumns(["id long", "_sequence long", "_changed string"]), RowOrderSpec.Roles), null);
        var contract = TestGraph.Of("users { from = bronze/app/users, columns { id { type = long } }, key = [id] }").Silver[0];
        var fields = SilverTables.Columns(contract, bronze);
        using var session = DuckDbSession.Open(new DuckDbSettings(256L << 20, 1, _scratch), TestContext.Current.CancellationToken);
        var names = string.Join(", ", fields.Select(field => Sql.Name(field.Name)));
        string Row(int id, int position, string op) => $"({string.Join(", ", fields.Select(field => $"CAST({Value(field.Name)} AS {Sql.Type(field.DataType)})"))}, '{op}', '', false)"
            .Replace("<id>", $"{id}", StringComparison.Ordinal).Replace("<position>", $"{position}", StringComparison.Ordinal);
        session.Execute($"CREATE TEMP TABLE checked AS SELECT * FROM (VALUES {Row(1, 1, "c")}, {Row(1, 2, "u")}, {Row(2, 1, "c")}, {Row(2, 3, "d")}) AS v({names}, _op, _rules, _truncated)");
        foreach (var empty in (string[])["existing", "tombstones"]) session.Execute($"CREATE TEMP TABLE {empty} AS {Sql.Empty(fields)}");

        var rows = session.Rows($"SELECT id, _op, _changed FROM ({new LatestSql(contract, bronze, SqlDialect.DuckDb).Query}) ORDER BY id");

        Assert.Equal(["1 u ", "2 d "], rows.Select(row => $"{row[0]} {row[1]} {row[2]}"));
    }

    private static string Value(string column) => column switch
    {
        "id" => "<id>",
        "_position" => "<position>",
        "_changed" => "'id'",
        "_sequence" => "0",
        "_ingested_at" => "make_timestamptz(<position>)",
        _ => "NULL",
    };
}
