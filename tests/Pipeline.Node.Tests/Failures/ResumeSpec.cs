using Confluent.Kafka;
using Pipeline.Emulation.Kafka;
using Pipeline.Ingest;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

public sealed class ResumeSpec : IDisposable
{
    private const string Table = "bronze/events/clicks";

    private readonly ScratchDirectory _directory = new("pipeline-resume-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Lost_records_halt_their_table_until_an_operator_accepts_it()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 1));
        var sources = $$"""events { type = kafka, bootstrap = "{{kafka.Bootstrap}}", tables { clicks { topic = clicks } } }""";
        var lake = Path.Combine(_directory, "lake");
        await ProduceAsync(kafka, 3);
        await using (var node = await RunningNode.StartAsync(Sub("first"), sources, lake)) await node.WaitForRowsAsync(Table, 3);
        await ProduceAsync(kafka, 3);

        // Offsets 3 and 4 expire before they are read.
        kafka.DeleteRecords("clicks", 0, beforeOffset: 5);
        string config;
        await using (var node = await RunningNode.StartAsync(Sub("halted"), sources, lake))
        {
            config = node.ConfigPath;
            var halted = await node.WaitForStateAsync(Table, IngestState.Halted);
            Assert.Contains($"./pipeline resume {Table} --accept-gap", halted.LastFault!.NextStep, StringComparison.Ordinal);
        }

        var shown = await NodeRun.OfAsync("resume", Table, "--config", config, "--lake", lake, "-o", "json");
        var accepted = await NodeRun.OfAsync("resume", Table, "--accept-gap", "--config", config, "--lake", lake, "-o", "json");
        var nothingLeft = await NodeRun.OfAsync("resume", Table, "--config", config, "--lake", lake, "-o", "json");

        Assert.Equal((ExitCode.Failed, ExitCode.Done, ExitCode.Done), (shown.ExitCode, accepted.ExitCode, nothingLeft.ExitCode));
        Assert.Contains("events/clicks/0", shown.Data, StringComparison.Ordinal);
        Assert.Empty(nothingLeft.Rows);
        await using (var node = await RunningNode.StartAsync(Sub("resumed"), sources, lake)) await node.WaitForRowsAsync(Table, 4);
        Assert.Contains(GapAcceptance.Operation, (await NodeRun.OfAsync("history", Table, "--lake", lake)).Data, StringComparison.Ordinal);
    }

    private static async Task ProduceAsync(EmbeddedKafka kafka, int count)
    {
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap, LingerMs = 0 }).Build();
        for (var i = 0; i < count; i++)
            await producer.ProduceAsync(new TopicPartition("clicks", 0), new Message<Null, byte[]> { Value = "{}"u8.ToArray() }, TestContext.Current.CancellationToken);
    }

    private string Sub(string name) => Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;
}
