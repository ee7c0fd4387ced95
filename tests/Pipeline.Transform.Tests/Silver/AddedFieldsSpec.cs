using System.Globalization;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Testing;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Rebuild;
using Pipeline.Transform.Silver;
using Pipeline.Transform.Tests.Coordination;

namespace Pipeline.Transform.Tests.Silver;

/// <summary>With <c>fields = add</c> members of JSON records that no column reads become columns by themselves.</summary>
public sealed class AddedFieldsSpec : IDisposable
{
    private const string Table = "silver/events";

    private static readonly IReadOnlyList<Field> Columns = TestLake.BronzeColumns("value string");

    private readonly TestLake _lake = new(Graph());

    private int _position;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task A_column_comes_by_itself_is_told_once_and_is_as_if_the_contract_had_it_from_the_start()
    {
        string[] records = ["""{"id":1}""", """{"id":2,"cityName":"Bern","age":4,"ok":true,"share":0.5,"ID":"x","tags":["a"],"device":{"os":"linux","model":"m"},"whole":{"a":1}}""", """{"id":3,"cityName":"Graz"}"""];
        foreach (var record in records) await AppendAsync(record);
        var first = await _lake.RunAsync(Table);

        Assert.Equal(["age long ($.age)", "city_name string ($.cityName)", "id_2 string ($.ID)", "model string ($.device.model)", "ok boolean ($.ok)", "share double ($.share)", "tags string ($.tags)", "whole string ($.whole)"],
            first!.Added!.Columns.Select(column => column.ToString()).Order(StringComparer.Ordinal));
        Assert.Null(first.Fields);

        // Whoever opens the lake next knows it.
        using var later = _lake.With(Graph());
        Assert.Equal(8, (await SaidAsync(later)).Count(change => change.EndsWith("added FillColumns", StringComparison.Ordinal)));
        await FollowAsync(later);
        Assert.Empty(await SaidAsync(later));
        await AppendAsync("""{"id":4,"age":5,"zip":null}""");
        var second = await later.RunAsync(Table);
        Assert.Null(second!.Added ?? (object?)second.Fields);
        Assert.Empty(await SaidAsync(later));

        using var written = new TestLake(Graph("tell", "age { type = long }, city_name { type = string, path = \"$.cityName\" }, id_2 { type = string, path = \"$.ID\" }, model { type = string, path = \"$.device.model\" }, ok { type = boolean }, share { type = double }, tags { type = string }, whole { type = string }"));
        foreach (var (record, i) in records.Append("""{"id":4,"age":5,"zip":null}""").Select((record, i) => (record, i + 1))) await AppendAsync(record, written, i);
        await written.RunAllAsync();
        const string all = "SELECT id, age, city_name, id_2, model, ok, share, tags, whole FROM silver.events ORDER BY id";
        Assert.Equal(await written.RowsAsync(all), await later.RowsAsync(all));
        Assert.Contains("2|4|Bern|x|m|true|0.5|[\"a\"]|{\"a\":1}", await later.RowsAsync(all));
        // Gold goes on with the columns that it knows.
        await later.RunAllAsync();
        Assert.Equal(["4"], await later.RowsAsync("SELECT n FROM gold.counted"));
    }

    [Fact]
    public async Task Of_a_record_of_which_no_column_reads_anything_all_members_become_columns()
    {
        using var lake = new TestLake(TestGraph.Of("events { from = bronze/app/events, format = json, fields = add, key = [at], columns { at { type = long, from = _position } } }"));
        await AppendAsync("{\"name\":\"Ada\",\"n\":1}", lake, 1);

        await RunAsync(lake);

        Assert.Equal(["1|1|Ada"], await lake.RowsAsync("SELECT \"at\", n, name FROM silver.events"));
    }

    [Fact]
    public async Task A_type_becomes_wider_when_a_value_needs_it_never_narrower_and_no_row_stays_aside()
    {
        await AppendAsync("""{"id":1,"n":1,"f":0.5}""");
        await RunAsync();
        await AppendAsync("""{"id":2,"n":"many","f":true}""");
        var wider = await _lake.RunAsync(Table);
        Assert.Equal(["f string ($.f)", "n string ($.n)"], wider!.Added!.Columns.Select(column => column.ToString()).Order(StringComparer.Ordinal));
        await FollowAsync(_lake);
        await AppendAsync("""{"id":3,"n":3,"f":1}""");
        var third = await RunAsync();

        Assert.Null(third!.Added);
        Assert.Equal(["1|1|0.5", "2|many|true", "3|3|1"], await _lake.RowsAsync("SELECT id, n, f FROM silver.events ORDER BY id"));
        Assert.Empty(await _lake.RowsAsync("SELECT id FROM silver.events__quarantine"));
        Assert.Empty(await SaidAsync(_lake));
    }

    [Fact]
    public async Task What_is_written_into_the_contract_as_it_came_changes_nothing()
    {
        await AppendAsync("""{"id":1,"cityName":"Bern"}""");
        await RunAsync();

        using var named = _lake.With(Graph("add", "city_name { type = string, path = \"$.cityName\" }"));
        using var other = _lake.With(Graph("add", "town { type = string, path = \"$.cityName\" }"));

        Assert.Empty(await SaidAsync(named));
        // Under another name it is the contract's, and none comes beside it.
        Assert.Equal(["column town added FillColumns", "column city_name removed Rebuild"], await SaidAsync(other));
    }

    [Fact]
    public async Task A_contract_that_tells_again_makes_the_table_without_them()
    {
        await AppendAsync("""{"id":1,"cityName":"Bern"}""");
        await RunAsync();
        using var telling = _lake.With(Graph("tell"));

        Assert.Equal(["column city_name removed Rebuild"], await SaidAsync(telling));
        await FollowAsync(telling);

        Assert.Equal(["id", "os"], (await telling.Lake.TryOpenAsync(TableId.Parse(Table), Cancel))!.Current.Schema.FieldsList.Select(field => field.Name).Where(name => name[0] != '_'));
    }

    [Fact]
    public async Task What_is_met_only_while_the_table_is_made_anew_becomes_a_column_too()
    {
        await _lake.AppendAsync("bronze/app/events", Columns, $$"""SELECT '{"id":' || i || CASE WHEN i = {{UnreadFieldsSql.RowsMax + 5}} THEN ',"late":7' ELSE '' END || ',"city":"x"}' AS value, 'c' AS _op, CAST(i AS BIGINT) AS _position FROM range({{UnreadFieldsSql.RowsMax + 10}}) AS r(i)""");
        _position = 10_000;
        await RunAsync();
        await AppendAsync("""{"id":9999,"late":8}""");
        await RunAsync();

        Assert.Equal(["2005|7", "9999|8"], await _lake.RowsAsync("SELECT id, late FROM silver.events WHERE late IS NOT NULL ORDER BY id"));
    }

    [Fact]
    public async Task A_value_behind_the_look_that_is_none_of_the_type_makes_it_wider_before_the_table_takes_its_place()
    {
        using var lake = await WithOtherTypesBehindTheLookAsync();
        await lake.RunAsync(Table);

        Assert.Equal(["2005|many|[free]"], await RebuiltOnceAsync(lake));
        Assert.Empty(await SaidAsync(lake));
        Assert.False(await FollowAsync(lake));
        Assert.Null(await lake.RunAsync(Table));
    }

    [Fact]
    public async Task Cut_off_while_a_type_becomes_wider_it_goes_on_with_the_wider_one()
    {
        using var lake = await WithOtherTypesBehindTheLookAsync();
        await lake.RunAsync(Table);
        var (left, commits) = (0, 0);
        do
        {
            commits = left++;
            var rebuild = new TableRebuild(lake.Lake, lake.Graph, lake.Options, lake.Time) { BeforeCommit = _ => Assert.True(commits-- > 0, "cut off") };
            if (await Record.ExceptionAsync(() => rebuild.RunAsync(TableId.Parse(Table), withDependents: false, _ => { }, Cancel)) is { } cut) Assert.Equal("cut off", cut.Message);
            else break;
            // Whatever is there already, no row has left for a type.
            Assert.Empty(await lake.RowsAsync("SELECT id FROM silver.events__quarantine"));
        }
        while (left < 100);

        Assert.Equal(["2005|many|[free]"], await RebuiltOnceAsync(lake, isRebuilt: true));
        Assert.Empty(await SaidAsync(lake));
    }

    [Theory]
    [InlineData("long", "string", "string")]
    [InlineData("string", "long", "string")]
    [InlineData("long", "double", "string")]
    [InlineData("array<long>", "array<string>", "array<string>")]
    [InlineData("double", "double", "double")]
    public void Of_two_tables_of_a_contract_the_wider_type_stays(string one, string other, string wider)
    {
        var column = new AddedColumn("n", one, "value", IsRecord: true, "$.n");

        Assert.Equal(column with { Type = wider }, Assert.Single(new AddedColumns([column]).And(new AddedColumns([column with { Type = other }])).Columns));
        // Under its name another member is another column.
        Assert.Equal(column, Assert.Single(new AddedColumns([column]).And(new AddedColumns([column with { Type = other, Path = "$.m" }])).Columns));
    }

    [Fact]
    public async Task Names_that_are_data_become_a_bounded_number_of_columns()
    {
        await AppendAsync($$"""{"id":1,{{string.Join(",", Enumerable.Range(0, 70).Select(i => $"\"user{i}\":1"))}}}""");
        await RunAsync();
        await AppendAsync($$"""{"id":2,{{string.Join(",", Enumerable.Range(70, 70).Select(i => $"\"user{i}\":1"))}}}""");
        var second = await RunAsync();

        Assert.Null(second!.Added);
        Assert.Equal(UnreadFields.ToldMax, AddedColumns.Of((await _lake.Lake.TryOpenAsync(TableId.Parse(Table), Cancel))!.Current).Columns.Length);
    }

    [Fact]
    public void A_table_that_masks_takes_none_and_says_why()
    {
        var (_, problems) = TestGraph.Bind("users { from = bronze/app/users, format = json, fields = add\ncolumns { id { type = long }, email { type = string, mask = hash } }, key = [id] }");

        Assert.StartsWith("test.conf:2: silver.users.fields: add makes columns that nobody has classified, and 'email' has a mask", Assert.Single(problems).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_some_columns_are_about_people_those_that_come_have_no_bounds()
    {
        using var lake = _lake.With(Graph("add", "mail { type = string, classification = personal }"));
        await AppendAsync("""{"id":1,"mail":"a@x","cityName":"Bern"}""");
        await RunAsync(lake);

        Assert.DoesNotContain("city_name", await lake.BoundsAsync(TableId.Parse(Table)));
        Assert.Equal(["Bern"], await lake.RowsAsync("SELECT city_name FROM silver.events"));
    }

    [Fact]
    public async Task A_node_does_it_all_by_itself_and_says_so_once()
    {
        await AppendAsync("""{"id":1,"cityName":"planted-0123456789"}""");
        string[] said;
        await using (var node = await CoordinatorNode.StartAsync(_lake, _lake.Jobs))
        {
            using var deadline = new CancellationTokenSource(Deadlines.Test);
            while (!(await node.SaidAsync()).Any(line => line.StartsWith($"Table {Table} is made anew and up to date", StringComparison.Ordinal))) await Task.Delay(50, deadline.Token);
            await AppendAsync("""{"id":2,"cityName":"Graz"}""");
            await node.UntilAsync(tables => tables.Single(table => table.Table.Name == "events").Rows == 2);
            said = await node.SaidAsync();
        }

        Assert.Equal(["planted-0123456789", "Graz"], await _lake.RowsAsync("SELECT city_name FROM silver.events ORDER BY id"));
        Assert.Single(said, line => line.Contains($"Table {Table}: records have fields that no column reads. Since its contract has fields = add, columns take them: city_name string ($.cityName). ", StringComparison.Ordinal));
        Assert.Single(said, line => line.Contains("(column city_name added)", StringComparison.Ordinal));
        Assert.DoesNotContain(said, line => line.Contains("planted", StringComparison.Ordinal));
    }

    /// <summary>All that a run looks at are numbers; behind it there is a text for one, and one among the items of an array.</summary>
    private async Task<TestLake> WithOtherTypesBehindTheLookAsync()
    {
        await _lake.AppendAsync("bronze/app/events", Columns, $$"""
            SELECT '{"id":' || i || ',"n":' || CASE WHEN i = {{UnreadFieldsSql.RowsMax + 5}} THEN '"many"' ELSE '1' END || ',"lines":[{"sku":"a","price":' || CASE WHEN i = {{UnreadFieldsSql.RowsMax + 5}} THEN '"free"' ELSE '2' END || '}]}' AS value,
              'c' AS _op, CAST(i AS BIGINT) AS _position FROM range({{UnreadFieldsSql.RowsMax + 10}}) AS r(i)
            """);
        return _lake.With(Graph("add", "skus { type = \"array<string>\", path = \"$.lines[*].sku\" }"));
    }

    /// <summary>The row that has other types, once the table was made anew.</summary>
    private static async Task<IReadOnlyList<string>> RebuiltOnceAsync(TestLake lake, bool isRebuilt = false)
    {
        if (!isRebuilt) Assert.True(await FollowAsync(lake));
        Assert.Empty(await lake.RowsAsync("SELECT id FROM silver.events__quarantine"));
        Assert.Equal([$"{UnreadFieldsSql.RowsMax + 10}"], await lake.RowsAsync("SELECT count(*) FROM silver.events"));
        Assert.Equal(["n string ($.n)", "price array<string> ($.lines[*].price)"],
            AddedColumns.Of((await lake.Lake.TryOpenAsync(TableId.Parse(Table), Cancel))!.Current).Columns.Select(column => column.ToString()).Order(StringComparer.Ordinal));
        return await lake.RowsAsync("SELECT id, n, CAST(price AS VARCHAR) FROM silver.events WHERE n <> '1'");
    }

    private static TransformGraph Graph(string fields = "add", string columns = "") => TestGraph.Of(
        $"events {{ from = bronze/app/events, format = json, fields = {fields}, key = [id], columns {{ id {{ type = long }}, os {{ type = string, path = \"$.device.os\" }}, {columns} }} }}",
        "counted { sql = counted.sql }", ("counted.sql", "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM silver.events"));

    private static async Task<IReadOnlyList<string>> SaidAsync(TestLake lake) =>
        [.. (await new ChangedTables(lake.Tables, lake.Graph, lake.Options).SinceAsync(TableId.Parse(Table), Cancel)).Select(change => $"{change} {change.Meaning}")];

    private static Task<bool> FollowAsync(TestLake lake) => new ChangedTables(lake.Tables, lake.Graph, lake.Options).RebuildAsync(TableId.Parse(Table), lake.Time, _ => { }, _ => { }, Cancel).AsTask();

    /// <summary>As the coordinator does: until nothing is left to be done.</summary>
    private async Task<JobResult?> RunAsync(TestLake? lake = null)
    {
        lake ??= _lake;
        var result = await lake.RunAsync(Table);
        while (await FollowAsync(lake))
        {
        }

        return result;
    }

    private Task AppendAsync(string record) => AppendAsync(record, _lake, ++_position);

    private static async Task AppendAsync(string record, TestLake lake, int position) =>
        await lake.AppendAsync("bronze/app/events", Columns, string.Create(CultureInfo.InvariantCulture, $"SELECT '{record}' AS value, 'c' AS _op, CAST({position} AS BIGINT) AS _position"));
}
