using System.Globalization;
using Apache.Arrow;

namespace Pipeline.Transform.Tests.Silver;

/// <summary>A contract's own order, and records that cannot carry it: deletes with their key alone, changes of other columns.</summary>
public sealed class SilverOrderSpec
{
    private const string Contract = """
        users {
          from = bronze/app/users
          columns { user_id { type = long }, name { type = string }, updated_at { type = long } }
          key = [user_id]
          order-by = [updated_at]
        }
        """;

    private static readonly string[] Plain = ["user_id long", "name string", "updated_at long"];

    private static readonly IReadOnlyList<Field> Records = TestLake.Declared(TestLake.BronzeColumns(Plain), RowOrderSpec.Roles);
    private static readonly IReadOnlyList<Field> Changes = TestLake.Declared(TestLake.BronzeColumns([.. Plain, "_changed string", "_sequence long"]), RowOrderSpec.Roles);

    [Theory]
    [InlineData(false, 1)]
    [InlineData(false, 3)]
    [InlineData(true, 1)]
    [InlineData(true, 3)]
    public async Task A_delete_that_carries_its_key_alone_takes_what_came_before_it(bool isCapture, int runs)
    {
        using var lake = new TestLake(TestGraph.Of(Contract));
        // The second came at the source after the delete, with a clock that is behind; the third was written anew and deleted again.
        Record[] history =
        [
            new(1, "a", 50, 'c'), new(2, "b", 50, 'c'), new(3, "c", 50, 'c'), new(4, "d", 50, 'c'),
            new(1, null, null, 'd'), new(2, null, null, 'd'), new(3, null, null, 'd'), new(4, "e", 40, 'u'),
            new(2, "b2", 30, 'c'), new(3, "c2", 30, 'c'), new(3, null, null, 'd'),
        ];

        await RunAsync(lake, history, isCapture, runs);

        Assert.Equal(["2|b2|30", "4|d|50"], await lake.RowsAsync("SELECT user_id, name, updated_at FROM silver.users ORDER BY 1"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public async Task A_record_of_a_topic_without_a_value_deletes_the_row_of_its_key(int runs)
    {
        using var lake = new TestLake(TestGraph.Of("""
            users {
              from = bronze/events/users
              format = json
              columns { id { type = long, from = _key, path = "$.id" }, name { type = string }, at { type = long } }
              key = [id]
              order-by = [at]
            }
            """));
        var columns = TestLake.Declared(TestLake.BronzeColumns("_partition int", "_offset long", "_timestamp timestamp", "_key string", "value string"), [.. RowOrderSpec.Roles, "value Document"]);
        string[] rows =
        [
            """0, '{"id":1}', '{"name":"a","at":9}', 'c'""", """1, '{"id":2}', '{"name":"b","at":9}', 'c'""", """2, '{"id":1}', NULL, 'd'""", """3, '{"id":2}', NULL, 'd'""",
            """4, '{"id":2}', '{"name":"b2","at":1}', 'c'""", """5, 'x', NULL, 'd'""", """6, '{"id":3}', '{"name":"c"}', 'c'""", """7, NULL, NULL, 'c'""",
        ];
        foreach (var part in rows.Chunk(rows.Length / runs))
        {
            await lake.AppendAsync("bronze/events/users", columns, $"SELECT 0 AS _partition, CAST(_offset AS BIGINT) AS _offset, make_timestamptz(_offset * 1000000) AS _timestamp, CAST(_key AS VARCHAR) AS _key, CAST(value AS VARCHAR) AS value, _op, CAST(_offset AS BIGINT) AS _position FROM (VALUES {string.Join(", ", part.Select(row => $"({row})"))}) AS v(_offset, _key, value, _op)");
            await lake.RunAllAsync();
        }

        Assert.Equal(["2|b2|1", "3|c|"], await lake.RowsAsync("SELECT id, name, \"at\" FROM silver.users ORDER BY id"));
        Assert.Equal(["5|malformed_json", "7|malformed_json"], await lake.RowsAsync("SELECT _position, _rules FROM silver.users__quarantine ORDER BY 1"));
        Assert.Equal(["8|8"], await lake.RowsAsync("SELECT SUM(rows_in), SUM(accepted - replaced) + SUM(superseded + replaced) + SUM(deleted) + SUM(quarantined) FROM silver._quality"));
    }

    [Fact]
    public async Task A_row_that_comes_after_a_delete_and_was_before_it_stays_deleted()
    {
        using var lake = new TestLake(TestGraph.Of(Contract));
        await AppendAsync(lake, [(new Record(1, null, null, 'd'), 20)], isCapture: true);
        await lake.RunAllAsync();
        await AppendAsync(lake, [(new Record(1, "late", 99, 'c'), 10), (new Record(2, "other", 99, 'c'), 11)], isCapture: true);
        await lake.RunAllAsync();

        Assert.Equal(["2|other|99"], await lake.RowsAsync("SELECT user_id, name, updated_at FROM silver.users"));
    }

    [Fact]
    public async Task A_delete_that_carries_the_order_is_placed_by_it_where_the_source_has_no_log()
    {
        using var lake = new TestLake(TestGraph.Of(Contract));
        await RunAsync(lake, [new(1, "new", 50, 'c'), new(1, null, 40, 'd'), new(2, "old", 50, 'c'), new(2, null, 60, 'd')], isCapture: false, runs: 1);

        Assert.Equal(["1|new|50"], await lake.RowsAsync("SELECT user_id, name, updated_at FROM silver.users"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_change_that_leaves_the_order_out_changes_the_row_that_stands(int runs)
    {
        using var lake = new TestLake(TestGraph.Of(Contract));

        await RunAsync(lake, [new(1, "a", 50, 'c'), new(1, "b", null, 'u', "user_id,name"), new(1, "c", 40, 'u')], isCapture: true, runs);

        Assert.Equal(["1|b|50"], await lake.RowsAsync("SELECT user_id, name, updated_at FROM silver.users"));
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(false, 4)]
    [InlineData(true, 1)]
    [InlineData(true, 4)]
    public async Task The_table_is_what_its_words_say_after_any_history_however_it_is_cut(bool isCapture, int runs)
    {
        using var lake = new TestLake(TestGraph.Of(Contract));
        var random = new Random(20261130);
        var history = Enumerable.Range(0, 400).Select(i => random.Next(10) switch
        {
            < 3 => new Record(random.Next(60), null, null, 'd'),
            < 5 when isCapture => new Record(random.Next(60), $"n{i}", null, 'u', "user_id,name"),
            _ => new Record(random.Next(60), $"n{i}", random.Next(8) == 0 ? null : random.Next(5), 'u'),
        }).ToList();

        await RunAsync(lake, history, isCapture, runs);

        Assert.Equal(Model(history), await lake.RowsAsync("SELECT user_id, name, updated_at FROM silver.users ORDER BY 1"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task The_first_of_some_columns_is_known_where_those_before_it_are(int runs)
    {
        using var lake = new TestLake(TestGraph.Of("users { from = bronze/app/users, columns { user_id { type = long }, label { type = string, value = \"coalesce(label, name)\" } }, key = [user_id] }"));
        var columns = TestLake.Declared(TestLake.BronzeColumns("user_id long", "name string", "label string", "_changed string", "_sequence long"), RowOrderSpec.Roles);
        // The source calls it label from the third on.
        string[] rows = ["1, 'a', NULL, NULL", "3, 'z', NULL, NULL", "1, NULL, 'b', 'user_id,label'", "2, NULL, 'c', 'user_id,label'", "3, NULL, NULL, 'user_id,label'", "4, 'n', NULL, 'user_id,name'"];
        foreach (var part in rows.Select((row, i) => $"({row}, {i})").Chunk(rows.Length / runs))
        {
            await lake.AppendAsync("bronze/app/users", columns, $"SELECT CAST(user_id AS BIGINT) AS user_id, CAST(name AS VARCHAR) AS name, CAST(label AS VARCHAR) AS label, CAST(_changed AS VARCHAR) AS _changed, CAST(0 AS BIGINT) AS _sequence, 'u' AS _op, CAST(_position AS BIGINT) AS _position FROM (VALUES {string.Join(", ", part)}) AS v(user_id, name, label, _changed, _position)");
            await lake.RunAllAsync();
        }

        Assert.Equal(["1|b", "2|c", "3|z", "4|"], await lake.RowsAsync("SELECT user_id, label FROM silver.users ORDER BY 1"));
    }

    /// <summary>One record after the other: a delete empties its key, what does not say how new it is is as new as what stands, the newest wins and of two alike the later.</summary>
    private static IEnumerable<string> Model(IReadOnlyList<Record> history)
    {
        foreach (var key in history.GroupBy(record => record.Id).OrderBy(group => group.Key))
        {
            (string? Name, int? At)? row = null;
            foreach (var record in key)
            {
                if (record.Op == 'd') row = null;
                else if (record.Changed is not null) row = (record.Name, row?.At);
                else if (row is null || (record.At ?? int.MinValue) >= (row.Value.At ?? int.MinValue)) row = (record.Name, record.At);
            }

            if (row is var (name, at)) yield return $"{key.Key}|{name}|{at}";
        }
    }

    private static async Task RunAsync(TestLake lake, IReadOnlyList<Record> history, bool isCapture, int runs)
    {
        foreach (var part in history.Select((record, i) => (record, i + 1)).Chunk((history.Count + runs - 1) / runs))
        {
            await AppendAsync(lake, part, isCapture);
            await lake.RunAllAsync();
        }
    }

    private static Task AppendAsync(TestLake lake, IEnumerable<(Record Record, int Position)> records, bool isCapture)
    {
        var rows = records.Select(one => $"({one.Record.Id}, {Text(one.Record.Name)}, {one.Record.At?.ToString(CultureInfo.InvariantCulture) ?? "NULL"}, {(isCapture ? $"{Text(one.Record.Changed)}, 0, " : "")}'{one.Record.Op}', {one.Position})");
        var columns = isCapture ? "user_id, name, updated_at, _changed, _sequence" : "user_id, name, updated_at";
        return lake.AppendAsync("bronze/app/users", isCapture ? Changes : Records,
            $"SELECT * REPLACE (CAST(name AS VARCHAR) AS name, CAST(updated_at AS BIGINT) AS updated_at{(isCapture ? ", CAST(_changed AS VARCHAR) AS _changed" : "")}) FROM (VALUES {string.Join(", ", rows)}) AS v({columns}, _op, _position)");
    }

    private static string Text(string? value) => value is null ? "NULL" : $"'{value}'";

    private sealed record Record(int Id, string? Name, int? At, char Op, string? Changed = null);
}
