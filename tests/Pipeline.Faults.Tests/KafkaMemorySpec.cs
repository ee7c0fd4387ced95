using System.Globalization;
using System.Text;
using Confluent.Kafka;
using Pipeline.Emulation.Kafka;

namespace Pipeline.Faults.Tests;

/// <summary>
/// A node with the shipped sizes of buffers, alone in its process, reads a topic as fast as it can. The embedded broker
/// keeps only the newest of a partition, so that its writer stays that far ahead of the node for as long as the backlog is
/// to last. <c>PIPELINE_NIGHTLY=1</c>: a backlog of 18 million records instead of 1.8.
/// </summary>
[Collection(nameof(PostgresMemorySpec))]
public sealed class KafkaMemorySpec : IAsyncDisposable
{
    private const string Topic = "user_events";
    private const int Partitions = 8;
    private const long BytesMax = 512L << 20;

    /// <summary>What the heap's own swing and a larger log of the table may add.</summary>
    private const long GrowthMax = 64L << 20;

    private static readonly byte[] Record = Encoding.UTF8.GetBytes($$"""{"event":"click","payload":"{{new string('x', 165)}}"}""");

    private readonly string _root = Directory.CreateTempSubdirectory("pipeline-memory-").FullName;
    private readonly int _backlog = Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? 6_000_000 : 600_000;
    private readonly EmbeddedKafka _kafka = EmbeddedKafka.Start(brokers: 1, (Topic, Partitions));

    private LogReplay? _events;

    public async ValueTask DisposeAsync()
    {
        await _kafka.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public async Task Three_times_the_backlog_takes_no_more_memory()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(TimeSpan.FromMinutes(60));
        await using var node = PipelineProcess.Start(Path.Combine(_root, "node"), $$"""
            lake { location = "{{Path.Combine(_root, "lake")}}" }
            ingest { file-age-max = 500ms }
            cluster { hostname = 127.0.0.1, port = 0 }
            sources {
              events { type = kafka, bootstrap = "{{_kafka.Bootstrap}}", security { protocol = plaintext }, tables { {{Topic}} { topic = {{Topic}}, format = json, workers = 2 } } }
            }
            """, ["run", "--role", "ingest"]);
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = _kafka.Bootstrap, LingerMs = 20, QueueBufferingMaxMessages = 1_000_000 }).SetLogHandler((_, _) => { }).Build();

        await FeedAsync(producer, from: 0, to: _backlog, deadline.Token);
        var once = node.PeakBytes;
        await FeedAsync(producer, from: _backlog, to: 3 * _backlog, deadline.Token);
        var thrice = node.PeakBytes;
        TestContext.Current.TestOutputHelper?.WriteLine($"peak {once >> 20} MiB after {_backlog:N0} records of {Record.Length} bytes, {thrice >> 20} MiB after {3 * _backlog:N0}");

        Assert.Equal(0, await node.StopAsync(deadline.Token));
        var count = await FileQuery.RowsAsync($"SELECT count(*) FROM {FileQuery.Relation(_events!.Files)}", deadline.Token);
        Assert.Equal(3L * _backlog, Convert.ToInt64(count[0][0], CultureInfo.InvariantCulture));
        Assert.True(thrice <= BytesMax, $"It took {thrice >> 20} MiB.");
        Assert.True(thrice - once <= GrowthMax, $"It grew from {once >> 20} to {thrice >> 20} MiB.");
    }

    /// <summary>Produces the records of a range in turn over the partitions and waits until the lake has them.</summary>
    private async Task FeedAsync(IProducer<Null, byte[]> producer, int from, int to, CancellationToken cancellationToken)
    {
        // Half of what a partition keeps, so that what is under way has room too.
        var aheadMax = (int)(EmbeddedKafka.RetentionBytes / 2 / (Record.Length + 20)) * Partitions;
        for (var number = from; number < to; number++)
        {
            if (number % 10_000 == 0)
            {
                producer.Flush(cancellationToken);
                await UntilAsync(() => number - Read() <= aheadMax, cancellationToken);
            }

            producer.Produce(new TopicPartition(Topic, number % Partitions), new Message<Null, byte[]> { Value = Record });
        }

        producer.Flush(cancellationToken);
        await UntilAsync(() => Read() == to, cancellationToken);
    }

    /// <summary>Records that are in the lake.</summary>
    private long Read()
    {
        if (_events is null) _events = LogReplay.Of(Path.Combine(_root, "lake", "bronze", "events", Topic));
        else _events.Advance();
        return _events.Positions.Values.Sum();
    }

    private static async Task UntilAsync(Func<bool> isReached, CancellationToken cancellationToken)
    {
        while (!isReached()) await Task.Delay(50, cancellationToken);
    }
}
