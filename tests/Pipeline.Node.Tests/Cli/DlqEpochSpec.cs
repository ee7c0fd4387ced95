using System.Text.Json.Nodes;
using Confluent.Kafka;
using Pipeline.Emulation.Kafka;
using Pipeline.Ingest;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>A topic was made anew while dead letters of the one before were there: offsets, and all that a letter is told by, begin again.</summary>
public sealed class DlqEpochSpec : IDisposable
{
    private const string Table = "bronze/events/clicks";

    private readonly ScratchDirectory _directory = new("pipeline-dlq-");

    private string Lake => Path.Combine(_directory, "lake");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Letters_of_two_topics_of_one_name_are_listed_re_driven_and_verified_apart()
    {
        // Brokers before 2.8: both topics are one split.
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 1));
        await ProduceAsync(kafka, "{}", "{\"long\":\"old\"}", "{}", "{}");
        await using (var first = await RunningNode.StartAsync(Sub("first"), Sources(kafka.Bootstrap, recordBytesMax: 10), Lake)) await first.WaitForRowsAsync(Table, 3);
        kafka.DeleteTopic("clicks");
        kafka.CreateTopic("clicks", 1);
        await ProduceAsync(kafka, "{}", "{\"long\":\"new\"}", "{\"long\":\"newer\"}");
        await using (var second = await RunningNode.StartAsync(Sub("second"), Sources(kafka.Bootstrap, recordBytesMax: 10), Lake)) await second.WaitForStateAsync(Table, IngestState.Halted);
        var config = await RunningNode.ConfigureAsync(Sub("verbs"), Sources(kafka.Bootstrap, recordBytesMax: 1000));
        Assert.Equal(ExitCode.Done, (await RunAsync(config, "resume", Table, "--accept-gap")).ExitCode);
        await using (var third = await RunningNode.StartAsync(Sub("third"), Sources(kafka.Bootstrap, recordBytesMax: 10), Lake)) await third.WaitForRowsAsync(Table, 4);

        var before = await ListedAsync(config);
        var old = await RunAsync(config, "dlq", "redrive", Table, "--epoch", "0");
        var between = await ListedAsync(config);
        var shown = await RunAsync(config, "dlq", "show", Table, "--position", "1");
        var one = await RunAsync(config, "dlq", "show", Table, "--position", "1", "--epoch", "1");
        var all = await RunAsync(config, "dlq", "redrive", Table);
        var verified = await RunAsync(config, "verify");

        Assert.Equal([(0, 1, 0), (1, 2, 0)], before);
        Assert.Equal([("entered", 0, 1)], Outcomes(old));
        Assert.Equal([(0, 1, 1), (1, 2, 0)], between);
        Assert.Equal([(0, true), (1, false)], Array(shown).Select(letter => ((int)letter!["epoch"]!, (bool)letter["redriven"]!)));
        Assert.Equal([1], Array(one).Select(letter => (int)letter!["epoch"]!));
        Assert.Equal([("entered", 1, 2), ("already_there", 0, 1)], Outcomes(all));
        Assert.Equal([(0, 1, 1), (1, 2, 2)], await ListedAsync(config));
        Assert.True(verified.ExitCode == ExitCode.Done, verified.Data);
        Assert.Equal(3, (int)Array(verified).Single(check => (string?)check!["found"] == "redriven_are_there_once")!["figures"]!["rows"]!);
    }

    private static string Sources(string bootstrap, int recordBytesMax) =>
        $$"""events { type = kafka, bootstrap = "{{bootstrap}}", tables { clicks { topic = clicks, record-bytes-max = {{recordBytesMax}} } } }""";

    private static async Task ProduceAsync(EmbeddedKafka kafka, params string[] values)
    {
        using var producer = new ProducerBuilder<Null, string>(new ProducerConfig { BootstrapServers = kafka.Bootstrap, LingerMs = 0 }).Build();
        foreach (var value in values) await producer.ProduceAsync(new TopicPartition("clicks", 0), new Message<Null, string> { Value = value });
    }

    private static JsonArray Array(NodeRun run) => run.Rows;

    private static IEnumerable<(string, int, int)> Outcomes(NodeRun run) => Array(run).Select(line => ((string)line!["outcome"]!, (int)line["epoch"]!, (int)line["letters"]!));

    private async Task<IReadOnlyList<(int, int, int)>> ListedAsync(string config) =>
        [.. Array(await RunAsync(config, "dlq", "list")).Select(line => ((int)line!["epoch"]!, (int)line["letters"]!, (int)line["redriven"]!))];

    private Task<NodeRun> RunAsync(string config, params string[] args) => NodeRun.OfAsync([.. args, .. args is ["dlq", "list" or "show", ..] ? System.Array.Empty<string>() : ["--config", config], "--lake", Lake, "-o", "json"]);

    private string Sub(string name) => Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;
}
