using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta.Parquet;
using Pipeline.Sources.Kafka;
using Pipeline.Telemetry;

namespace Pipeline.Benchmarks;

/// <summary>
/// A topic into a Bronze table on the local disk, by the service's own ingest on a one-node cluster, beside a bare
/// librdkafka batch consumer that throws the records away: same broker, same data, in turns. Rows are counted in the
/// table's log, and the bytes that are stored for a record are told, with each codec. What it costs the bare consumer to look at the batches' checksums, as the source does, is a side of its own.
/// </summary>
public sealed class KafkaToBronzeBenchmark : IBenchmark
{
    private const int Partitions = 240;
    private const int RecordsPerPartition = 20_000;
    private const int Rounds = 9;
    private const string Checked = "with check.crcs";

    public string Name => "kafka";

    public async Task<IReadOnlyList<Verdict>> RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        await using var broker = await KafkaBroker.StartAsync(Partitions, RecordsPerPartition, cancellationToken);
        var alternation = new Alternation("records", broker.Records, "bare consumer", Checked, "1 worker", "2 workers", "1 worker, zstd");
        for (var round = 0; round <= Rounds; round++)
        {
            await alternation.RoundAsync(
                () => Usage.OfAsync(() => Task.Run(() => KafkaConsumerBenchmark.ConsumeBare(broker, Partitions, cancellationToken), cancellationToken)),
                () => Usage.OfAsync(() => Task.Run(() => KafkaConsumerBenchmark.ConsumeBare(broker, Partitions, cancellationToken, checksCrcs: true), cancellationToken)),
                () => IngestAsync(broker, workers: 1, cancellationToken),
                () => IngestAsync(broker, workers: 2, cancellationToken),
                () => IngestAsync(broker, workers: 1, cancellationToken, compression: Codec.Zstd));
        }

        await alternation.PrintAsync(output);
        return
        [
            Goal.AtLeast($"{Name}-wall", 0.90).Judge(alternation.Rate("1 worker").Median),
            Goal.AtLeast($"{Name}-cpu", 0.55).Judge(alternation.Processor("1 worker").Median),
            Goal.AtMost($"{Name}-check-crcs", 1.20).Judge(alternation.Cost(Checked).Median),
        ];
    }

    internal static async Task<Usage> IngestAsync(KafkaBroker broker, int workers, CancellationToken cancellationToken, bool withPositions = true, NodeTelemetry? telemetry = null, FileCompression compression = default)
    {
        var options = new KafkaSourceOptions { Name = "benchmark", Bootstrap = broker.Bootstrap, Tables = [new KafkaTableOptions { Name = KafkaBroker.Topic, Topic = KafkaBroker.Topic, Workers = workers }] };
        return await BronzeRun.MeasureAsync(new KafkaSource(new KafkaSourceDefinition(options), new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore(), new BenchmarkOwner())),
            KafkaBroker.Topic, broker.Records, ClockStart.FirstChunk, cancellationToken, withPositions, telemetry, compression);
    }
}
