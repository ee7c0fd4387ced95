using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Testing;
using Pipeline.Testing.Kafka;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Emulation.Kafka;
using Pipeline.Sources.Kafka;

namespace Pipeline.Ingest.Tests;

/// <summary>The real Kafka source from an embedded broker into a lake.</summary>
public sealed class KafkaIngestSpec : IDisposable
{
    private const string Topic = "user_events";
    private static readonly TableId Events = TableId.Bronze("events", Topic);
    private static readonly TableId Dead = TableId.DeadLetter("events");

    private readonly LakeOracle _oracle = new();

    public void Dispose() => _oracle.Dispose();

    [Fact]
    public async Task Every_offset_is_in_Bronze_or_dead_lettered_exactly_once_whatever_crashes()
    {
        const int partitions = 4, rounds = 3, perRound = 4_000;
        await using var kafka = EmbeddedKafka.Start(brokers: 1, (Topic, partitions));
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap, LingerMs = 1 })
            .SetLogHandler((_, _) => { }).Build();

        for (var round = 0; round < rounds; round++)
        {
            await using var source = Open(kafka.Bootstrap);
            await using var node = await IngestNode.StartAsync(_oracle.Lake, [source]);
            await ProduceAsync(producer, partitions, round * perRound, perRound);
            await node.UntilAsync(status => status.Tables.Any(table => table.Rows > perRound / 4));
            await node.KillAsync();
        }

        await using var lastSource = Open(kafka.Bootstrap);
        await using var last = await IngestNode.StartAsync(_oracle.Lake, [lastSource]);
        await last.UntilAsync(status => status.Tables.Any(table => table.Positions.Count == partitions && table.Positions.Values.Sum() == rounds * perRound));

        var rows = await _oracle.ColumnAsync(Events, "_partition || ':' || _offset");
        var dead = await _oracle.ColumnAsync(Dead, "regexp_extract(_split, '([0-9]+)$', 1) || ':' || _position");
        var expected = Enumerable.Range(0, partitions)
            .SelectMany(partition => Enumerable.Range(0, rounds * perRound / partitions).Select(offset => $"{partition}:{offset}"));
        Assert.Equal(expected.Order(StringComparer.Ordinal), rows.Concat(dead).Order(StringComparer.Ordinal));
        Assert.Equal(rounds * perRound / 100, dead.Count);
    }

    [Fact]
    public async Task Of_a_topic_made_anew_under_a_running_reader_nothing_is_committed_as_the_old_one_and_all_of_it_as_the_new()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, hasTopicIds: true, (Topic, 1));
        await using var proxy = KafkaProxy.Start(kafka.Bootstrap);
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap, LingerMs = 1 }).SetLogHandler((_, _) => { }).Build();
        await using var source = Open(proxy.Bootstrap);
        // Nobody lists the topic meanwhile.
        await using var node = await IngestNode.StartAsync(_oracle.Lake, [source], IngestNode.Fast with { SplitsInterval = TimeSpan.FromHours(1) });
        await ProduceAsync(producer, partitions: 1, from: 0, count: 90);
        await node.UntilAsync(status => status.Tables.Any(table => table.Table == Events && table.Positions.Values.Sum() == 90));

        // More records than were read, so that the client goes on by the topic's name as if nothing had happened.
        proxy.SetTopicId(Topic, Guid.NewGuid());
        await ProduceAsync(producer, partitions: 1, from: 108, count: 50);
        await node.UntilAsync(status => status.Tables.Any(table => table.Table == Events && table.Positions.Values.Contains(140)));

        var rows = await _oracle.ColumnAsync(Events, "coalesce(_epoch, 0) || ':' || _offset");
        Assert.Equal(Enumerable.Range(0, 90).Where(offset => offset != 7).Select(offset => $"0:{offset}").Concat(Enumerable.Range(0, 140).Where(offset => offset != 7).Select(offset => $"1:{offset}")).Order(StringComparer.Ordinal),
            rows.Order(StringComparer.Ordinal));
        Assert.Equal(["0:7", "1:7"], (await _oracle.ColumnAsync(Dead, "coalesce(_epoch, 0) || ':' || _position")).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_part_of_each_partition_is_read_again_once_in_its_order_whatever_crashes_and_what_is_new_follows()
    {
        const int partitions = 2, records = 4_000, from = 200, to = 1_700;
        await using var kafka = EmbeddedKafka.Start(brokers: 1, (Topic, partitions));
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap, LingerMs = 1 }).SetLogHandler((_, _) => { }).Build();
        await ProduceAsync(producer, partitions, 0, records);
        await using (var source = Open(kafka.Bootstrap))
        {
            await using var node = await IngestNode.StartAsync(_oracle.Lake, [source]);
            await node.UntilAsync(status => status.Tables.Any(table => table.Table == Events && table.Positions.Values.Sum() == records));
            await node.KillAsync();
        }

        var splits = (await SnapshotAsync()).Histories.BySplit.Keys.ToList();
        await TableTurns.BeginAsync(_oracle.Lake, Events, [.. splits.Select(split => new SplitPart(split, from, to))], isInOrder: true, TimeProvider.System, TestContext.Current.CancellationToken);
        await ProduceAsync(producer, partitions, records, 200);
        for (var round = 0; round < 3; round++)
        {
            var before = (await SnapshotAsync()).Version;
            await using var source = Open(kafka.Bootstrap);
            await using var node = await IngestNode.StartAsync(_oracle.Lake, [source], IngestNode.Fast with { FileAgeMax = TimeSpan.FromMilliseconds(1), CommitInterval = TimeSpan.FromMilliseconds(1) });
            var since = TimeProvider.System.GetTimestamp();
            while (await SnapshotAsync() is var now && now.Version == before && splits.Sum(split => now.Position(split)) < records + 200)
            {
                Assert.True(TimeProvider.System.GetElapsedTime(since) < Deadlines.Test, $"The table is still at version {before}.");
                await Task.Delay(5, TestContext.Current.CancellationToken);
            }

            await node.KillAsync();
        }

        await using var lastSource = Open(kafka.Bootstrap);
        await using var last = await IngestNode.StartAsync(_oracle.Lake, [lastSource]);
        await last.UntilAsync(status => status.Tables.Any(table => table.Table == Events && table.Positions.Values.Sum() == records + 200));

        string[] read = [.. (await _oracle.ColumnAsync(Events, "_partition || ':' || _offset || ' ' || coalesce(_reading, 0)")), .. (await _oracle.ColumnAsync(Dead, "regexp_extract(_split, '([0-9]+)$', 1) || ':' || _position || ' ' || coalesce(_reading, 0)"))];
        var expected = Enumerable.Range(0, partitions).SelectMany(partition => Enumerable.Range(0, records / partitions).Select(offset => $"{partition}:{offset} 0")
            .Concat(Enumerable.Range(from, to - from).Concat(Enumerable.Range(records / partitions, 200 / partitions)).Select(offset => $"{partition}:{offset} 1")));
        Assert.Equal(expected.Order(StringComparer.Ordinal), read.Order(StringComparer.Ordinal));
        Assert.Empty(SplitTurn.Of((await SnapshotAsync()).Metadata.Configuration));

        async Task<Delta.Log.Snapshot> SnapshotAsync() => (await new Delta.Lake(_oracle.Lake.Store, TimeProvider.System).TryOpenAsync(Events, TestContext.Current.CancellationToken))!.Current;
    }

    private static ISource Open(string bootstrap) => new KafkaSourceDefinition(new KafkaSourceOptions
    {
        Name = "events",
        Bootstrap = bootstrap,
        Group = "pipeline-events",
        ChunkAgeMax = TimeSpan.FromMilliseconds(5),
        FetchWaitMax = TimeSpan.FromMilliseconds(20),
        Tables = [new KafkaTableOptions { Name = Topic, Topic = Topic, Workers = 2 }],
    }).Open(new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore(), new TestOwner()));

    /// <summary>Every hundredth record is not UTF-8.</summary>
    private static Task ProduceAsync(IProducer<Null, byte[]> producer, int partitions, int from, int count) => Task.WhenAll(Enumerable.Range(from, count)
        .Select(n => producer.ProduceAsync(new TopicPartition(Topic, n % partitions),
            new Message<Null, byte[]> { Value = n % 100 == 7 ? [0xFF, 0xFE] : Encoding.UTF8.GetBytes($$"""{"n":{{n}}}""") })));
}
