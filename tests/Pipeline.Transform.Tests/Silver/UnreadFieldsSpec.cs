using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Testing;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Rebuild;
using Pipeline.Transform.Silver;
using Pipeline.Transform.Tests.Coordination;

namespace Pipeline.Transform.Tests.Silver;

/// <summary>Members of JSON records that no column of a contract reads are told, by name and type and never by value.</summary>
public sealed class UnreadFieldsSpec : IDisposable
{
    private const string Table = "silver/log_of_events";

    private const string Contract = """
        log_of_events {
          from = bronze/app/events, format = json, key = [id]
          columns { id { type = long }, os { type = string, path = "$.device.os" }, skus { type = "array<string>", path = "$.lines[*].sku" }, whole { type = string, path = "$.whole" }, of_two { type = string, value = "coalesce(one, path('$.two.part'))" } }
        }
        """;

    private static readonly IReadOnlyList<Field> Columns = TestLake.BronzeColumns("value string");

    private readonly TestLake _lake = new(TestGraph.Of(Contract));

    private int _position;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task A_field_is_told_once_with_count_type_and_path_whoever_makes_the_next_run()
    {
        var first = await RunAsync(1000, """{"id":#,"os":1,"whole":{"a":1},"one":"x","two":{"part":"y"},"device":{"os":"linux"},"lines":[{"sku":"s"}]}""");
        var second = await RunAsync(1000, """{"id":#,"city":"Bern","age":4#,"device":{"os":"linux","model":"m"},"lines":[{"sku":"s","price":1.5}],"two":{"part":"y","other":true}}""");
        using var later = _lake.With(_lake.Graph);
        var third = await RunAsync(1000, """{"id":#,"city":"Graz","age":5,"zip":null}""", later);
        var fourth = await RunAsync(10, """{"id":#,"city":"Graz","zip":8000}""", later);

        Assert.Equal(["$.os (long, 1,000 records)"], Told(first));
        Assert.Equal(["$.age (long, 1,000 records)", "$.city (string, 1,000 records)", "$.device.model (string, 1,000 records)", "$.lines[*].price (array<double>, 1,000 records)", "$.two.other (boolean, 1,000 records)"], Told(second));
        Assert.Null(third.Fields);
        Assert.Equal(["$.zip (long, 10 records)"], Told(fourth));
    }

    [Theory]
    [InlineData("1", "2.5", "$.f (double, 2 records)", "f { type = double, path = \"$.f\" }")]
    [InlineData("-1", "18446744073709551615", "$.f (long, 2 records)", "f { type = long, path = \"$.f\" }")]
    [InlineData("true", "null", "$.f (boolean, 1 record)", "f { type = boolean, path = \"$.f\" }")]
    [InlineData("1", "\"one\"", "$.f (string, 2 records)", "f { type = string, path = \"$.f\" }")]
    [InlineData("true", "1", "$.f (string, 2 records)", "f { type = string, path = \"$.f\" }")]
    [InlineData("{\"a\":1}", "{}", "$.f (string, 2 records)", "f { type = string, path = \"$.f\" }")]
    [InlineData("[1]", "[]", "$.f[*] (array<string>, 2 records)", "f { type = \"array<string>\", path = \"$.f[*]\" }")]
    [InlineData("[1]", "1", "$.f (string, 2 records)", "f { type = string, path = \"$.f\" }")]
    public async Task A_type_takes_all_values_that_were_seen(string one, string other, string told, string line)
    {
        await AppendAsync(1, $$"""{"id":1,"f":{{one}}}""");
        await AppendAsync(1, $$"""{"id":2,"f":{{other}}}""");

        var field = Assert.Single((await _lake.RunAsync(Table))!.Fields!.Told);

        Assert.Equal((told, line), (field.ToString(), field.LineFor(_lake.Graph.Silver[0])));
    }

    [Fact]
    public async Task The_line_that_takes_a_field_is_one_that_can_be_written()
    {
        (string Member, string Path, string Column)[] fields =
        [
            ("someName", "$.someName", "some_name"), ("head-commit", "$.head-commit", "head_commit"), ("@timestamp", "$.@timestamp", "timestamp"), ("a name", "$['a name']", "a_name"), ("a.b", "$['a.b']", "a_b"),
            ("5", "$.5", "field_5"), ("Größe", "$.Größe", "gr_e"), ("ID", "$.ID", "id_2"), ("os", "$.os", "os_2"),
        ];
        await AppendAsync(1, $$"""{"id":1,{{string.Join(',', fields.Select(field => $"\"{field.Member}\":\"of {field.Member}\""))}}}""");
        var told = (await _lake.RunAsync(Table))!.Fields!.Told;
        var lines = told.Select(field => field.LineFor(_lake.Graph.Silver[0])).ToList();
        Assert.Equal(fields.Select(field => $"{field.Column} {{ type = string, path = \"{field.Path}\" }}").Order(StringComparer.Ordinal), lines.Order(StringComparer.Ordinal));

        using var taken = _lake.With(TestGraph.Of(Contract.Replace("columns { ", $"columns {{ {string.Join(", ", lines)}, ", StringComparison.Ordinal)));
        Assert.Empty(UnreadFields.Of((await _lake.Lake.TryOpenAsync(TableId.Parse(Table), Cancel))!.Current).For(taken.Graph.Silver[0]));
        Assert.True(await new ChangedTables(taken.Tables, taken.Graph, taken.Options).RebuildAsync(TableId.Parse(Table), taken.Time, _ => { }, _ => { }, Cancel));

        Assert.Equal([string.Join('|', fields.Select(field => $"of {field.Member}"))], await taken.RowsAsync($"SELECT {string.Join(", ", fields.Select(field => field.Column))} FROM silver.log_of_events"));
        Assert.Equal(UnreadFields.None, UnreadFields.Of((await taken.Lake.TryOpenAsync(TableId.Parse(Table), Cancel))!.Current));
    }

    [Fact]
    public async Task Names_that_are_data_are_counted_and_not_told_without_end()
    {
        await AppendAsync(1, $$"""{"id":1,{{string.Join(",", Enumerable.Range(0, 70).Select(i => $"\"user{i}\":1"))}},"a\"quote":1,"{{new string('x', 200)}}":1}""");
        var first = (await _lake.RunAsync(Table))!.Fields!;
        await AppendAsync(1, $$"""{"id":2,{{string.Join(",", Enumerable.Range(70, 70).Select(i => $"\"user{i}\":1"))}}}""");
        var second = (await _lake.RunAsync(Table))!.Fields;

        Assert.Equal((UnreadFields.ToldMax, 22), (first.Told.Length, first.More));
        Assert.Null(second);
    }

    [Fact]
    public async Task Broken_repeated_and_large_records_end_no_run_and_hide_no_field()
    {
        foreach (var record in (string[])["{\"id\":1,\"a\":1,\"a\":2,\"A\":3}", "{\"id\":2,", "[1]", "", "{\"id\":3,\"device\":7,\"lines\":[],\"b\":1}"]) await AppendAsync(1, record);
        await AppendAsync(1, $$"""{"id":4,"large":"{{new string('x', UnreadFieldsSql.DocumentBytesMax)}}"}""");
        await AppendAsync(1, """{"id":5,"gone":1}""", op: "d");

        var told = Told((await _lake.RunAsync(Table))!);

        Assert.Equal(["$.A", "$.a", "$.b"], told.Select(field => field.Split(' ')[0]).Order(StringComparer.Ordinal));
        Assert.Equal(["3", "4"], await _lake.RowsAsync("SELECT id FROM silver.log_of_events WHERE id IN (3, 4) ORDER BY id"));
    }

    [Fact]
    public async Task A_contract_that_ignores_fields_is_told_none_and_forgets_those_that_were()
    {
        await RunAsync(1, """{"id":#,"city":"Bern"}""");
        var graph = TestGraph.Of(Contract.Replace("format = json", "format = json, fields = ignore", StringComparison.Ordinal));
        using var ignoring = _lake.With(graph);
        Assert.Empty(UnreadFields.Of((await _lake.Lake.TryOpenAsync(TableId.Parse(Table), Cancel))!.Current).For(graph.Silver[0]));

        Assert.Null((await RunAsync(1, """{"id":#,"zip":1}""", ignoring)).Fields);

        Assert.Equal(0, UnreadFields.Of((await ignoring.Lake.TryOpenAsync(TableId.Parse(Table), Cancel))!.Current).Count);
    }

    [Fact]
    public async Task A_document_in_a_column_is_looked_at_and_the_technical_and_whole_ones_are_not()
    {
        using var lake = _lake.With(TestGraph.Of("""
            things {
              from = bronze/app/things, key = [id]
              columns { id { type = long }, a { type = string, from = payload, path = "$.a" }, k { type = string, from = _key, path = "$.k" }, extra { type = string }, e { type = string, from = extra, path = "$.e" } }
            }
            """));
        await lake.AppendAsync("bronze/app/things", TestLake.BronzeColumns("id long", "payload string", "_key string", "extra string"),
            """SELECT 1::BIGINT AS id, '{"a":"x","b":1}' AS payload, '{"k":"x","l":1}' AS _key, '{"e":1,"f":1}' AS extra, 'c' AS _op, 1::BIGINT AS _position""");

        var field = Assert.Single((await lake.RunAsync("silver/things"))!.Fields!.Told);

        Assert.Equal("b { type = long, from = payload, path = \"$.b\" }", field.LineFor(lake.Graph.Silver[0]));
    }

    [Fact]
    public async Task No_value_of_a_record_comes_with_its_fields()
    {
        const string Token = "planted-0123456789abcdef";
        using var lake = _lake.With(TestGraph.Of(Contract.Replace("os { type = string", "os { type = string, mask = hash", StringComparison.Ordinal)));
        var told = await RunAsync(1, $$"""{"id":#,"city":"{{Token}}","device":{"os":"{{Token}}","owner":{"mail":"{{Token}}"} } }""", lake);

        Assert.Equal(["$.city (string, 1 record)", "$.device.owner (string, 1 record)"], Told(told));
        Assert.DoesNotContain(Token, told.ToJson(), StringComparison.Ordinal);
        Assert.DoesNotContain(Token, UnreadFields.Of((await lake.Lake.TryOpenAsync(TableId.Parse(Table), Cancel))!.Current).ToJson(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_that_was_cut_off_behind_its_first_commit_tells_what_it_has_found_when_it_is_finished()
    {
        await AppendAsync(1, """{"id":1,"city":"Bern"}""");
        var pins = (await _lake.Planner.PlanAsync(TableId.Parse(Table), Cancel))!;
        _lake.Jobs.BeforeCommit = table =>
        {
            if (table == QualityTable.Id) throw new IOException("killed");
        };
        await Assert.ThrowsAsync<IOException>(() => _lake.RunAsync(pins));
        _lake.Jobs.BeforeCommit = null;

        Assert.Equal(["$.city (string, 1 record)"], Told(await _lake.RunAsync(pins)));
    }

    [Fact]
    public async Task A_node_says_it_in_one_line_with_the_contracts_and_measures_it()
    {
        using var figures = new Measurements();
        await AppendAsync(3, """{"id":#,"cityName":"Bern","age":3}""");
        string[] said;
        await using (var node = await CoordinatorNode.StartAsync(_lake, _lake.Jobs))
        {
            await node.UntilAsync(tables => tables.Single().Rows == 3);
            await AppendAsync(3, """{"id":#,"cityName":"Graz","age":3}""");
            await node.UntilAsync(tables => tables.Single().Rows == 6);
            said = await node.SaidAsync();
            Assert.Equal(2d, figures.Observe(Instruments.UnreadFields, Table));
        }

        var line = Assert.Single(said, line => line.Contains("no column reads", StringComparison.Ordinal));
        Assert.Contains($"Table {Table}: records have 2 fields that no column reads: $.age (long, 3 records), $.cityName (string, 3 records). To take one, write into its columns e.g. age {{ type = long, path = \"$.age\" }}; ", line, StringComparison.Ordinal);
    }

    private static IReadOnlyList<string> Told(JobResult result) => [.. result.Fields!.Told.Select(field => field.ToString())];

    /// <param name="record">With <c>#</c> for its number.</param>
    private async Task<JobResult> RunAsync(int records, string record, TestLake? lake = null)
    {
        await AppendAsync(records, record);
        return (await (lake ?? _lake).RunAsync(Table))!;
    }

    private async Task AppendAsync(int records, string record, string op = "c")
    {
        await _lake.AppendAsync("bronze/app/events", Columns, $"SELECT replace('{record}', '#', CAST(i AS VARCHAR)) AS value, '{op}' AS _op, i AS _position FROM range({_position + 1}, {_position + 1 + records}) AS t(i)");
        _position += records;
    }
}
