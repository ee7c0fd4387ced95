using System.Globalization;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;
using Pipeline.Node.Tests.Failures;
using Pipeline.Operations.Options;
using Pipeline.Testing;
using Pipeline.Transform.Models;

namespace Pipeline.Node.Tests.Cli;

public sealed class TestModelsSpec : IDisposable
{
    private const string Source = "app { type = kafka, bootstrap = \"127.0.0.1:1\", tables { people { topic = people } } }";

    private readonly ScratchDirectory _directory = new("test-models-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Every_table_that_is_shipped_does_what_its_tests_say()
    {
        var run = await NodeRun.OfAsync("test-models", "-o", "json", "--config", Path.Combine(Repository.Root, "hocon", "pipeline.conf"));

        Assert.True(run.ExitCode == ExitCode.Done, run.ToString());
        Assert.DoesNotContain("Without a test", run.Messages);
        Assert.All(run.Rows, test => Assert.True((bool)test!["ok"]!));
    }

    [Fact]
    public void Every_table_that_is_shipped_is_tried_with_a_late_row_a_delete_and_a_null()
    {
        var options = PipelineOptions.Load(Path.Combine(Repository.Root, "hocon", "pipeline.conf"), SourceKinds.All, lakeLocation: null, _ => null);
        var tests = ModelTestFile.Read(options.Graph, [.. options.Graph.Tables]).ToLookup(test => test.Table);

        foreach (var table in options.Graph.Tables)
        {
            Assert.True(tests[table].Count() >= 3, $"{table}");
            Assert.True(tests[table].Any(IsOfALateRow), $"{table} has no late row");
            Assert.True(tests[table].Any(IsOfADelete), $"{table} has no delete");
            Assert.True(tests[table].Any(test => test.Runs.SelectMany(run => run).Any(given => given.Rows.Rows.Any(row => row.Contains(null) || row.Any(value => value?.Text.Contains(":null", StringComparison.Ordinal) == true)))), $"{table} has no null");
        }
    }

    [Fact]
    public async Task A_table_that_is_not_as_it_is_expected_is_told_row_by_row_with_exit_code_3()
    {
        var config = await ConfigureAsync("""
            { "tests": {
                "right": { "given": { "silver/people": [ { "id": 1, "name": "Ada" } ] }, "expect": [ { "name": "Ada", "people": 1 } ] },
                "wrong": {
                  "given": [ { "silver/people": [ ["id", "name"], [1, "Ada"], [2, "Bo"] ] }, { "silver/people": [ ["id", "name"], [1, "Ada"], [3, "Cy"] ] } ],
                  "expect": [ { "name": "Ada", "people": 2 }, { "name": "Bo", "people": 1 } ]
                }
            } }
            """);

        var told = await NodeRun.OfAsync("test-models", "--config", config);
        var json = await NodeRun.OfAsync("test-models", "names", "-o", "json", "--config", config);

        Assert.Equal((ExitCode.Breached, ExitCode.Breached), (told.ExitCode, json.ExitCode));
        Assert.Contains("2 tests, 1 failed", told.Messages);
        Assert.Contains("Without a test: silver/people", told.Messages);
        Assert.Equal(
            [
                "gold/names: name = Ada other_value: people 2, 1",
                "gold/names: name = Bo, people = 1 missing",
                "gold/names: name = Cy, people = 1 unexpected",
            ], json.Rows[1]!["differences"]!.AsArray()
                .Select(difference => $"{difference!["table"]}: {difference["row"]} {difference["what"]}{(difference["column"] is { } column ? $": {column} {difference["expected"]}, {difference["actual"]}" : "")}"));
        Assert.Matches("wrong +gold/names +is another +name = Ada +people +2 +1", told.Data);
        Assert.Matches("wrong +gold/names +is missing +name = Bo, people = 1", told.Data);
    }

    [Fact]
    public async Task What_a_run_ends_with_can_be_expected()
    {
        var config = await ConfigureAsync("""
            { "tests": {
                "a name may not stand twice": { "given": { "silver/people": [ { "id": 1 }, { "id": 2 } ] }, "error": "with a null" },
                "but it does": { "given": { "silver/people": [ { "id": 1, "name": "Ada" } ] }, "error": "with a null" }
            } }
            """);

        var run = await NodeRun.OfAsync("test-models", "gold/names", "-o", "json", "--config", config);

        Assert.Equal((ExitCode.Breached, "true, false"), (run.ExitCode, string.Join(", ", run.Rows.Select(test => test!["ok"]!.ToJsonString()))));
    }

    [Fact]
    public async Task What_is_wrong_with_a_test_is_told_with_its_file()
    {
        var wrong = await ConfigureAsync("""
            { "tests": {
                "one": { "given": { "silver/peeple": [] }, "expect": [] },
                "two": { "gven": {}, "expect": [] },
                "three": { "given": { "silver/people": [ ["id", "name"], [1] ] }, "expect": [], "quarantine": [] }
            } }
            """);
        var cut = await ConfigureAsync("{ \"tests\": {\n\"one\": ");
        var misnamed = await ConfigureAsync("""{ "tests": { "one": { "given": { "silver/people": [ { "nam": "Ada" } ] }, "expect": [] }, "two": { "given": { "silver/people": [ { "id": "one" } ] }, "expect": [] } } }""");

        var runs = new List<NodeRun>();
        foreach (var config in (string[])[wrong, cut, misnamed]) runs.Add(await NodeRun.OfAsync("test-models", "--config", config));

        Assert.Equal([ExitCode.Usage, ExitCode.Usage, ExitCode.Breached], runs.Select(run => run.ExitCode));
        Assert.Contains("one.given[0].silver/peeple: gold/names is not made from it. Did you mean 'silver/people'? It is made from silver/people", runs[0].Messages);
        Assert.Contains("two.gven: there is no such setting. Did you mean 'given'?", runs[0].Messages);
        Assert.Contains("three.given[0].silver/people[1]: has 1 value for 2 columns", runs[0].Messages);
        Assert.Contains("three.quarantine: gold/names has no quarantine", runs[0].Messages);
        Assert.Contains("names.test.json:2: it is no JSON", runs[1].Messages);
        Assert.Contains("has no column 'nam'. Did you mean 'name'?", runs[2].Data);
        Assert.Contains("has in its row 1 for column id one, which is no long", runs[2].Data);
    }

    [Fact]
    public async Task A_selector_that_means_no_table_is_told_with_the_nearest()
    {
        var config = await ConfigureAsync("""{ "tests": { "one": { "given": { "silver/people": [] }, "expect": [] } } }""");

        var messages = new List<string>();
        foreach (var selector in (string[])["naems", "+silver/poeple", "tag:poeple+"]) messages.Add((await NodeRun.OfAsync("test-models", selector, "--config", config)).Messages);
        var tagged = await NodeRun.OfAsync("test-models", "tag:people+", "-o", "json", "--config", config);

        Assert.Contains("Selector 'naems': no table has that name. Did you mean 'names'?", messages[0]);
        Assert.Contains("Selector '+silver/poeple': no table has that name. Did you mean 'silver/people'?", messages[1]);
        Assert.Contains("Selector 'tag:poeple+': no table has the tag 'poeple'. Did you mean 'tag:people'?", messages[2]);
        Assert.Single(tagged.Rows);
    }

    private async Task<string> ConfigureAsync(string tests)
    {
        var directory = Directory.CreateDirectory(Path.Combine(_directory, $"{Guid.NewGuid():N}")).FullName;
        await File.WriteAllTextAsync(Path.Combine(directory, "names.sql"), "SELECT name, CAST(COUNT(*) AS BIGINT) AS people FROM silver.people GROUP BY name", Cancel);
        await File.WriteAllTextAsync(Path.Combine(directory, "names.test.json"), tests, Cancel);
        return await RunningNode.ConfigureAsync(directory, Source, """
            silver { people { from = bronze/app/people, format = json, tags = [people], columns { id { type = long }, name { type = string } }, key = [id] } }
                  gold { names { sql = "names.sql", key = [name], materialization = merge } }
            """);
    }

    private static bool IsOfALateRow(ModelTest test)
    {
        if (test.Table.Layer != Layer.Silver) return Grows(test, more: true);
        var positions = test.Runs.SelectMany(run => run).Where(given => given.Table.Layer == Layer.Bronze).SelectMany(given => given.Rows.Of(BronzeColumns.Position)).OfType<ModelValue>().Select(position => long.Parse(position.Text, CultureInfo.InvariantCulture)).ToList();
        return positions.Zip(positions.Skip(1), (before, after) => after < before).Any(isLate => isLate);
    }

    private static bool IsOfADelete(ModelTest test) => test.Table.Layer == Layer.Silver
        ? test.Runs.SelectMany(run => run).Any(given => given.Rows.Of(BronzeColumns.Op).Contains(new ModelValue(JsonValueKind.String, "d")))
        : Grows(test, more: false);

    /// <summary>Whether a table has more rows, or fewer, than it had before another run.</summary>
    private static bool Grows(ModelTest test, bool more)
    {
        var rows = new Dictionary<TableId, int>();
        var found = false;
        foreach (var given in test.Runs.SelectMany(run => run))
        {
            if (rows.TryGetValue(given.Table, out var before)) found |= more ? given.Rows.Rows.Length > before : given.Rows.Rows.Length < before;
            rows[given.Table] = given.Rows.Rows.Length;
        }

        return found;
    }
}
