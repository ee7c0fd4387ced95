using System.Diagnostics;
using System.Globalization;
using System.Text;
using Akka.Actor;
using Akka.Cluster;
using Confluent.Kafka;
using DuckDB.NET.Data;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.Ingest;
using Pipeline.Sources.Kafka;
using Pipeline.Telemetry;
using Pipeline.Testing;

namespace Pipeline.Benchmarks;

/// <summary>
/// Ten thousand records a second for some seconds: how long from producing a record to the commit that makes it part of
/// Bronze, with the profiles for freshness. Both times are in the lake: the record's timestamp in its row, the commit's in the table's log.
/// </summary>
public sealed class KafkaLatencyBenchmark : IBenchmark
{
    private const int RecordsPerSecond = 10_000;
    private const int Seconds = 15;
    private const int Partitions = 12;

    public string Name => "kafka-latency";

    public async Task<IReadOnlyList<Verdict>> RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        var (_, lowLatencyP99) = await RunAsync(IngestProfile.LowLatency, output, cancellationToken);
        var (balancedP50, balancedP99) = await RunAsync(IngestProfile.Balanced, output, cancellationToken);
        return
        [
            Goal.AtMost($"{Name}-low-latency-p99-seconds", 0.50).Judge(lowLatencyP99),
            Goal.AtMost($"{Name}-balanced-p50-seconds", 1.20).Judge(balancedP50),
            Goal.AtMost($"{Name}-balanced-p99-seconds", 2.20).Judge(balancedP99),
        ];
    }

    /// <summary>In seconds.</summary>
    /// <param name="telemetry">What measures the node meanwhile; null: nobody listens.</param>
    internal static Task<(double P50, double P99)> RunAsync(IngestProfile profile, TextWriter output, CancellationToken cancellationToken, NodeTelemetry? telemetry = null) =>
        FlowAsync(profile, RecordsPerSecond, Seconds, (lake, table) => MeasureAsync(output, profile, lake, table, cancellationToken), cancellationToken, telemetry);

    /// <summary>Has a flow of records for some seconds, and a look at the lake when all of it is in Bronze.</summary>
    internal static async Task<T> FlowAsync<T>(IngestProfile profile, int recordsPerSecond, int seconds, Func<Lake, TableId, Task<T>> measure, CancellationToken cancellationToken, NodeTelemetry? telemetry = null)
    {
        // One record a partition, so that reading has begun before the clock matters.
        await using var broker = await KafkaBroker.StartAsync(Partitions, recordsPerPartition: 1, cancellationToken);
        using var directory = new ScratchDirectory("kafka-latency-");
        var lake = new Lake(new LocalObjectStore(directory), TimeProvider.System);
        var options = new KafkaSourceOptions
        {
            Name = "benchmark",
            Bootstrap = broker.Bootstrap,
            // The embedded broker lets the whole wait pass, where a broker answers as soon as a record comes.
            FetchWaitMax = TimeSpan.FromMilliseconds(100),
            Tables = [new KafkaTableOptions { Name = KafkaBroker.Topic, Topic = KafkaBroker.Topic }],
        };
        await using var source = new KafkaSource(new KafkaSourceDefinition(options), new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore(), new BenchmarkOwner()));
        using var host = await BronzeRun.StartAsync(lake, source, IngestOptions.Of(profile), cancellationToken, telemetry: telemetry);
        var system = host.Services.GetRequiredService<ActorSystem>();
        await Cluster.Get(system).JoinAsync(Cluster.Get(system).SelfAddress, cancellationToken);
        var table = TableId.Bronze(source.Name, KafkaBroker.Topic);
        await UntilAsync(lake, table, broker.Records, cancellationToken);

        var records = recordsPerSecond * seconds;
        await ProduceAsync(broker, recordsPerSecond, records, cancellationToken);
        await UntilAsync(lake, table, broker.Records + records, cancellationToken);
        await system.Terminate();
        return await measure(lake, table);
    }

    private static async Task ProduceAsync(KafkaBroker broker, int recordsPerSecond, int records, CancellationToken cancellationToken)
    {
        var config = new ProducerConfig { BootstrapServers = broker.Bootstrap, LingerMs = 5, QueueBufferingMaxMessages = 1_000_000 };
        using var producer = new ProducerBuilder<Null, byte[]>(config).Build();
        using var every = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        var started = Stopwatch.GetTimestamp();
        for (var produced = 0; produced < records;)
        {
            // What is due by now: a late tick produces more.
            var due = Math.Min(records, (int)(Stopwatch.GetElapsedTime(started).TotalSeconds * recordsPerSecond));
            for (; produced < due; produced++)
                producer.Produce(new TopicPartition(KafkaBroker.Topic, produced % Partitions), new Message<Null, byte[]> { Value = Encoding.UTF8.GetBytes(KafkaBroker.Record(0, produced)) });
            await every.WaitForNextTickAsync(cancellationToken);
        }

        producer.Flush(cancellationToken);
    }

    private static async Task UntilAsync(Lake lake, TableId table, long rows, CancellationToken cancellationToken)
    {
        while ((await lake.TryOpenAsync(table, cancellationToken))?.Current.RowCount is not { } count || count < rows) await Task.Delay(50, cancellationToken);
    }

    private static async Task<(double P50, double P99)> MeasureAsync(TextWriter output, IngestProfile profile, Lake lake, TableId id, CancellationToken cancellationToken)
    {
        var table = (await lake.TryOpenAsync(id, cancellationToken))!;
        using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "CREATE TABLE latency (ms DOUBLE)";
        command.ExecuteNonQuery();
        var commits = 0;
        await foreach (var (_, actions) in table.ChangesAsync(-1, table.Current.Version, cancellationToken))
        {
            var files = actions.OfType<AddFile>().ToList();
            if (files.Count == 0 || actions.OfType<CommitInfo>().FirstOrDefault()?.Timestamp is not { } committedAt) continue;
            commits++;
            foreach (var file in files)
            {
                var path = lake.Store.LocalPath($"{id}/{file.Path}")!.Replace("'", "''", StringComparison.Ordinal);
                command.CommandText = string.Create(CultureInfo.InvariantCulture,
                    $"INSERT INTO latency SELECT {committedAt.ToUnixTimeMilliseconds()} - epoch_ms(_timestamp) FROM read_parquet('{path}') WHERE _offset > 0");
                command.ExecuteNonQuery();
            }
        }

        command.CommandText = "SELECT count(*), quantile_cont(ms, 0.5), quantile_cont(ms, 0.99), max(ms) FROM latency";
        using var reader = command.ExecuteReader();
        reader.Read();
        if (reader.GetInt64(0) != RecordsPerSecond * Seconds) throw new InvalidOperationException($"The table holds {reader.GetInt64(0)} of the records.");
        await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
            $"{profile}: produced to committed at {RecordsPerSecond:N0} records/s: p50 {reader.GetDouble(1):N0} ms, p99 {reader.GetDouble(2):N0} ms, maximum {reader.GetDouble(3):N0} ms; {commits} commits in {Seconds} s"));
        return (reader.GetDouble(1) / 1000, reader.GetDouble(2) / 1000);
    }
}
