using System.Text;
using Confluent.Kafka;
using Pipeline.Core;
using Pipeline.Emulation.Kafka;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Node.Tests.Nights;
using Pipeline.Operations.Options;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>Where a row comes from, in a lake that a node has filled.</summary>
public sealed class ExplainRowSpec : IDisposable
{
    private const string Behind = """
        silver { clicks { from = bronze/events/clicks, columns { id { type = long, required = true, from = value, path = "$.id" }, note { type = string, from = value, path = "$.note" } }, key = [id], rules = [ { name = small, check = "id < 10", severity = quarantine } ] } }
        gold { notes { sql = "notes.sql", materialization = full, key = [id] }, longest { sql = "longest.sql", materialization = full, key = [id] } }
        transform { interval-min = 100ms, poll-interval = 1s }
        """;

    private readonly ScratchDirectory _directory = new("pipeline-explain-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_row_is_followed_from_its_place_at_the_source_to_Gold_and_one_that_is_set_aside_to_its_rule()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 1));
        await File.WriteAllTextAsync(Path.Combine(_directory, "notes.sql"), "SELECT id, note FROM silver.clicks", Cancel);
        await File.WriteAllTextAsync(Path.Combine(_directory, "longest.sql"), "SELECT id, length(note) AS letters FROM gold.notes", Cancel);
        var config = await RunningNode.ConfigureAsync(_directory, $$"""
            events { type = kafka, bootstrap = "{{kafka.Bootstrap}}", security { protocol = plaintext }, tables { clicks { topic = clicks, format = json } } }
            """, Behind);
        using (var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap }).Build())
            foreach (var value in (string[])["""{"id":1,"note":"old"}""", """{"id":2,"note":"other"}""", """{"id":1,"note":"secret"}""", """{"id":11,"note":"broken"}"""])
                await producer.ProduceAsync("clicks", new Message<Null, byte[]> { Value = Encoding.UTF8.GetBytes(value) }, Cancel);
        var run = await NodeRun.OfAsync("run", "--once", "--config", config);
        Assert.True(run.ExitCode is ExitCode.Done or ExitCode.Breached, run.Messages);
        var lake = Lakes.Open(new LakeOptions { Location = Path.Combine(_directory, "lake") }, TimeProvider.System);

        var explained = await RunAsync("silver/clicks", "1");
        Assert.Equal(ExitCode.Done, explained.ExitCode);
        var rows = OnCall.RowsOf(explained.Data);
        Assert.Equal(["bronze bronze/events/clicks", "rule silver/clicks", "silver silver/clicks", "gold gold/notes", "gold gold/longest"], rows.Select(row => $"{row["step"]} {row["table"]}"));
        Assert.Equal("2", (string)rows[0]["detail"]!["_position"]!);
        Assert.Equal((string)rows[3]["version"]!.ToJsonString(), (string)rows[4]["detail"]!["version of gold/notes"]!);
        Assert.Equal(("small", "id < 10", "quarantine"), ((string)rows[1]["detail"]!["name"]!, (string)rows[1]["detail"]!["check"]!, (string)rows[1]["detail"]!["severity"]!));
        foreach (var row in rows.Where(row => (string)row["step"]! != "rule"))
        {
            var table = (await lake.TryOpenAsync(TableId.Parse((string)row["table"]!), Cancel))!;
            Assert.Contains((string)row["file"]!, table.Current.FilesByPath.Keys);
            Assert.DoesNotContain((string)row["file"]!, (await table.AtVersionAsync((long)row["version"]! - 1, Cancel)).FilesByPath.Keys);
        }

        var broken = OnCall.RowsOf((await RunAsync("silver/clicks", "11")).Data);
        Assert.Equal("quarantine", (string)Assert.Single(broken)["step"]!);
        Assert.Equal("small", (string)broken[0]["detail"]!["_rules"]!);
        Assert.DoesNotContain("secret", explained.Data, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Failed, (await RunAsync("silver/clicks", "7")).ExitCode);
        Assert.Contains("it has 1 column, and 2 values are given", (await RunAsync("silver/clicks", "1", "2")).Messages, StringComparison.Ordinal);
        Assert.Contains("only rows of Silver tables can be explained", (await RunAsync("gold/notes", "1")).Messages, StringComparison.Ordinal);

        Task<NodeRun> RunAsync(params string[] of) => NodeRun.OfAsync(["explain-row", .. of, "--config", config, "-o", "json"]);
    }
}
