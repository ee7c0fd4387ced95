using Apache.Arrow;

namespace Pipeline.Transform.Tests.Silver;

/// <summary>Topics of change events: deletes, truncates and values that a change leaves out, with records of several partitions.</summary>
public sealed class ChangeTopicSpec
{
    private const string Contract = """
        users {
          from = bronze/events/users
          format = json
          columns { id { type = long, required = true }, name { type = string, required = true }, note { type = string, path = "$['a note'].text" }, called { type = string, value = "coalesce(nick, name)" }, at { type = string, from = _key } }
          key = [id]
        }
        """;

    private static readonly IReadOnlyList<Field> Columns = TestLake.Declared(
        TestLake.BronzeColumns("_partition int", "_offset long", "_timestamp timestamp", "_key string", "value string", "_before string", "_changed string"), [.. RowOrderSpec.Roles, "value Document"]);

    [Theory]
    [InlineData(1, 1, false)]
    [InlineData(1, 4, false)]
    [InlineData(1, 4, true)]
    [InlineData(3, 1, false)]
    [InlineData(3, 4, false)]
    public async Task The_table_is_what_the_changes_say_one_after_the_other_however_they_are_cut(int partitions, int runs, bool isOneMoment)
    {
        using var lake = new TestLake(TestGraph.Of(Contract));
        var random = new Random(20261130 + partitions);
        var history = Enumerable.Range(0, 300).Select(i => new Change(random.Next(40) switch { 0 => 't', < 10 => 'd', < 30 => 'u', < 35 => 'r', _ => 'c' }, random.Next(15), $"n{i}", random.Next(3) == 0 ? null : $"x{i}", random.Next(4) == 0)).ToList();

        foreach (var part in Placed(history, partitions, isOneMoment).Chunk((history.Count + runs - 1) / runs))
        {
            await AppendAsync(lake, part);
            await lake.RunAllAsync();
        }

        Assert.Equal(Model(history), await lake.RowsAsync("SELECT id, name, note, called, \"at\" FROM silver.users ORDER BY 1"));
        Assert.Equal(["0"], await lake.RowsAsync("SELECT count(*) FROM silver.users__quarantine"));
    }

    [Theory]
    [InlineData(1, 3)]
    [InlineData(3, 1)]
    public async Task Changes_that_are_read_again_in_their_order_bring_nothing_back(int partitions, int runs)
    {
        using var lake = new TestLake(TestGraph.Of(Contract));
        var random = new Random(20261201 + partitions);
        var history = Enumerable.Range(0, 240).Select(i => new Change(random.Next(40) switch { 0 => 't', < 12 => 'd', < 30 => 'u', < 35 => 'r', _ => 'c' }, random.Next(15), $"n{i}", random.Next(3) == 0 ? null : $"x{i}", random.Next(4) == 0)).ToList();
        Assert.Contains(history[80..160], change => change.Op == 't');
        var placed = Placed(history, partitions, isOneMoment: false).ToList();
        await AppendAsync(lake, placed);
        await lake.RunAllAsync();

        foreach (var part in placed[80..160].Chunk((80 + runs - 1) / runs))
        {
            await AppendAsync(lake, part, reading: 1);
            await lake.RunAllAsync();
        }

        Assert.Equal(Model(history), await lake.RowsAsync("SELECT id, name, note, called, \"at\" FROM silver.users ORDER BY 1"));
    }

    [Fact]
    public async Task A_truncate_takes_the_rows_of_other_partitions_that_are_older_also_when_they_come_later()
    {
        using var lake = new TestLake(TestGraph.Of(Contract));
        // Offsets say nothing across partitions: partition 1 has few records, partition 0 many.
        await AppendAsync(lake, [At(0, 900, 1, new Change('c', 1, "a", null)), At(0, 901, 20, new Change('t', 0, "", null)), At(0, 902, 30, new Change('c', 2, "b", null))]);
        await lake.RunAllAsync();
        await AppendAsync(lake, [At(1, 0, 10, new Change('c', 3, "old", null)), At(1, 1, 25, new Change('c', 4, "new", null))]);
        await lake.RunAllAsync();

        Assert.Equal(["2|b", "4|new"], await lake.RowsAsync("SELECT id, name FROM silver.users ORDER BY 1"));
    }

    [Fact]
    public async Task A_row_that_waits_for_its_parent_is_gone_with_the_truncate_behind_it()
    {
        using var lake = new TestLake(TestGraph.Of("""
            users { from = bronze/events/users, format = json, columns { id { type = long }, name { type = string } }, key = [id], references = [{ column = name, table = silver/names }] }
            names { from = bronze/app/names, columns { name { type = string } }, key = [name] }
            """));
        var names = TestLake.BronzeColumns("name string");
        await lake.AppendAsync("bronze/app/names", names, "SELECT 'z' AS name, 'c' AS _op, CAST(0 AS BIGINT) AS _position");
        await AppendAsync(lake, [At(1, 5, 1, new Change('c', 1, "late", null)), At(1, 6, 9, new Change('c', 2, "late", null))]);
        await lake.RunAllAsync();
        await AppendAsync(lake, [At(0, 0, 5, new Change('t', 0, "", null))]);
        await lake.RunAllAsync();
        await lake.AppendAsync("bronze/app/names", names, "SELECT 'late' AS name, 'c' AS _op, CAST(1 AS BIGINT) AS _position");
        await lake.RunAllAsync();

        Assert.Equal(["2|late"], await lake.RowsAsync("SELECT id, name FROM silver.users ORDER BY 1"));
        Assert.Equal(["0"], await lake.RowsAsync("SELECT count(*) FROM silver.users__quarantine"));
    }

    [Fact]
    public async Task What_broke_a_rule_leaves_the_quarantine_with_the_truncate_behind_it()
    {
        using var lake = new TestLake(TestGraph.Of(Contract.Replace("key = [id]", "key = [id], rules = [{ name = short, check = \"length(name) < 4\" }]", StringComparison.Ordinal)));
        await AppendAsync(lake, [At(1, 5, 1, new Change('c', 1, "early", null)), At(1, 6, 9, new Change('c', 2, "after", null)), At(1, 7, 9, new Change('c', 3, "ok", null))]);
        await lake.RunAllAsync();
        await AppendAsync(lake, [At(0, 900, 5, new Change('t', 0, "", null))]);
        await lake.RunAllAsync();

        Assert.Equal(["3|ok"], await lake.RowsAsync("SELECT id, name FROM silver.users ORDER BY 1"));
        Assert.Equal(["2|short"], await lake.RowsAsync("SELECT id, _rules FROM silver.users__quarantine ORDER BY 1"));
    }

    [Fact]
    public async Task A_key_that_changes_leaves_the_old_row_and_makes_a_new_one()
    {
        using var lake = new TestLake(TestGraph.Of(Contract));
        await AppendAsync(lake, [At(0, 0, 1, new Change('c', 1, "a", "n")), At(0, 1, 2, new Change('d', 1, "", null)), At(0, 2, 3, new Change('d', 1, "", null)), At(0, 3, 4, new Change('c', 2, "a", "n"))]);
        await lake.RunAllAsync();

        Assert.Equal(["2|a|n"], await lake.RowsAsync("SELECT id, name, note FROM silver.users ORDER BY 1"));
    }

    /// <summary>One change after the other.</summary>
    private static IEnumerable<string> Model(IEnumerable<Change> history)
    {
        var rows = new SortedDictionary<int, (string Name, string? Note, string Both)>();
        foreach (var change in history)
        {
            if (change.Op == 't') rows.Clear();
            else if (change.Op == 'd') rows.Remove(change.Id);
            else if (change.IsPartial && change.Op == 'u') rows[change.Id] = (change.Name, rows.TryGetValue(change.Id, out var row) ? row.Note : null, change.Name);
            else rows[change.Id] = (change.Name, change.Note, change.Name);
        }

        return rows.Select(row => $"{row.Key}|{row.Value.Name}|{row.Value.Note}|{row.Value.Both}|k{row.Key}");
    }

    private static IEnumerable<string> Placed(IEnumerable<Change> history, int partitions, bool isOneMoment)
    {
        var offsets = new long[partitions];
        var at = 0;
        foreach (var change in history)
        {
            at++;
            var partition = change.Op == 't' ? 0 : change.Id % partitions;
            yield return At(partition, offsets[partition]++, isOneMoment ? 1 : at, change);
        }
    }

    private static string At(int partition, long offset, int second, Change change)
    {
        var value = change.Op switch
        {
            't' => "NULL",
            'd' => $$"""'{"id":{{change.Id}},"name":null}'""",
            'u' when change.IsPartial => $$"""'{"id":{{change.Id}},"name":"{{change.Name}}","nick":null,"a note":"__debezium_unavailable_value"}'""",
            _ => $$"""'{"id":{{change.Id}},"name":"{{change.Name}}","a note":{"text":{{(change.Note is null ? "null" : $"\"{change.Note}\"")}}} }'""",
        };
        var changed = change is { Op: 'u', IsPartial: true } ? "'id,name,nick'" : "NULL";
        return $"({partition}, {offset}, {second}, {(change.Op == 't' ? "NULL" : $"'k{change.Id}'")}, {value}, {changed}, '{change.Op}')";
    }

    private static async Task AppendAsync(TestLake lake, IEnumerable<string> rows, int? reading = null) => await lake.AppendAsync("bronze/events/users", reading is null ? Columns : [Core.BronzeColumns.ReadingField, .. Columns], $"""
        SELECT {(reading is { } epoch ? $"{epoch} AS _reading, " : "")}CAST(_partition AS INTEGER) AS _partition, CAST(_offset AS BIGINT) AS _offset, make_timestamptz(second * 1000000) AS _timestamp, CAST(_key AS VARCHAR) AS _key, CAST(value AS VARCHAR) AS value,
          CAST(NULL AS VARCHAR) AS _before, CAST(_changed AS VARCHAR) AS _changed, _op, CAST(_offset AS BIGINT) AS _position
        FROM (VALUES {string.Join(", ", rows)}) AS v(_partition, _offset, second, _key, value, _changed, _op)
        """);

    private sealed record Change(char Op, int Id, string Name, string? Note, bool IsPartial = false);
}
