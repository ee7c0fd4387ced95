using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Tests.Coordination;

namespace Pipeline.Transform.Tests.Jobs;

public sealed class TableDescriptionsSpec : IDisposable
{
    private const string Columns = "user_id { type = long, description = \"Given out once.\" }, name { type = string, classification = personal, mask = hash, description = \"As \\\"they\\\" say.\" }, city { type = string }";

    private const string Query = "SELECT city, CAST(COUNT(*) AS BIGINT) AS users FROM silver.users GROUP BY city";

    private static readonly IReadOnlyList<Apache.Arrow.Field> Users = TestLake.BronzeColumns("user_id long", "name string", "city string");

    private readonly TestLake _lake = new(Graph("Who is known.", Columns, "description = \"How many live where.\", columns { users { description = \"Of silver/users.\" } }"));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task What_is_said_of_tables_and_columns_stands_in_the_Delta_log_as_others_look_for_it()
    {
        await RunAsync();

        Assert.Equal(("Who is known.", "user_id: Given out once.; name: As \"they\" say."), await SaidAsync("silver/users"));
        Assert.Equal(("How many live where.", "users: Of silver/users."), await SaidAsync("gold/cities"));
        // What else a column says of itself stays.
        var name = (await MetadataAsync("silver/users"))["name"]!["metadata"]!;
        Assert.Equal("none", (string?)name["pipeline.statistics"]);
        Assert.NotNull((string?)name["pipeline.maskKey"]);
    }

    [Fact]
    public async Task Changed_words_are_one_commit_of_metadata_and_no_run()
    {
        await RunAsync();
        var before = await RowsAsync();
        using var changed = _lake.With(Graph("Who was ever known.", Columns.Replace("Given out once.", "Never given twice.", StringComparison.Ordinal).Replace("As \\\"they\\\" say.", "", StringComparison.Ordinal), "columns { users { description = \"All of them.\" } }"));
        var descriptions = new TableDescriptions(changed.Tables, changed.Graph);

        var written = new List<bool>();
        foreach (var table in (string[])["silver/users", "gold/cities", "silver/users", "gold/cities"]) written.Add(await descriptions.BringAsync(TableId.Parse(table), Cancel));

        Assert.Equal([true, true, false, false], written);
        Assert.Null(await changed.Planner.PlanAsync(TableId.Silver("users"), Cancel));
        Assert.Equal(("Who was ever known.", "user_id: Never given twice."), await SaidAsync("silver/users"));
        // Nothing is configured for the table any more: what stands there stays.
        Assert.Equal(("How many live where.", "users: All of them."), await SaidAsync("gold/cities"));
        foreach (var table in (string[])["silver/users", "gold/cities"]) Assert.Equal(["commitInfo", "metaData"], await LastCommitAsync(table));
        Assert.Equal(before, await RowsAsync());
        // And the next run is a run like any other.
        await AppendAsync(2, "Bo");
        await changed.RunAllAsync();
        Assert.Equal(("Who was ever known.", "user_id: Never given twice."), await SaidAsync("silver/users"));
        Assert.Equal(2, (await RowsAsync()).Count);
    }

    [Fact]
    public async Task A_node_that_starts_with_other_words_writes_them_down_without_new_rows()
    {
        await RunAsync();
        using var changed = _lake.With(Graph("Everybody.", Columns, "description = \"\""));
        await using (var node = await CoordinatorNode.StartAsync(changed, changed.Jobs))
            while (await SaidAsync("silver/users") is not ("Everybody.", _) || await SaidAsync("gold/cities") is not (null, _)) await Task.Delay(20, Cancel);

        Assert.Equal((null, "users: Of silver/users."), await SaidAsync("gold/cities"));
    }

    private async Task RunAsync()
    {
        await AppendAsync(1, "Ada");
        await _lake.RunAllAsync();
    }

    private Task<long> AppendAsync(int id, string name) =>
        _lake.AppendAsync("bronze/app/users", Users, $"SELECT {id}::BIGINT AS user_id, '{name}' AS name, 'Bern' AS city, 'c' AS _op, {id}::BIGINT AS _position");

    private Task<IReadOnlyList<string>> RowsAsync() => _lake.RowsAsync("SELECT user_id, name, city FROM silver.users ORDER BY 1");

    private async Task<(string? Table, string Columns)> SaidAsync(string table)
    {
        var columns = await MetadataAsync(table);
        return ((await _lake.Lake.TryOpenAsync(TableId.Parse(table), Cancel))!.Current.Metadata.Description, string.Join("; ", columns.Where(column => column.Value["metadata"]!["comment"] is not null).Select(column => $"{column.Key}: {column.Value["metadata"]!["comment"]}")));
    }

    /// <summary>The schema's fields as the log has them.</summary>
    private async Task<Dictionary<string, JsonNode>> MetadataAsync(string table) =>
        JsonNode.Parse((await _lake.Lake.TryOpenAsync(TableId.Parse(table), Cancel))!.Current.Metadata.SchemaString)!["fields"]!.AsArray().ToDictionary(field => (string)field!["name"]!, field => field!);

    private async Task<IEnumerable<string>> LastCommitAsync(string table)
    {
        var made = (await _lake.Lake.TryOpenAsync(TableId.Parse(table), Cancel))!;
        var entry = System.Text.Encoding.UTF8.GetString((await _lake.Lake.Store.TryGetAsync($"{table}/_delta_log/{made.Current.Version:D20}.json", Cancel))!);
        return entry.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!.AsObject().Single().Key);
    }

    private static Pipeline.Transform.Graph.TransformGraph Graph(string description, string columns, string gold) => TestGraph.Of(
        $"users {{ from = bronze/app/users, description = \"{description}\", columns {{ {columns} }}, key = [user_id] }}",
        $"cities {{ sql = \"cities.sql\", key = [city], materialization = merge, {gold} }}", ("cities.sql", Query));
}
