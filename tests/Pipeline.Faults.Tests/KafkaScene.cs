using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Confluent.Kafka;
using Pipeline.Emulation.Kafka;
using Pipeline.Testing;

namespace Pipeline.Faults.Tests;

/// <summary>
/// A topic that is written all the time, a lake, and nodes of the product between them. The books say which
/// offsets were produced; the oracle counts what the lake holds.
/// </summary>
internal sealed class KafkaScene : IAsyncDisposable
{
    public const string Topic = "user_events";

    private readonly ScratchDirectory _root = new("pipeline-faults-");
    private readonly SceneLake _lake;
    private readonly int _partitions;
    private readonly IProducer<Null, byte[]> _producer;
    private readonly long[] _produced;
    private readonly CancellationTokenSource _stopProducing = new();
    private readonly ConcurrentBag<PipelineProcess> _processes = [];
    private readonly Dictionary<string, LogReplay> _replays = new(StringComparer.Ordinal);
    private readonly Task _producing;

    /// <param name="lake">Ended with the scene; null: a directory of its own.</param>
    public KafkaScene(int partitions = 4, int brokers = 1, int recordsPerSecond = 400, SceneLake? lake = null)
    {
        _lake = lake ?? new DirectoryLake(Path.Combine(_root, "lake"));
        _partitions = partitions;
        _produced = new long[partitions];
        Kafka = EmbeddedKafka.Start(brokers, (Topic, partitions));
        _producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = Kafka.Bootstrap, LingerMs = 5 })
            .SetLogHandler((_, _) => { }).Build();
        _producing = ProduceAsync(recordsPerSecond);
    }

    public EmbeddedKafka Kafka { get; }

    /// <param name="port">Of the node, when others are to join it; 0: any.</param>
    /// <param name="seedPorts">Of the nodes of which one is to be joined; null: a cluster of its own.</param>
    /// <param name="ingest">More settings of the section <c>ingest</c>.</param>
    /// <param name="recordBytesMax">Larger records are dead letters.</param>
    /// <param name="environment">What else its process finds in its environment.</param>
    public PipelineProcess StartNode(string? killPoint = null, int workers = 2, int port = 0, IEnumerable<int>? seedPorts = null, string ingest = "", int recordBytesMax = 1 << 20, IReadOnlyDictionary<string, string>? environment = null) =>
        Add(PipelineProcess.Start(NextDirectory(), Configuration(workers, port, seedPorts, ingest, recordBytesMax), ["run", "--role", "ingest"], killPoint,
            _lake.Environment.Concat(environment ?? ImmutableDictionary<string, string>.Empty).ToDictionary(StringComparer.Ordinal)));

    /// <summary>Starts an operator's redrive of all dead letters, under a limit that no record exceeds.</summary>
    public PipelineProcess StartRedrive(string? killPoint = null) => Add(PipelineProcess.Start(NextDirectory(),
        Configuration(workers: 1, port: 0, seedPorts: null, ingest: "", recordBytesMax: 1 << 20), ["dlq", "redrive", $"bronze/events/{Topic}"], killPoint, _lake.Environment));

    /// <summary>A limit for a whole test: a hang becomes a failure, and a slow machine has time.</summary>
    public static CancellationTokenSource Deadline()
    {
        var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadlines.Test);
        return deadline;
    }

    public static async Task UntilAsync(Func<bool> isReached, CancellationToken cancellationToken)
    {
        while (!isReached()) await Task.Delay(50, cancellationToken);
    }

    /// <summary>Waits until every record that is produced by now is in the lake, on every partition.</summary>
    public Task UntilCaughtUpAsync(CancellationToken cancellationToken) => UntilAsync(Snapshot(), cancellationToken);

    /// <summary>Waits until each of <paramref name="partitions"/> (all when none) has reached the lake with something new.</summary>
    public async Task UntilProgressAsync(CancellationToken cancellationToken, params int[] partitions)
    {
        var positions = (await EventsAsync()).Positions;
        var wanted = (partitions.Length == 0 ? Enumerable.Range(0, _partitions) : partitions).ToDictionary(partition => partition, partition => PositionOf(positions, partition) + 1);
        await UntilAsync(wanted, cancellationToken);
    }

    /// <summary>Produces no more; from here on the broker's own count is what must be in the lake.</summary>
    public async Task StopProducingAsync()
    {
        await _stopProducing.CancelAsync();
        await _producing;
    }

    /// <summary>The log of the topic's table, as it is by now; asking again brings it up to date.</summary>
    public Task<LogReplay> EventsAsync() => ReplayAsync(Topic);

    /// <summary>How many of the topic's records the table's positions have passed.</summary>
    public async Task<long> CommittedAsync()
    {
        var positions = (await EventsAsync()).Positions;
        return Enumerable.Range(0, _partitions).Sum(partition => PositionOf(positions, partition));
    }

    /// <summary>Of the topic's table, those that are being written too. The lake must be a directory.</summary>
    public HashSet<string> DataFiles() => Directory.Exists(Table) ? [.. Directory.EnumerateFiles(Table, "*", SearchOption.AllDirectories).Where(file => !file.Contains("_delta_log", StringComparison.Ordinal))] : [];

    /// <summary>Every produced offset is in the table or dead-lettered exactly once, and both logs are without gaps.</summary>
    public async Task AssertExactlyOnceAsync(CancellationToken cancellationToken)
    {
        var (events, dead) = (await EventsAsync(), await ReplayAsync("_dead_letter"));
        events.CheckFiles();
        dead.CheckFiles();
        var found = (await FileQuery.ColumnAsync(events, "_partition || ':' || _offset", cancellationToken))
            .Concat(await FileQuery.ColumnAsync(dead, "regexp_extract(_split, '([0-9]+)$', 1) || ':' || _position", cancellationToken)).Order(StringComparer.Ordinal);

        Assert.True(_produced.Sum() > 0);
        Assert.Equal(Produced(), found);
    }

    /// <summary>
    /// After everything was re-driven: every produced offset that is text is in the table once, marked if and only if it is
    /// a dead letter; those that are not text are dead letters alone.
    /// </summary>
    public async Task AssertRedrivenOnceAsync(CancellationToken cancellationToken)
    {
        var (events, dead) = (await EventsAsync(), await ReplayAsync("_dead_letter"));
        events.CheckFiles();
        dead.CheckFiles();
        var rows = await FileQuery.ColumnAsync(events, "_partition || ':' || _offset", cancellationToken);
        var marked = await FileQuery.ColumnAsync(events, "CASE WHEN _redriven_from IS NULL THEN '' ELSE regexp_extract(_redriven_from, '([0-9]+)$', 1) || ':' || _position END", cancellationToken);
        var letters = await FileQuery.ColumnAsync(dead, "regexp_extract(_split, '([0-9]+)$', 1) || ':' || _position", cancellationToken);
        var broken = await FileQuery.ColumnAsync(dead, "CASE WHEN hex(value) = 'FFFE' THEN regexp_extract(_split, '([0-9]+)$', 1) || ':' || _position ELSE '' END", cancellationToken);

        string[] stay = [.. broken.Where(letter => letter.Length > 0)];
        Assert.NotEmpty(stay);
        Assert.Equal(Produced(), rows.Concat(stay).Order(StringComparer.Ordinal));
        Assert.Equal(letters.Except(stay).Order(StringComparer.Ordinal), marked.Where(mark => mark.Length > 0).Order(StringComparer.Ordinal));
    }

    /// <summary>Produces no more, lets <paramref name="node"/> catch up and leave, and counts.</summary>
    public async Task AssertEndsExactlyOnceAsync(PipelineProcess node, CancellationToken cancellationToken)
    {
        await StopProducingAsync();
        await UntilCaughtUpAsync(cancellationToken);
        Assert.Equal(0, await node.StopAsync(cancellationToken));
        await AssertExactlyOnceAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_stopProducing.IsCancellationRequested) await StopProducingAsync();
        foreach (var process in _processes) await process.DisposeAsync();
        _producer.Dispose();
        await Kafka.DisposeAsync();
        _stopProducing.Dispose();
        await _lake.DisposeAsync();
        _root.Dispose();
    }

    /// <summary>Writes a configuration in a directory of its own; returns its path.</summary>
    private string NextDirectory() => Path.Combine(_root, $"node-{_processes.Count}");

    private string Configuration(int workers, int port, IEnumerable<int>? seedPorts, string ingest, int recordBytesMax) => $$"""
        lake {
          location = "{{_lake.Location}}"
          {{_lake.Settings}}
        }
        ingest {
          file-age-max = 50ms, position-age-max = 500ms, commit-interval = 20ms, splits-interval = 1s
          retry { backoff-min = 50ms, backoff-max = 1s, attempts-max = 3 }
          {{ingest}}
        }
        cluster { roles = [ingest], hostname = 127.0.0.1, port = {{port}}, seed-nodes = [{{string.Join(", ", (seedPorts ?? []).Select(seed => $"\"127.0.0.1:{seed}\""))}}] }
        sources {
          events {
            type = kafka
            bootstrap = "{{Kafka.Bootstrap}}"
            security { protocol = plaintext }
            chunk-bytes-max = 64 KiB
            chunk-age-max = 10ms
            tables { {{Topic}} { topic = {{Topic}}, format = json, workers = {{workers}}, record-bytes-max = {{recordBytesMax}} } }
          }
        }
        """;

    private PipelineProcess Add(PipelineProcess process)
    {
        _processes.Add(process);
        return process;
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

    private async Task<LogReplay> ReplayAsync(string table)
    {
        var lake = await _lake.LookAsync();
        // Only what is new is read: looking must not cost the nodes more processor time the longer a test takes.
        if (_replays.TryGetValue(table, out var replay)) replay.Advance();
        else _replays.Add(table, replay = LogReplay.Of(Path.Combine(lake, "bronze", "events", table)));
        return replay;
    }

    private string Table => Path.Combine(_lake.Location, "bronze", "events", Topic);

    private IEnumerable<string> Produced() => Enumerable.Range(0, _partitions)
        .SelectMany(partition => Enumerable.Range(0, (int)_produced[partition]).Select(offset => $"{partition}:{offset}")).Order(StringComparer.Ordinal);

    private Dictionary<int, long> Snapshot() => Enumerable.Range(0, _partitions).ToDictionary(partition => partition, partition => Interlocked.Read(ref _produced[partition]));

    private async Task UntilAsync(Dictionary<int, long> wanted, CancellationToken cancellationToken)
    {
        while (true)
        {
            var positions = (await EventsAsync()).Positions;
            if (wanted.All(pair => PositionOf(positions, pair.Key) >= pair.Value)) return;
            if (cancellationToken.IsCancellationRequested)
                Assert.Fail($"Wanted {string.Join(", ", wanted)}; have {string.Join(", ", positions)}. Nodes say:\n{string.Join("\n--\n", _processes.Select(process => process.Log))}");
            await Task.Delay(50, CancellationToken.None);
        }
    }

    private static long PositionOf(IReadOnlyDictionary<string, long> positions, int partition) =>
        positions.Where(pair => pair.Key.EndsWith($"/{partition.ToString(CultureInfo.InvariantCulture)}", StringComparison.Ordinal)).Select(pair => pair.Value).DefaultIfEmpty(0).Max();
}
