using System.Collections.Immutable;
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

/// <summary>Verbs of several tables that are told which.</summary>
public sealed class SelectorVerbsSpec : IDisposable
{
    private static readonly Schema Topic = new(
    [
        new Field("value", StringType.Default, nullable: true).As(BronzeRole.Document), BronzeColumns.OpField, BronzeColumns.PositionField, BronzeColumns.IngestedAtField,
    ], null);

    private readonly ScratchDirectory _directory = new("selectors-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Plan_tells_of_the_tables_that_are_meant()
    {
        var config = await ConfigureAsync("How many have a name.");

        Assert.Equal(["bronze/app/people", "bronze/app/teams", "silver/people", "silver/teams", "gold/names"], await PlannedAsync(config));
        Assert.Equal(["bronze/app/people", "silver/people", "gold/names"], await PlannedAsync(config, "+names"));
        Assert.Equal(["bronze/app/teams", "silver/teams"], await PlannedAsync(config, "tag:teams"));
        var unknown = await NodeRun.OfAsync("plan", "tag:team", "--config", config);
        Assert.Equal(ExitCode.Failed, unknown.ExitCode);
        Assert.Contains("no table has the tag 'team'. Did you mean 'tag:teams'?", unknown.Messages);
    }

    [Fact]
    public async Task Rebuild_makes_the_tables_that_are_meant_and_no_other()
    {
        var config = await ConfigureAsync("How many have a name.");
        await AppendAsync("bronze/app/people", """{"id":1,"name":"Ada"}""");
        await AppendAsync("bronze/app/teams", """{"id":1}""");

        var all = await RebuiltAsync(config, "people", "teams", "names");
        var ahead = await RebuiltAsync(config, "people+");
        var tagged = await RebuiltAsync(config, "+tag:teams");

        Assert.Equal(["silver/people", "silver/teams", "gold/names"], all);
        Assert.Equal(["silver/people", "gold/names"], ahead);
        Assert.Equal(["silver/teams"], tagged);
    }

    [Fact]
    public async Task Plan_tells_when_a_table_is_described_otherwise_and_only_that()
    {
        var config = await ConfigureAsync("How many have a name.");
        await AppendAsync("bronze/app/people", """{"id":1,"name":"Ada"}""");
        await RebuiltAsync(config, "people+");
        Assert.Empty((await NodeRun.OfAsync("plan", "names", "silver/people", "--config", config)).Data);
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config, Cancel)).Replace("How many have a name.", "Namesakes.", StringComparison.Ordinal).Replace("Whose it is.", "What they are called.", StringComparison.Ordinal), Cancel);

        var plan = await NodeRun.OfAsync("plan", "names", "silver/people", "-o", "json", "--config", config);

        Assert.Equal(ExitCode.PlanHasChanges, plan.ExitCode);
        Assert.Equal(["silver/people describe_columns name string", "gold/names describe_table "], plan.Rows.Select(change => $"{change!["table"]} {change["change"]} {string.Join(", ", change["columns"]!.AsArray().Select(column => $"{column!["name"]} {column["type"]}"))}"));
    }

    private async Task<string> ConfigureAsync(string description)
    {
        await File.WriteAllTextAsync(Path.Combine(_directory, "names.sql"), "SELECT name, CAST(COUNT(*) AS BIGINT) AS people FROM silver.people GROUP BY name", Cancel);
        return await RunningNode.ConfigureAsync(_directory, "app { type = kafka, bootstrap = \"127.0.0.1:1\", tables { people { topic = people }, teams { topic = teams, tags = [teams] } } }", $$"""
            silver {
                    people { from = bronze/app/people, format = json, columns { id { type = long }, name { type = string, description = "Whose it is." } }, key = [id] }
                    teams { from = bronze/app/teams, format = json, tags = [teams], columns { id { type = long } }, key = [id] }
                  }
                  gold { names { sql = "names.sql", key = [name], materialization = merge, description = "{{description}}" } }
            """);
    }

    private async Task AppendAsync(string topic, string value)
    {
        var lake = new Lake(new LocalObjectStore(Path.Combine(_directory, "lake")), TimeProvider.System);
        var table = await lake.OpenOrCreateAsync(TableId.Parse(topic), Topic, [], ImmutableDictionary<string, string>.Empty, Cancel);
        using var rows = new RecordBatch(Topic,
        [
            new StringArray.Builder().Append(value).Build(), new StringArray.Builder().Append("c").Build(), new Int64Array.Builder().Append(1).Build(),
            new TimestampArray.Builder((TimestampType)BronzeColumns.Timestamp).Append(DateTimeOffset.UnixEpoch).Build(),
        ], 1);
        await using var writer = await table.OpenDataFileAsync(Topic, ImmutableDictionary<string, string?>.Empty, new DataFileOptions(), Cancel);
        writer.Write(rows);
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Adds = [await writer.CompleteAsync(Cancel)] }, Cancel));
    }

    private static async Task<IEnumerable<string>> PlannedAsync(string config, params string[] selectors)
    {
        var run = await NodeRun.OfAsync(["plan", .. selectors, "-o", "json", "--config", config]);
        Assert.True(run.ExitCode == ExitCode.PlanHasChanges, run.ToString());
        return run.Rows.Select(change => (string)change!["table"]!);
    }

    private static async Task<IEnumerable<string>> RebuiltAsync(string config, params string[] selectors)
    {
        var run = await NodeRun.OfAsync(["rebuild", .. selectors, "-o", "json", "--config", config]);
        Assert.True(run.ExitCode == ExitCode.Done, run.ToString());
        return run.Rows.Select(table => (string)table!["table"]!);
    }
}
