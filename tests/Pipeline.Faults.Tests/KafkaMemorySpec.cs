using System.Globalization;
using System.Text;
using Confluent.Kafka;
using Pipeline.Emulation.Kafka;
using Pipeline.Testing;

namespace Pipeline.Faults.Tests;

/// <summary>
/// A node with the shipped sizes of buffers, alone in its process, reads a topic as fast as it can. The embedded broker
/// keeps only the newest of a partition, so that its writer stays that far ahead of the node for as long as the backlog is
/// to last. <c>PIPELINE_NIGHTLY=1</c>: a backlog of 18 million records instead of 1.8; <c>PIPELINE_KAFKA_BACKLOG=N</c>: of N.
/// </summary>
[Collection(nameof(PostgresMemorySpec))]
public sealed class KafkaMemorySpec : IAsyncDisposable
{
    private const string Topic = "user_events";
    private const int Partitions = 24;
    private const long BytesMax = 512L << 20;

    /// <summary>What the first seconds leave to be filled, the heap's own swing and a larger log of the table may add.</summary>
    private const long GrowthMax = 128L << 20;

    private const int RecordBytes = 200;

    /// <summary>Enough different ones that compression does not see the same one twice; a prime, so that each partition gets all of them.</summary>
    private static readonly byte[][] Records = RandomRecords(new Random(4711), count: 1_009);

    private readonly ScratchDirectory _root = new("pipeline-memory-");
    private readonly long _backlog = Backlog() / 3;
    private readonly EmbeddedKafka _kafka = EmbeddedKafka.Start(brokers: 1, (Topic, Partitions));

    private LogReplay? _events;

    public async ValueTask DisposeAsync()
    {
        await _kafka.DisposeAsync();
        _root.Dispose();
    }

    [Fact]
    public async Task Three_times_the_backlog_takes_no_more_memory()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadlines.Test);
        await using var node = PipelineProcess.Start(Path.Combine(_root, "node"), $$"""
            lake { location = "{{Path.Combine(_root, "lake")}}" }
            ingest { file-age-max = 500ms }
            cluster { hostname = 127.0.0.1, port = 0 }
            sources {
              events { type = kafka, bootstrap = "{{_kafka.Bootstrap}}", security { protocol = plaintext }, tables { {{Topic}} { topic = {{Topic}}, format = json, workers = 2 } } }
            }
            """, ["run", "--role", "ingest"]);
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = _kafka.Bootstrap, LingerMs = 20, QueueBufferingMaxMessages = 1_000_000 }).SetLogHandler((_, _) => { }).Build();

        var startedAt = TimeProvider.System.GetTimestamp();
        await FeedAsync(producer, from: 0, to: _backlog, deadline.Token);
        var once = node.PeakBytes;
        await FeedAsync(producer, from: _backlog, to: 3 * _backlog, deadline.Token);
        var thrice = node.PeakBytes;
        var took = TimeProvider.System.GetElapsedTime(startedAt);

        Assert.Equal(0, await node.StopAsync(deadline.Token));
        Assert.Equal(Enumerable.Range(0, Partitions).Select(partition => CountsOf(partition, 3 * _backlog)), await CountsAsync(deadline.Token));
        TestContext.Current.TestOutputHelper?.WriteLine($"peak {once >> 20} MiB after {_backlog:N0} records of {RecordBytes} bytes, {thrice >> 20} MiB after {3 * _backlog:N0}, which took {took.TotalSeconds:0} s and {_events!.Files.Sum(file => new FileInfo(file).Length) >> 20} MiB in {_events.Files.Count} files");
        Assert.True(thrice <= BytesMax, $"It took {thrice >> 20} MiB.");
        Assert.True(thrice - once <= GrowthMax, $"It grew from {once >> 20} to {thrice >> 20} MiB.");
    }

    /// <summary>Produces the records of a range in turn over the partitions and waits until the lake has them.</summary>
    private async Task FeedAsync(IProducer<Null, byte[]> producer, long from, long to, CancellationToken cancellationToken)
    {
        // Half of what a partition keeps, so that what is under way has room too.
        var aheadMax = (int)(EmbeddedKafka.RetentionBytes / 2 / (RecordBytes + 20)) * Partitions;
        for (var number = from; number < to; number++)
        {
            if (number % 10_000 == 0)
            {
                producer.Flush(cancellationToken);
                await UntilAsync(() => number - Read() <= aheadMax, cancellationToken);
            }

            producer.Produce(new TopicPartition(Topic, (int)(number % Partitions)), new Message<Null, byte[]> { Value = Records[number % Records.Length] });
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

    /// <summary>Of each partition's offsets: how many, how many different ones, the first and the last.</summary>
    private async Task<IEnumerable<(int, long, long, long, long)>> CountsAsync(CancellationToken cancellationToken)
    {
        var rows = await FileQuery.RowsAsync($"SELECT _partition, count(*), count(DISTINCT _offset), min(_offset), max(_offset) FROM {FileQuery.Relation(_events!.Files)} WHERE length(value) = {RecordBytes} GROUP BY _partition ORDER BY _partition", cancellationToken);
        return rows.Select(row => ((int)row[0]!, (long)row[1]!, (long)row[2]!, (long)row[3]!, (long)row[4]!));
    }

    private static (int, long, long, long, long) CountsOf(int partition, long records)
    {
        var count = (records - partition + Partitions - 1) / Partitions;
        return (partition, count, count, 0, count - 1);
    }

    private static long Backlog() => Environment.GetEnvironmentVariable("PIPELINE_KAFKA_BACKLOG") is { } records ? long.Parse(records, CultureInfo.InvariantCulture)
        : Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? 18_000_000 : 1_800_000;

    private static byte[][] RandomRecords(Random random, int count)
    {
        const string frame = """{"event":"click","payload":""}""";
        return [.. Enumerable.Range(0, count).Select(_ => Encoding.UTF8.GetBytes(frame.Insert(frame.Length - 2, random.GetString("abcdefghijklmnopqrstuvwxyz0123456789", RecordBytes - frame.Length))))];
    }

    private static async Task UntilAsync(Func<bool> isReached, CancellationToken cancellationToken)
    {
        while (!isReached()) await Task.Delay(50, cancellationToken);
    }
}
