using Apache.Arrow;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Silver;
using Pipeline.Transform.Tests.Dialects;

namespace Pipeline.Transform.Tests.DuckDb;

/// <summary>Whatever a source calls its columns and the members of its documents, they reach Silver, run after run.</summary>
public sealed class ColumnNamesSpec
{
    /// <summary>Names that engines, or the statements of runs, have for something of their own.</summary>
    private static readonly string[] Words =
    [
        "filename", "file_index", "rowid", "order", "select", "group", "table", "r", "t", "l", "typed", "existing", "checked", "candidates", "placed", "parsed", "source", "bronze", "held", "value", "timestamp", "key", "kept", "latest",
    ];

    [Fact]
    public async Task Columns_with_the_names_of_other_things_are_kept_by_every_run()
    {
        using var lake = new TestLake(TestGraph.Of($$"""
            words {
              from = bronze/app/words
              columns { id { type = long }, {{string.Join(", ", Words.Select(word => $"{word} {{ type = string }}"))}} }
              key = [id]
              order-by = [order]
            }
            """));
        var columns = TestLake.BronzeColumns(["id long", .. Words.Select(word => $"{word} string")]);
        for (var run = 1; run <= 3; run++)
        {
            await lake.AppendAsync("bronze/app/words", columns, $"""
                SELECT id, {string.Join(", ", Words.Select(word => $"'{word}-{run}' AS \"{word}\""))}, 'u' AS _op, {run * 10} + id AS _position FROM (VALUES (1), ({run + 1})) AS v(id)
                """);
            await lake.RunAllAsync();
        }

        Assert.Equal(["1|3", "2|1", "3|2", "4|3"], await lake.RowsAsync($"SELECT id, split_part(filename, '-', 2) FROM silver.words WHERE {string.Join(" AND ", Words.Select(word => $"starts_with(\"{word}\", '{word}-')"))} ORDER BY id"));
    }

    [Fact]
    public async Task A_contract_names_a_column_as_its_source_does_or_as_the_lake_does()
    {
        using var lake = new TestLake(TestGraph.Of("""
            orders {
              from = bronze/crm/orders
              columns { id { type = long }, day { type = string, from = "order date" }, day2 { type = string, from = order_date }, op { type = string, from = _op_ }, tag { type = string, from = TAG } }
              key = [id]
            }
            """));
        string[] changed = ["_changed string", "_sequence long"];
        await lake.AppendAsync("bronze/crm/orders", TestLake.Declared(TestLake.BronzeColumns(["id long", "order_date string", "_op_ string", "tag string", .. changed]), "_changed Changed", "_sequence Orders Sequence"), """
            SELECT 1 AS id, 'monday' AS order_date, 'x' AS _op_, 'a' AS tag, 'id,order_date,_op_,tag' AS _changed, 0 AS _sequence, 'c' AS _op, 10 AS _position
            UNION ALL SELECT 1, NULL, NULL, 'b', 'id,tag', 1, 'u', 11
            """);
        await lake.RunAllAsync();

        Assert.Equal(["1|monday|monday|x|b"], await lake.RowsAsync("SELECT id, day, day2, op, tag FROM silver.orders"));
    }

    [Fact]
    public async Task A_column_of_an_older_release_is_read_beside_the_one_that_it_is_renamed_to()
    {
        using var lake = new TestLake(TestGraph.Of("orders { from = bronze/crm/orders, columns { id { type = long }, day { type = string, from = \"order date\" } }, key = [id] }"));
        var written = new Field("order date", Apache.Arrow.Types.StringType.Default, nullable: true);
        await lake.AppendAsync("bronze/crm/orders", [written, .. TestLake.BronzeColumns("id long")], "SELECT 'monday' AS \"order date\", 1 AS id, 'c' AS _op, 10 AS _position");
        await lake.AppendAsync("bronze/crm/orders", [written, .. TestLake.BronzeColumns("id long", "order_date string")], "SELECT NULL::VARCHAR AS \"order date\", 2 AS id, 'tuesday' AS order_date, 'c' AS _op, 11 AS _position");
        await lake.RunAllAsync();

        Assert.Equal(["1|monday", "2|tuesday"], await lake.RowsAsync("SELECT id, day FROM silver.orders ORDER BY 1"));
    }

    private const string Documents = """
        pushes {
          from = bronze/events/pushes
          format = json
          columns {
            id { type = long }
            at { type = timestamp, path = "$['@timestamp']" }
            commit { type = string, path = "$.head-commit.id" }
            odd { type = string, path = "$['a b.c']['d']" }
            second { type = long, path = "$.files[1].size" }
            sizes { type = "array<long>", path = "$.files[*].size" }
            names { type = "array<string>", path = "$.files[*]['file-name']" }
            tags { type = "array<string>", path = "$.tags[*]" }
          }
          key = [id]
        }
        """;

    [Fact]
    public async Task Members_of_documents_are_found_by_any_name_and_items_of_arrays_all_at_once()
    {
        using var lake = new TestLake(TestGraph.Of(Documents));
        string[] values =
        [
            """{"id":1,"@timestamp":"2026-03-01T12:30:00Z","head-commit":{"id":"abc"},"a b.c":{"d":"x"},"files":[{"size":1,"file-name":"a"},{"size":2},{"file-name":"c","size":15}],"tags":["u","v",null]}""",
            """{"id":2,"files":[],"tags":"none"}""",
            """{"id":3,"files":[{"size":"many"}]}""",
            """{"id":4,"files":{"size":1}}""",
            """{"id":5,"files":[7,"text",null,{"size":3}]}""",
        ];
        await lake.AppendAsync("bronze/events/pushes", TestLake.BronzeColumns("value string"), $"SELECT * FROM (VALUES {string.Join(", ", values.Select((value, i) => $"('{value}', 'c', {i})"))}) AS v(value, _op, _position)");
        await lake.RunAllAsync();

        Assert.Equal(
        [
            "1|2026-03-01 12:30:00|abc|x|2|[1, 2, 15]|[a, NULL, c]|[u, v, NULL]",
            "2|||||[]|[]|",
            "4|||||||",
            "5|||||[NULL, NULL, NULL, 3]|[NULL, NULL, NULL, NULL]|",
        ], await lake.RowsAsync("SELECT id, \"at\", \"commit\", odd, second, CAST(sizes AS VARCHAR), CAST(names AS VARCHAR), CAST(tags AS VARCHAR) FROM silver.pushes ORDER BY id"));
        // What is no array has no items; an item that has no value of the type sets its row aside.
        Assert.Equal(["3|type:sizes"], await lake.RowsAsync("SELECT id, _rules FROM silver.pushes__quarantine ORDER BY id"));
    }

    [Fact]
    public async Task Spark_is_asked_for_them_in_its_own_words()
    {
        var contract = TestGraph.Of(Documents).Silver[0];
        var sql = new SilverSql(contract, new Schema(TestLake.BronzeColumns("value string"), null), SqlDialect.Spark).Checked;

        Assert.Contains("'$[\\'@timestamp\\']'", sql, StringComparison.Ordinal);
        Assert.Contains("'$[\\'head-commit\\'].id'", sql, StringComparison.Ordinal);
        Assert.Contains("'$.files[1].size'", sql, StringComparison.Ordinal);
        Assert.Contains("'$[\\'file-name\\']'", sql, StringComparison.Ordinal);
        await SparkGrammar.AcceptsAsync([("pushes", sql)]);
    }
}
