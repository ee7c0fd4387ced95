using Confluent.Kafka;
using Pipeline.Core.Metrics;
using Pipeline.Emulation.Kafka;
using Pipeline.Ingest;
using Pipeline.Node.Tests.Http;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

/// <summary>A topic that is deleted while it is read: its reader has nothing to tell of, and is told of all the same.</summary>
public sealed class DeletedTopicSpec : IDisposable
{
    private const string Table = "bronze/events_of_deleted/clicks";

    private readonly ScratchDirectory _directory = new("pipeline-deleted-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_topic_that_is_deleted_under_its_reader_is_one_line_a_figure_and_a_reason_and_is_read_when_it_is_there_again()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, hasTopicIds: true, ("clicks", 2));
        await ProduceAsync(kafka, 6);
        await using var node = await RunningNode.StartAsync(_directory, $$"""events_of_deleted { type = kafka, bootstrap = "{{kafka.Bootstrap}}", security { protocol = plaintext }, tables { clicks { topic = clicks, format = json } } }""", behind: "ingest.splits-interval = 200ms");
        using var answers = new HealthAnswers(node.HttpAddress);
        using var figures = new Measurements("table", Table);
        await node.WaitForRowsAsync(Table, 6);
        await answers.WaitUntilReadyAsync();

        kafka.DeleteTopic("clicks");
        var fault = (await node.WaitForStateAsync(Table, IngestState.Retrying)).LastFault!;
        Assert.Contains("topic clicks", fault.Thing, StringComparison.Ordinal);
        Assert.Contains("no such topic", fault.Cause, StringComparison.Ordinal);
        await answers.WaitUntilUnreadyAsync("sources");
        Assert.Equal(3, figures.Observe(Instruments.IngestedState));
        Assert.Equal(1, figures.Sum(Instruments.IngestErrors, Table, "missing"));
        Assert.Single(node.Log, line => line.Contains("topic clicks", StringComparison.Ordinal));

        kafka.CreateTopic("clicks", 2);
        await ProduceAsync(kafka, 4);
        await node.WaitForRowsAsync(Table, 10);
        await answers.WaitUntilReadyAsync();
    }

    private static async Task ProduceAsync(EmbeddedKafka kafka, int count)
    {
        using var producer = new ProducerBuilder<Null, string>(new ProducerConfig { BootstrapServers = kafka.Bootstrap }).Build();
        for (var i = 0; i < count; i++)
            await producer.ProduceAsync(new TopicPartition("clicks", i % 2), new Message<Null, string> { Value = $$"""{"n":{{i}}}""" }, TestContext.Current.CancellationToken);
    }
}
