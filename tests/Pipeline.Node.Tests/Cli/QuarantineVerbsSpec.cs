using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

public sealed class QuarantineVerbsSpec : IDisposable
{
    private static readonly Schema People = new(
    [
        new Field("id", Int64Type.Default, nullable: true), new Field("name", StringType.Default, nullable: true), new Field("phone", StringType.Default, nullable: true),
        BronzeColumns.OpField, BronzeColumns.PositionField, BronzeColumns.IngestedAtField,
    ], null);

    private const string LongName = "length(name) > 2";

    private readonly ScratchDirectory _directory = new("quarantine-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private Lake Lake => new(new LocalObjectStore(Path.Combine(_directory, "lake")), TimeProvider.System);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Rows_are_counted_shown_without_what_is_masked_and_re_driven_once_the_rule_lets_them()
    {
        var strict = await ConfigureAsync("length(name) > 2");
        await AppendAsync((1, "Ada", "555-0001"), (2, "Bo", "555-0002"), (3, null, "555-0003"));
        await RunAsync("rebuild", "silver/people", strict);
        await AppendAsync((1, "Al", "555-0004"));
        await RunAsync("quarantine", "redrive", "silver/people", strict);
        await RunAsync("rebuild", "silver/people", strict);

        var counted = await JsonAsync("quarantine", "list", "--lake", Path.Combine(_directory, "lake"));
        var shown = await JsonAsync("quarantine", "show", "silver/people", "--rule", "long_name", "--config", strict);
        var strictly = await JsonAsync("quarantine", "redrive", "silver/people", "--config", strict);
        var mild = await ConfigureAsync("length(name) > 1");
        var redriven = await JsonAsync("quarantine", "redrive", "silver/people", "--config", mild);
        var again = await JsonAsync("quarantine", "redrive", "silver/people", "--config", mild);

        Assert.Equal(["long_name 2, 1 newer", "required:name 1, 0 newer"], counted.Select(row => $"{row!["rule"]} {row["rows"]}, {row["newer"]} newer"));
        Assert.Equal(["2 Bo ***", "1 Al ***"], shown.Select(row => $"{row!["id"]} {row["row"]!["name"]} {row["row"]!["phone"]}"));
        Assert.Equal([null, 1L], shown.Select(row => (long?)row!["older"]));
        Assert.Equal("0 entered, 0 settled, 3 stay", Told(strictly));
        Assert.Equal("2 entered, 0 settled, 1 stay", Told(redriven));
        Assert.Equal("0 entered, 0 settled, 1 stay", Told(again));
        var verified = await NodeRun.OfAsync("verify", "--config", mild);
        Assert.True(verified.Data.Contains("4 = 2 in Silver + 1 quarantined + 1 superseded", StringComparison.Ordinal), verified.ToString());
    }

    [Fact]
    public async Task A_plan_says_of_each_change_of_a_contract_what_it_means_until_it_is_done()
    {
        var config = await ConfigureAsync("length(name) > 2");
        await AppendAsync((1, "Ada", "555-0001"), (2, "Bo", "555-0002"));
        await RunAsync("rebuild", "silver/people", config);
        var changed = await ConfigureAsync("length(name) > 1");

        var before = await NodeRun.OfAsync("plan", "--config", changed, "-o", "json");
        await RunAsync("rebuild", "silver/people", changed);
        var after = await NodeRun.OfAsync("plan", "--config", changed, "-o", "json");

        Assert.Equal(ExitCode.PlanHasChanges, before.ExitCode);
        Assert.Contains("silver/people make_anew rule long_name changed", Said(before));
        Assert.DoesNotContain(Said(after), said => said.Contains("make_anew", StringComparison.Ordinal));

        static IEnumerable<string> Said(NodeRun plan) => plan.Rows.Select(row => $"{row!["table"]} {row["change"]} {row["details"]?["part"]}");
    }

    [Theory]
    [InlineData("value")]
    [InlineData("_before")]
    [InlineData("_key")]
    public async Task A_record_is_hidden_whole_where_a_masked_column_reads_a_part_of_it(string from)
    {
        var config = await ConfigureAsync(LongName, $$"""
            id { type = long, from = value, path = "$.id" }, name { type = string, from = value, path = "$.name" }, email { type = string, from = {{from}}, path = "$.email", mask = hash }
            """);
        var schema = new Schema(
        [
            Text("_key"), Text("_headers"), Text("value").As(BronzeRole.Document), Text("_before"), BronzeColumns.OpField, BronzeColumns.PositionField.As(BronzeRole.Position), BronzeColumns.IngestedAtField,
        ], null);
        const string record = """{"id":1,"name":"Al","email":"secret-one"}""";
        await AppendTextsAsync(schema, record, "[\"secret-two\"]", record, """{"id":1,"name":"Al","email":"secret-three"}""");
        await RunAsync("rebuild", "silver/people", config);

        var shown = Assert.Single(await JsonAsync("quarantine", "show", "silver/people", "--config", config))!;

        Assert.DoesNotContain("secret", shown.ToJsonString(), StringComparison.Ordinal);
        var row = shown["row"]!;
        Assert.Equal(["***", "***", "***", "***", "c"], new[] { "_key", "_headers", "value", "_before", "_op" }.Select(name => (string?)row[name]));
    }

    [Theory]
    [InlineData("\"e mail\"")]
    [InlineData("e_mail")]
    public async Task A_masked_column_is_hidden_under_both_of_its_names(string from)
    {
        var config = await ConfigureAsync(LongName, $$"""id { type = long }, name { type = string }, email { type = string, from = {{from}}, mask = hash }""");
        await AppendTextsAsync(new Schema([Text("id"), Text("name"), Text("e mail"), Text("e_mail"), BronzeColumns.OpField, BronzeColumns.PositionField, BronzeColumns.IngestedAtField], null), "1", "Al", "secret-old", "secret-new");
        await RunAsync("rebuild", "silver/people", config);

        var shown = Assert.Single(await JsonAsync("quarantine", "show", "silver/people", "--config", config))!;

        Assert.DoesNotContain("secret", shown.ToJsonString(), StringComparison.Ordinal);
        var row = shown["row"]!;
        Assert.Equal(["1", "Al", "***", "***"], new[] { "id", "name", "e mail", "e_mail" }.Select(name => (string?)row[name]));
    }

    [Fact]
    public async Task What_has_no_quarantine_is_said()
    {
        var config = await ConfigureAsync("true");

        var bronze = await NodeRun.OfAsync("quarantine", "redrive", "bronze/app/people", "--config", config);
        var unknown = await NodeRun.OfAsync("quarantine", "show", "silver/nobody", "--config", config);
        var early = await NodeRun.OfAsync("quarantine", "redrive", "silver/people", "--config", config);

        Assert.Contains("only tables of Silver have a quarantine", bronze.Messages, StringComparison.Ordinal);
        Assert.Contains("it is not configured", unknown.Messages, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Done, early.ExitCode);
    }

    private static string Told(JsonArray rows) => $"{rows[0]!["entered"]} entered, {rows[0]!["settled"]} settled, {rows[0]!["stay"]} stay";

    private static async Task RunAsync(params string[] words)
    {
        var run = await NodeRun.OfAsync([.. words[..^1], "--config", words[^1]]);
        Assert.True(run.ExitCode == ExitCode.Done, run.ToString());
    }

    private static async Task<JsonArray> JsonAsync(params string[] words)
    {
        var run = await NodeRun.OfAsync([.. words, "-o", "json"]);
        Assert.True(run.ExitCode == ExitCode.Done, run.ToString());
        return run.Rows;
    }

    private static Field Text(string name) => new(name, StringType.Default, nullable: true);

    private Task<string> ConfigureAsync(string check) => ConfigureAsync(check, "id { type = long }, name { type = string, required = true }, phone { type = string, mask = redact }");

    private Task<string> ConfigureAsync(string check, string columns) =>
        RunningNode.ConfigureAsync(Directory.CreateDirectory(Path.Combine(_directory, $"{Guid.NewGuid():N}")).FullName, "app { type = kafka, bootstrap = \"127.0.0.1:1\", tables { people { topic = people } } }", $$"""
            lake.location = "{{Path.Combine(_directory, "lake")}}"
                  transform.mask-key = "a key of thirty-two letters or more"
                  silver { people {
                    from = bronze/app/people
                    columns { {{columns}} }
                    key = [id]
                    rules = [ { name = long_name, check = "{{check}}" } ]
                  } }
            """);

    /// <summary>One record of texts.</summary>
    private async Task AppendTextsAsync(Schema schema, params string[] texts)
    {
        using var rows = new RecordBatch(schema,
        [
            .. texts.Append("c").Select(text => new StringArray.Builder().Append(text).Build()), new Int64Array.Builder().Append(1).Build(),
            new TimestampArray.Builder((TimestampType)BronzeColumns.Timestamp).Append(DateTimeOffset.UnixEpoch).Build(),
        ], 1);
        await AppendAsync(await Lake.OpenOrCreateAsync(TableId.Bronze("app", "people"), schema, [], ImmutableDictionary<string, string>.Empty, Cancel), rows);
    }

    private async Task AppendAsync(params (long Id, string? Name, string Phone)[] people)
    {
        var table = await Lake.OpenOrCreateAsync(TableId.Bronze("app", "people"), People, [], ImmutableDictionary<string, string>.Empty, Cancel);
        var first = table.Current.RowCount ?? 0;
        var now = new TimestampArray.Builder((TimestampType)BronzeColumns.Timestamp);
        foreach (var _ in people) now.Append(DateTimeOffset.UnixEpoch);
        var names = new StringArray.Builder();
        foreach (var (_, name, _) in people) _ = name is null ? names.AppendNull() : names.Append(name);
        using var rows = new RecordBatch(People,
        [
            new Int64Array.Builder().AppendRange(people.Select(one => one.Id)).Build(), names.Build(), new StringArray.Builder().AppendRange(people.Select(one => one.Phone)).Build(),
            new StringArray.Builder().AppendRange(people.Select(_ => "c")).Build(), new Int64Array.Builder().AppendRange(Enumerable.Range(1, people.Length).Select(i => first + i)).Build(), now.Build(),
        ], people.Length);
        await AppendAsync(table, rows);
    }

    private static async Task AppendAsync(DeltaTable table, RecordBatch rows)
    {
        await using var writer = await table.OpenDataFileAsync(rows.Schema, ImmutableDictionary<string, string?>.Empty, new DataFileOptions(), Cancel);
        writer.Write(rows);
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Adds = [await writer.CompleteAsync(Cancel)] }, Cancel));
    }
}
