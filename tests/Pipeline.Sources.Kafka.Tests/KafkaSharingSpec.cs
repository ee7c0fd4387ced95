using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Testing;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Emulation.Kafka;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>All readings of a source by one client: what it costs, and that each goes on as if it were alone.</summary>
/// <remarks>Counts threads of the process.</remarks>
[Collection(ProcessFigures.Name)]
public sealed class KafkaSharingSpec : KafkaSpec
{
    /// <summary>About as long as the client allows: a test that has to wait for it fails.</summary>
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(4);

    [Fact]
    public async Task Fifty_tables_take_one_client_and_as_few_fetches_as_one()
    {
        const int tables = 50, partitions = 12;
        await using var topics = new Topics(tables, partitions, TimeSpan.FromSeconds(1));
        var before = ThreadsOfClients();
        await using var source = topics.Open();
        await Task.WhenAll(Enumerable.Range(0, tables).Select(table => topics.ProduceAsync(table, 1, Deadline)));
        var readings = await Task.WhenAll(Enumerable.Range(0, tables).Select(table => Taker.StartAsync(source, $"t{table}", Deadline)));
        foreach (var reading in readings) await reading.TakeAsync(1);

        // Everything has been read, and the client has noticed.
        while (topics.Gateway.FetchWait < TimeSpan.FromSeconds(1)) await Task.Delay(20, Deadline);
        Assert.Equal(1, source.OpenClients);
        // Its own, one for each way to a broker, and those of the client that asks about topics.
        Assert.InRange(ThreadsOfClients() - before, 1, 12);
        var since = TimeProvider.System.GetTimestamp();
        var fetches = topics.Gateway.Fetches;
        while (topics.Gateway.Fetches < fetches + 3) await Task.Delay(20, Deadline);
        Assert.True(TimeProvider.System.GetElapsedTime(since) >= TimeSpan.FromSeconds(1.9), "Of three fetches the last two were each held for a second.");

        foreach (var reading in readings) await reading.DisposeAsync();
        Assert.Equal(0, source.OpenClients);
    }

    [Fact]
    public async Task A_record_is_read_when_it_comes_and_not_when_the_wait_is_over()
    {
        await using var topics = new Topics(tables: 2, partitions: 3, Long);
        await using var source = topics.Open();
        await using var first = await Taker.StartAsync(source, "t0", Deadline);
        await using var second = await Taker.StartAsync(source, "t1", Deadline);
        while (topics.Gateway.FetchWait < Long) await Task.Delay(20, Deadline);

        for (var number = 0; number < 3; number++)
        {
            await topics.ProduceAsync(number % 2, 1, Deadline);
            await (number % 2 == 0 ? first : second).TakeAsync(number / 2 + 1);
        }
    }

    [Fact]
    public async Task A_backlog_does_not_wait_for_the_fetches_of_idle_tables()
    {
        // Many times what a reading's queue holds: it is left out of many fetches.
        const int records = 24_000;
        await using var topics = new Topics(tables: 2, partitions: 1, Long);
        var produced = new string('x', 1000);
        await topics.ProduceAsync(0, 4_000, Deadline, produced);
        await using var source = topics.Open();
        await using var backlog = await Taker.StartAsync(source, "t0", Deadline);
        await using var idle = await Taker.StartAsync(source, "t1", Deadline);

        for (var count = 4_000; count <= records; count += 4_000)
        {
            await backlog.TakeAsync(count);
            if (count < records) await topics.ProduceAsync(0, 4_000, Deadline, produced);
        }
    }

    [Fact]
    public async Task A_reading_that_nobody_takes_from_stops_no_other()
    {
        await using var topics = new Topics(tables: 2, partitions: 2, TimeSpan.FromMilliseconds(20));
        await topics.ProduceAsync(0, 4_000, Deadline, new string('x', 1000));
        await using var source = topics.Open();
        await using var stuck = await Taker.StartAsync(source, "t0", Deadline);
        await using var flowing = await Taker.StartAsync(source, "t1", Deadline);

        for (var count = 100; count <= 1_000; count += 100)
        {
            await topics.ProduceAsync(1, 100, Deadline);
            await flowing.TakeAsync(count);
        }

        await stuck.TakeAsync(4_000);
    }

    [Fact]
    public async Task Readings_come_and_go_while_another_reads_each_record_once()
    {
        await using var topics = new Topics(tables: 3, partitions: 4, TimeSpan.FromMilliseconds(20));
        await using var source = topics.Open();
        await using var steady = await Taker.StartAsync(source, "t0", Deadline);
        var positions = new Dictionary<SplitId, long>();
        var restless = new List<(int, long)>();

        for (var round = 1; round <= 8; round++)
        {
            for (var table = 0; table < 3; table++) await topics.ProduceAsync(table, 40, Deadline);
            await using (var coming = await Taker.StartAsync(source, "t1", Deadline, positions))
            {
                await coming.TakeAsync(40);
                foreach (var (split, range) in coming.Read.Ranges) positions[split] = range.To;
                restless.AddRange(coming.Read.Records.Select(record => (record.Partition, record.Offset)));
            }

            await using var other = await Taker.StartAsync(source, "t2", Deadline);
            await other.TakeAsync(round * 40);
            await steady.TakeAsync(round * 40);
            Assert.Equal(1, source.OpenClients);
        }

        Assert.Equal(Enumerable.Range(0, 320).Select(number => (number % 4, (long)number / 4)).Order(), restless.Order());
        Assert.Equal(Enumerable.Range(0, 320).Select(number => (number % 4, (long)number / 4)).Order(), steady.Read.Records.Select(record => (record.Partition, record.Offset)).Order());
    }

    [Fact]
    public async Task A_reading_that_fails_stops_no_other()
    {
        await using var topics = new Topics(tables: 2, partitions: 1, TimeSpan.FromMilliseconds(20));
        await topics.ProduceAsync(0, 10, Deadline);
        await using var source = topics.Open();
        await using var steady = await Taker.StartAsync(source, "t1", Deadline);

        await using var failing = await Taker.StartAsync(source, "t0", Deadline, new Dictionary<SplitId, long> { [new SplitId(source.Name, "t0/0")] = 500 });
        var gap = await Assert.ThrowsAsync<PipelineException>(() => failing.TakeAsync(1));
        await topics.ProduceAsync(1, 10, Deadline);
        await steady.TakeAsync(10);

        Assert.Equal(FaultKind.Gap, gap.Kind);
        Assert.Equal(1, source.OpenClients);
    }

    [Fact]
    public async Task A_partition_may_be_read_twice_at_a_time()
    {
        await using var topics = new Topics(tables: 1, partitions: 2, TimeSpan.FromMilliseconds(20));
        await topics.ProduceAsync(0, 20, Deadline);
        await using var source = topics.Open();

        await using var one = await Taker.StartAsync(source, "t0", Deadline);
        await one.TakeAsync(20);
        await using (var two = await Taker.StartAsync(source, "t0", Deadline))
        {
            await two.TakeAsync(20);
            Assert.Equal(2, source.OpenClients);
        }

        await topics.ProduceAsync(0, 20, Deadline);
        await one.TakeAsync(40);

        Assert.Equal(1, source.OpenClients);
    }

    [Fact]
    public async Task All_readings_of_a_broken_client_end_and_who_comes_next_gets_another()
    {
        var time = new FakeTimeProvider();
        await using var topics = new Topics(tables: 2, partitions: 1, TimeSpan.FromMilliseconds(20));
        await using var source = topics.Open(time, TimeSpan.FromSeconds(10));
        await using var first = await Taker.StartAsync(source, "t0", Deadline);
        await using var second = await Taker.StartAsync(source, "t1", Deadline);

        topics.Kafka.TakeDown(1);
        topics.Gateway.CloseConnections();
        foreach (var reading in (Taker[])[first, second])
        {
            var next = reading.TakeAsync(int.MaxValue);
            while (!next.IsCompleted)
            {
                time.Advance(TimeSpan.FromSeconds(1));
                await Task.WhenAny(next, Task.Delay(20, Deadline));
            }

            Assert.Equal(FaultKind.Unreachable, (await Assert.ThrowsAsync<PipelineException>(() => next)).Kind);
        }

        topics.Kafka.BringUp(1);
        await using var again = await Taker.StartAsync(source, "t1", Deadline);
        var produced = topics.ProduceAsync(1, 1, Deadline);
        var taken = again.TakeAsync(1);
        while (!taken.IsCompleted)
        {
            time.Advance(TimeSpan.FromMilliseconds(10));
            await Task.WhenAny(taken, Task.Delay(20, Deadline));
        }

        await taken;
        await produced;
        Assert.Equal(1, source.OpenClients);
    }

    /// <summary>Threads that librdkafka has started.</summary>
    private static int ThreadsOfClients() => Directory.EnumerateDirectories("/proc/self/task").Count(task => NameOf(task).StartsWith("rdk:", StringComparison.Ordinal));

    private static string NameOf(string task)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm"));
        }
        catch (IOException)
        {
            // It has ended since it was listed.
            return "";
        }
    }

    /// <summary>Topics <c>t0</c>, <c>t1</c>, ... behind a gateway that holds fetches.</summary>
    private sealed class Topics : IAsyncDisposable
    {
        private readonly int _tables;
        private readonly int _partitions;
        private readonly TimeSpan _fetchWaitMax;
        private readonly IProducer<byte[]?, byte[]?> _producer;
        private readonly long[] _next;

        public Topics(int tables, int partitions, TimeSpan fetchWaitMax)
        {
            (_tables, _partitions, _fetchWaitMax, _next) = (tables, partitions, fetchWaitMax, new long[tables]);
            Kafka = EmbeddedKafka.Start(brokers: 1, [.. Enumerable.Range(0, tables).Select(table => ($"t{table}", partitions))]);
            Gateway = KafkaGateway.Start(Kafka, "", new KafkaGatewayOptions { HoldsFetches = true });
            _producer = new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig { BootstrapServers = Gateway.Bootstrap, LingerMs = 1, EnableIdempotence = true })
                .SetLogHandler((_, _) => { }).Build();
        }

        public EmbeddedKafka Kafka { get; }

        public KafkaGateway Gateway { get; }

        /// <param name="requestTimeout">Null: a minute, which no machine that is busy takes.</param>
        public KafkaSource Open(TimeProvider? time = null, TimeSpan? requestTimeout = null) => new(new KafkaSourceDefinition(KafkaFixture.Options(Gateway.Bootstrap) with
        {
            ReadAheadBytesMax = 8 << 20,
            ChunkBytesMax = 256 << 10,
            FetchWaitMax = _fetchWaitMax,
            RequestTimeout = requestTimeout ?? TimeSpan.FromMinutes(1),
            Tables = [.. Enumerable.Range(0, _tables).Select(table => new KafkaTableOptions { Name = $"t{table}", Topic = $"t{table}" })],
        }), new SourceServices(time ?? TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore(), new TestOwner()));

        /// <summary>Record N of a table goes to partition N mod their number.</summary>
        public async Task ProduceAsync(int table, int count, CancellationToken cancellationToken, string value = "")
        {
            var bytes = Encoding.UTF8.GetBytes(value);
            var deliveries = Enumerable.Range(0, count).Select(_ => _producer.ProduceAsync(
                new TopicPartition($"t{table}", (int)(_next[table]++ % _partitions)), new Message<byte[]?, byte[]?> { Value = bytes })).ToList();
            await Task.WhenAll(deliveries).WaitAsync(cancellationToken);
        }

        public async ValueTask DisposeAsync()
        {
            _producer.Dispose();
            await Gateway.DisposeAsync();
            await Kafka.DisposeAsync();
        }
    }

    /// <summary>A reading of one table that has begun, and of which a test takes as much as it says.</summary>
    private sealed class Taker : IAsyncDisposable
    {
        private readonly CancellationTokenSource _leaving;
        private readonly IAsyncEnumerator<Chunk> _chunks;
        private Task<bool> _next;

        private Taker(ISource source, IReadOnlyList<SplitPosition> from, CancellationToken cancellationToken)
        {
            _leaving = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            _chunks = source.ReadAsync(from, _leaving.Token).GetAsyncEnumerator(_leaving.Token);
            _next = _chunks.MoveNextAsync().AsTask();
        }

        public ReadRecords Read { get; } = new();

        /// <summary>Reads from the positions, or from the beginning of each split that has none.</summary>
        public static async Task<Taker> StartAsync(ISource source, string table, CancellationToken cancellationToken, IReadOnlyDictionary<SplitId, long>? from = null)
        {
            var splits = await source.ListSplitsAsync(table, cancellationToken);
            return new Taker(source, [.. splits.Select(split => new SplitPosition(split.Id, from?.GetValueOrDefault(split.Id) ?? 0))], cancellationToken);
        }

        /// <summary>Takes until there have been so many records.</summary>
        public async Task TakeAsync(int count)
        {
            while (Read.Records.Count < count)
            {
                Assert.True(await _next);
                using (var chunk = _chunks.Current) Read.Take(chunk);
                _next = _chunks.MoveNextAsync().AsTask();
            }
        }

        public async ValueTask DisposeAsync()
        {
            await _leaving.CancelAsync();
            await ((Task)_next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_next.IsCompletedSuccessfully && _next.Result) _chunks.Current.Dispose();
            await _chunks.DisposeAsync();
            _leaving.Dispose();
        }
    }
}
