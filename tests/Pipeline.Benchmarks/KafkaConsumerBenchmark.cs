using System.Diagnostics;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Sources.Kafka;
using Pipeline.Sources.Kafka.Client;
using Pipeline.Sources.Kafka.Reading;

namespace Pipeline.Benchmarks;

/// <summary>
/// The Kafka source (topic to Arrow chunks) beside a bare librdkafka batch consumer that throws the records away: same
/// broker, same data, in turns.
/// </summary>
public sealed class KafkaConsumerBenchmark : IBenchmark
{
    private const int Partitions = 96;
    private const int RecordsPerPartition = 20_000;
    private const int Rounds = 9;

    public string Name => "kafka-consumer";

    public async Task<IReadOnlyList<Verdict>> RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        MeasureColumns(output);
        await using var broker = await KafkaBroker.StartAsync(Partitions, RecordsPerPartition, cancellationToken);
        var alternation = new Alternation("records", broker.Records, "bare consumer", "chunks");
        for (var round = 0; round <= Rounds; round++)
        {
            await alternation.RoundAsync(
                () => Usage.OfAsync(() => Task.Run(() => ConsumeBare(broker, Partitions, cancellationToken), cancellationToken)),
                () => Usage.OfAsync(() => ReadChunksAsync(broker, cancellationToken)));
        }

        await alternation.PrintAsync(output);
        return [Goal.AtLeast(Name, 0.90).Judge(alternation.Rate("chunks").Median)];
    }

    /// <summary>The part that is ours alone: from bytes in memory to chunks, on one thread.</summary>
    private static void MeasureColumns(TextWriter output)
    {
        const int records = 10_000_000;
        var values = Enumerable.Range(0, 1000).Select(number => System.Text.Encoding.UTF8.GetBytes(KafkaBroker.Record(0, number))).ToArray();
        using var metrics = new KafkaMetrics("benchmark");
        var best = TimeSpan.MaxValue;
        for (var round = 0; round < 3; round++)
        {
            // Nobody takes from it: a chunk is freed as it is handed on.
            var queue = new ChunkQueue(long.MaxValue);
            queue.Dispose();
            var table = new KafkaTableOptions { Name = KafkaBroker.Topic, Topic = KafkaBroker.Topic };
            var partition = new PartitionReading(new SplitId("benchmark", "events/0"), table, 0, 0, 4 << 20, default, queue, metrics, TimeProvider.System);
            // Processor time: it is one thread, and others may want the core.
            using var process = Process.GetCurrentProcess();
            var started = process.TotalProcessorTime;
            for (var number = 0; number < records; number++)
            {
                partition.Take(new KafkaRecord
                {
                    Offset = number,
                    TimestampMs = number,
                    HasKey = false,
                    Key = default,
                    HasValue = true,
                    Value = values[number % values.Length],
                    HeadersJson = default,
                });
            }

            process.Refresh();
            var took = process.TotalProcessorTime - started;
            if (took < best) best = took;
            partition.Abandon();
        }

        output.WriteLine($"columns alone  {records / best.TotalSeconds,12:N0} records/s, {best.TotalNanoseconds / records:0} ns a record of {KafkaBroker.RecordBytes} bytes on one core");
    }

    /// <summary>Returns the stretch from the first to the last record: connecting is not what is compared.</summary>
    /// <param name="checksCrcs">As the source does: librdkafka does not by itself.</param>
    internal static unsafe Usage.Stretch ConsumeBare(KafkaBroker broker, int partitions, CancellationToken cancellationToken, bool checksCrcs = false)
    {
        var config = new ConsumerConfig
        {
            BootstrapServers = broker.Bootstrap,
            GroupId = "bare",
            EnableAutoCommit = false,
            EnableAutoOffsetStore = false,
            QueuedMinMessages = 10_000_000,
            QueuedMaxMessagesKbytes = 32 << 10,
            FetchQueueBackoffMs = 10,
            FetchWaitMaxMs = 100,
            CheckCrcs = checksCrcs,
        };
        using var consumer = new ConsumerBuilder<byte[], byte[]>(config).Build();
        using var lease = new ClientLease(consumer);
        using var queue = LibRdKafka.ConsumerQueue(lease);
        consumer.Assign(Enumerable.Range(0, partitions).Select(partition => new TopicPartitionOffset(KafkaBroker.Topic, partition, 0)));
        var messages = stackalloc NativeMessage*[4096];
        long records = 0, bytes = 0;
        Usage.Start? start = null;
        while (records < broker.Records)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var count = LibRdKafka.ConsumeBatch(queue, 0, messages, 4096);
            if (count == 0) count = LibRdKafka.ConsumeBatch(queue, 100, messages, 1);
            if (count > 0) start ??= Usage.Start.Now();
            for (var i = 0; i < count; i++)
            {
                if (messages[i]->Error == ErrorCode.NoError)
                {
                    records++;
                    bytes += (long)messages[i]->PayloadLength;
                }

                LibRdKafka.Destroy(messages[i]);
            }
        }

        var stretch = start!.End();
        if (bytes != broker.Records * KafkaBroker.RecordBytes) throw new InvalidOperationException($"The bare consumer saw {bytes} bytes.");
        return stretch;
    }

    /// <summary>Returns the stretch from the first to the last chunk.</summary>
    private static async Task<Usage.Stretch> ReadChunksAsync(KafkaBroker broker, CancellationToken cancellationToken)
    {
        var options = new KafkaSourceOptions { Name = "benchmark", Bootstrap = broker.Bootstrap, Tables = [new KafkaTableOptions { Name = KafkaBroker.Topic, Topic = KafkaBroker.Topic }] };
        await using var source = new KafkaSource(new KafkaSourceDefinition(options), new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore(), new BenchmarkOwner()));
        var splits = await source.ListSplitsAsync(KafkaBroker.Topic, cancellationToken);
        long records = 0;
        Usage.Start? start = null;
        await foreach (var chunk in source.ReadAsync([.. splits.Select(split => new SplitPosition(split.Id, 0))], cancellationToken))
        {
            start ??= Usage.Start.Now();
            using (chunk) records += chunk.RowCount;
            if (records >= broker.Records) break;
        }

        if (records != broker.Records) throw new InvalidOperationException($"The source read {records} of {broker.Records} records.");
        return start!.End();
    }
}
