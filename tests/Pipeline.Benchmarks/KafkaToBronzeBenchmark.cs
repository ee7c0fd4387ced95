using System.Diagnostics;
using System.Runtime.CompilerServices;
using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Hosting;
using Akka.Configuration;
using Akka.Hosting;
using Akka.Remote.Hosting;
using Apache.Arrow;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Ingest;
using Pipeline.Sources.Kafka;

namespace Pipeline.Benchmarks;

/// <summary>
/// A topic into a Bronze table on the local disk, by the service's own ingest on a one-node cluster, beside a bare
/// librdkafka batch consumer that throws the records away: same broker, same data, in turns. Rows are counted in the
/// table's log.
/// </summary>
public sealed class KafkaToBronzeBenchmark : IBenchmark
{
    private const int Partitions = 120;
    private const int RecordsPerPartition = 20_000;
    private const int Rounds = 3;

    public string Name => "kafka";

    public async Task RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        await using var broker = await KafkaBroker.StartAsync(Partitions, RecordsPerPartition, cancellationToken);
        foreach (var workers in new[] { 1, 2 })
        {
            var (bare, ours) = (new List<Usage>(), new List<Usage>());
            for (var round = 0; round <= Rounds; round++)
            {
                var bareRound = await Usage.OfAsync(() => Task.Run(() => KafkaConsumerBenchmark.ConsumeBare(broker, Partitions, cancellationToken), cancellationToken));
                var ourRound = await IngestAsync(broker, workers, cancellationToken);
                // The first round warms up the broker, the compiler and the pools.
                if (round == 0) continue;
                bare.Add(bareRound);
                ours.Add(ourRound);
            }

            var rate = KafkaConsumerBenchmark.Print(output, "bare consumer", broker, bare);
            var ourRate = KafkaConsumerBenchmark.Print(output, $"{workers} worker(s)", broker, ours);
            await output.WriteLineAsync($"ratio          {ourRate / rate:0.00} of the bare consumer's records/s, committed (medians of {Rounds} alternating rounds)");
        }
    }

    /// <summary>From the first chunk to the last committed row: starting a cluster is not what is compared.</summary>
    private static async Task<Usage> IngestAsync(KafkaBroker broker, int workers, CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("kafka-to-bronze-");
        try
        {
            var lake = new Lake(new LocalObjectStore(directory.FullName), TimeProvider.System);
            var options = new KafkaSourceOptions { Bootstrap = broker.Bootstrap, Tables = [new KafkaTableOptions { Name = KafkaBroker.Topic, Topic = KafkaBroker.Topic, Workers = workers }] };
            await using var source = new TimedSource(new KafkaSource("benchmark", options, new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore())));
            using var host = await StartAsync(lake, source, new IngestOptions(), cancellationToken);
            var system = host.Services.GetRequiredService<ActorSystem>();
            var table = TableId.Bronze(source.Name, KafkaBroker.Topic);
            var usage = await Usage.OfAsync(async () =>
            {
                await Cluster.Get(system).JoinAsync(Cluster.Get(system).SelfAddress, cancellationToken);
                while (await RowsAsync(lake, table, cancellationToken) < broker.Records) await Task.Delay(20, cancellationToken);
                return Stopwatch.GetElapsedTime(source.FirstChunkAt);
            });
            await system.Terminate();
            if (await RowsAsync(lake, table, cancellationToken) is var rows && rows != broker.Records)
                throw new InvalidOperationException($"The table holds {rows} rows of {broker.Records} records.");
            return usage;
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static async Task<long> RowsAsync(Lake lake, TableId table, CancellationToken cancellationToken) =>
        (await lake.TryOpenAsync(table, cancellationToken))?.Current.RowCount ?? 0;

    internal static async Task<IHost> StartAsync(Lake lake, ISource source, IngestOptions options, CancellationToken cancellationToken)
    {
        var settings = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "hocon", "akka.conf"), cancellationToken);
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.ClearProviders();
        builder.Services.AddAkka("pipeline", akka => akka
            .AddHocon(ConfigurationFactory.ParseString(settings), HoconAddMode.Prepend)
            .AddHocon("akka.coordinated-shutdown.run-by-actor-system-terminate = off, akka.loglevel = WARNING, akka.stdout-loglevel = OFF", HoconAddMode.Prepend)
            .WithRemoting("127.0.0.1", 0)
            .WithClustering(new ClusterOptions { Roles = [IngestRegistration.Role] })
            .WithIngest(options, lake, [source], TimeProvider.System));
        var host = builder.Build();
        await host.StartAsync(cancellationToken);
        return host;
    }

    /// <summary>Notes when the first chunk came.</summary>
    private sealed class TimedSource(ISource source) : ISource
    {
        private long _firstChunkAt;

        public long FirstChunkAt => Volatile.Read(ref _firstChunkAt);

        public string Name => source.Name;

        public IReadOnlyList<SourceTable> Tables => source.Tables;

        public ValueTask<Schema> DescribeAsync(string table, CancellationToken cancellationToken) => source.DescribeAsync(table, cancellationToken);

        public ValueTask<IReadOnlyList<Split>> ListSplitsAsync(string table, CancellationToken cancellationToken) => source.ListSplitsAsync(table, cancellationToken);

        public async IAsyncEnumerable<Chunk> ReadAsync(IReadOnlyList<SplitPosition> from, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await foreach (var chunk in source.ReadAsync(from, cancellationToken))
            {
                Interlocked.CompareExchange(ref _firstChunkAt, Stopwatch.GetTimestamp(), 0);
                yield return chunk;
            }
        }

        public ValueTask AcknowledgeAsync(SplitId split, long position, CancellationToken cancellationToken) => source.AcknowledgeAsync(split, position, cancellationToken);

        public ValueTask<IReadOnlyList<Finding>> CheckAsync(CancellationToken cancellationToken) => source.CheckAsync(cancellationToken);

        public ValueTask DisposeAsync() => source.DisposeAsync();
    }
}
