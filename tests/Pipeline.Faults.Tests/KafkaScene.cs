using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Confluent.Kafka;
using DuckDB.NET.Data;
using Pipeline.Emulation.Kafka;

namespace Pipeline.Faults.Tests;

/// <summary>
/// A topic that is written all the time, a lake in a directory, and nodes of the product between them. The books say which
/// offsets were produced; the oracle counts what the lake holds.
/// </summary>
internal sealed class KafkaScene : IAsyncDisposable
{
    public const string Topic = "user_events";

    private readonly string _root = Path.Combine(Path.GetTempPath(), $"pipeline-faults-{Guid.NewGuid():N}");
    private readonly int _partitions;
    private readonly IProducer<Null, byte[]> _producer;
    private readonly long[] _produced;
    private readonly CancellationTokenSource _stopProducing = new();
    private readonly ConcurrentBag<PipelineProcess> _processes = [];
    private readonly Task _producing;

    public KafkaScene(int partitions = 4, int brokers = 1, int recordsPerSecond = 400)
    {
        Directory.CreateDirectory(_root);
        _partitions = partitions;
        _produced = new long[partitions];
        Kafka = EmbeddedKafka.Start(brokers, (Topic, partitions));
        _producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = Kafka.Bootstrap, LingerMs = 5 })
            .SetLogHandler((_, _) => { }).Build();
        _producing = ProduceAsync(recordsPerSecond);
    }

    public EmbeddedKafka Kafka { get; }

    public string Lake => Path.Combine(_root, "lake");

    private string Events => Path.Combine(Lake, "bronze", "events", Topic);

    private string DeadLetters => Path.Combine(Lake, "bronze", "events", "_dead_letter");

    /// <param name="port">Of the node, when others are to join it; 0: any.</param>
    /// <param name="seed">The node to join, <c>host:port</c>; null: a cluster of its own.</param>
    public PipelineProcess StartNode(string? killPoint = null, int workers = 2, int port = 0, string? seed = null)
    {
        var directory = Path.Combine(_root, $"node-{_processes.Count}");
        Directory.CreateDirectory(directory);
        File.Copy(Path.Combine(AppContext.BaseDirectory, "hocon", "akka.conf"), Path.Combine(directory, "akka.conf"));
        var configuration = Path.Combine(directory, "pipeline.conf");
        File.WriteAllText(configuration, $$"""
            pipeline {
              lake { location = "{{Lake}}" }
              ingest {
                file-age-max = 50ms, position-age-max = 500ms, commit-interval = 20ms, splits-interval = 1s, answer-timeout = 2s
                retry { backoff-min = 50ms, backoff-max = 1s, attempts-max = 3 }
              }
              cluster { hostname = 127.0.0.1, port = {{port}}, seed-nodes = [{{(seed is null ? "" : $"\"{seed}\"")}}] }
              sources {
                events {
                  type = kafka
                  bootstrap = "{{Kafka.Bootstrap}}"
                  security { protocol = plaintext }
                  chunk-bytes-max = 64 KiB
                  chunk-age-max = 10ms
                  tables { {{Topic}} { topic = {{Topic}}, format = json, workers = {{workers}} } }
                }
              }
            }
            """);
        var process = PipelineProcess.StartIngest(configuration, killPoint);
        _processes.Add(process);
        return process;
    }

    /// <summary>Waits until every record that is produced by now is in the lake, on every partition.</summary>
    public Task UntilCaughtUpAsync(CancellationToken cancellationToken) => UntilAsync(Snapshot(), cancellationToken);

    /// <summary>Waits until each of <paramref name="partitions"/> (all when none) has reached the lake with something new.</summary>
    public Task UntilProgressAsync(CancellationToken cancellationToken, params int[] partitions)
    {
        var positions = LogReplay.Of(Events).Positions;
        var wanted = (partitions.Length == 0 ? Enumerable.Range(0, _partitions) : partitions).ToDictionary(partition => partition, partition => PositionOf(positions, partition) + 1);
        return UntilAsync(wanted, cancellationToken);
    }

    /// <summary>Produces no more; from here on the broker's own count is what must be in the lake.</summary>
    public async Task StopProducingAsync()
    {
        await _stopProducing.CancelAsync();
        await _producing;
    }

    /// <summary>Every produced offset is in the table or dead-lettered exactly once, and both logs are without gaps.</summary>
    public async Task AssertExactlyOnceAsync(CancellationToken cancellationToken)
    {
        var (events, dead) = (LogReplay.Of(Events), LogReplay.Of(DeadLetters));
        events.CheckFiles();
        dead.CheckFiles();
        var found = (await ReadAsync(events, "_partition || ':' || _offset", cancellationToken))
            .Concat(await ReadAsync(dead, "regexp_extract(_split, '([0-9]+)$', 1) || ':' || _position", cancellationToken)).Order(StringComparer.Ordinal);
        var expected = Enumerable.Range(0, _partitions)
            .SelectMany(partition => Enumerable.Range(0, (int)_produced[partition]).Select(offset => $"{partition}:{offset}")).Order(StringComparer.Ordinal);

        Assert.True(_produced.Sum() > 0);
        Assert.Equal(expected, found);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_stopProducing.IsCancellationRequested) await StopProducingAsync();
        foreach (var process in _processes) await process.DisposeAsync();
        _producer.Dispose();
        await Kafka.DisposeAsync();
        _stopProducing.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    /// <summary>One record in fifty is not UTF-8.</summary>
    private async Task ProduceAsync(int recordsPerSecond)
    {
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        var number = 0;
        while (!_stopProducing.IsCancellationRequested)
        {
            var sent = new List<Task<DeliveryResult<Null, byte[]>>>();
            for (var i = 0; i < recordsPerSecond / 20; i++, number++)
                sent.Add(_producer.ProduceAsync(new TopicPartition(Topic, number % _partitions),
                    new Message<Null, byte[]> { Value = number % 50 == 7 ? [0xFF, 0xFE] : Encoding.UTF8.GetBytes($$"""{"n":{{number}}}""") }));
            foreach (var delivery in sent)
            {
                // A broker that is away: the next record will do as well. What it has taken nevertheless is counted at the end.
                await ((Task)delivery).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (delivery.IsCompletedSuccessfully)
                    Interlocked.Exchange(ref _produced[(await delivery).Partition.Value], (await delivery).Offset.Value + 1);
            }

            await pace.WaitForNextTickAsync(CancellationToken.None);
        }

        for (var partition = 0; partition < _partitions; partition++) _produced[partition] = Kafka.Watermarks(Topic, partition).High;
    }

    private Dictionary<int, long> Snapshot() => Enumerable.Range(0, _partitions).ToDictionary(partition => partition, partition => Interlocked.Read(ref _produced[partition]));

    private async Task UntilAsync(Dictionary<int, long> wanted, CancellationToken cancellationToken)
    {
        while (true)
        {
            var positions = LogReplay.Of(Events).Positions;
            if (wanted.All(pair => PositionOf(positions, pair.Key) >= pair.Value)) return;
            if (cancellationToken.IsCancellationRequested)
                Assert.Fail($"Wanted {string.Join(", ", wanted)}; have {string.Join(", ", positions)}. Nodes say:\n{string.Join("\n--\n", _processes.Select(process => process.Log))}");
            await Task.Delay(50, CancellationToken.None);
        }
    }

    private static long PositionOf(IReadOnlyDictionary<string, long> positions, int partition) =>
        positions.Where(pair => pair.Key.EndsWith($"/{partition.ToString(CultureInfo.InvariantCulture)}", StringComparison.Ordinal)).Select(pair => pair.Value).DefaultIfEmpty(0).Max();

    private static async Task<IReadOnlyList<string>> ReadAsync(LogReplay table, string expression, CancellationToken cancellationToken)
    {
        if (table.Files.Count == 0) return [];
        await using var duck = new DuckDBConnection("DataSource=:memory:");
        await duck.OpenAsync(cancellationToken);
        await using var query = duck.CreateCommand();
        query.CommandText = $"SELECT {expression} FROM read_parquet([{string.Join(", ", table.Files.Select(file => $"'{file}'"))}])";
        await using var rows = await query.ExecuteReaderAsync(cancellationToken);
        var values = new List<string>();
        while (await rows.ReadAsync(cancellationToken)) values.Add(rows.GetString(0));
        return values;
    }
}
