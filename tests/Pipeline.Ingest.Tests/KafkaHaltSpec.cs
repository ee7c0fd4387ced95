using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Testing;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Emulation.Kafka;
using Pipeline.Sources.Kafka;
using Pipeline.Testing.Kafka;

namespace Pipeline.Ingest.Tests;

/// <summary>A node meets one after the other what brokers refuse and lose for a while, and nobody tells it to go on.</summary>
public sealed class KafkaHaltSpec : IDisposable
{
    private const string Early = "early_events", Late = "late_events";

    private readonly LakeOracle _oracle = new();
    private readonly string _passwordFile = Path.GetTempFileName();
    private readonly Dictionary<(string Topic, int Partition), int> _produced = [];

    public void Dispose()
    {
        _oracle.Dispose();
        File.Delete(_passwordFile);
    }

    [Fact]
    public async Task What_passes_at_the_brokers_is_outlived_without_a_word_and_every_offset_is_there_once()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, (Early, 2));
        await using var proxy = KafkaProxy.Start(kafka.Bootstrap, "pipeline", "first");
        await File.WriteAllTextAsync(_passwordFile, "first", TestContext.Current.CancellationToken);
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap, AllowAutoCreateTopics = false }).SetLogHandler((_, _) => { }).Build();
        // A right on the group is missing all the time.
        proxy.Fail(KafkaApi.FindCoordinator, KafkaError.GroupAuthorizationFailed);
        proxy.SetLeaderless(Early, 0, isLeaderless: true);
        await using var source = Open(proxy.Bootstrap);
        await using var node = await IngestNode.StartAsync(_oracle.Lake, [source],
            IngestNode.Fast with { HaltRetry = new RetryPolicy { BackoffMin = TimeSpan.FromMilliseconds(100), BackoffMax = TimeSpan.FromMilliseconds(500) } });

        // Nobody leads one partition, and a topic is missing.
        await ProduceAsync(producer, Early, 1);
        await node.UntilAsync(status => Rows(status, Early) == 10 && State(status, Late) == IngestState.Halted);
        kafka.CreateTopic(Late, partitions: 1);
        await ProduceAsync(producer, Late, 0);
        await node.UntilAsync(status => Rows(status, Late) == 10);
        await ProduceAsync(producer, Early, 0);
        proxy.SetLeaderless(Early, 0, isLeaderless: false);
        await node.UntilAsync(status => Rows(status, Early) == 20 && State(status, Early) == IngestState.Running);

        // A right is taken and given back.
        proxy.Fail(KafkaApi.Fetch, KafkaError.TopicAuthorizationFailed, Early);
        await node.UntilAsync(status => State(status, Early) == IngestState.Halted);
        await ProduceAsync(producer, Early, 1);
        await ProduceAsync(producer, Late, 0);
        await node.UntilAsync(status => Rows(status, Late) == 20);
        proxy.Fail(KafkaApi.Fetch, KafkaError.None, Early);
        await node.UntilAsync(status => Rows(status, Early) == 30 && State(status, Early) == IngestState.Running);

        // A topic is deleted under its reader, and comes back: nothing arrives and nothing is refused, but the next listing misses it.
        Assert.InRange(new IngestOptions().SplitsInterval, TimeSpan.Zero, TimeSpan.FromMinutes(1));
        proxy.Fail(KafkaApi.Metadata, KafkaError.UnknownTopicOrPartition, Early);
        proxy.Fail(KafkaApi.Fetch, KafkaError.UnknownTopicOrPartition, Early);
        var deleted = Of(await node.UntilAsync(status => Of(status, Early) is { State: IngestState.Retrying, LastFault.Kind: FaultKind.Missing }), Early)!.LastFault!;
        Assert.Contains($"topic {Early}", deleted.Thing, StringComparison.Ordinal);
        proxy.Fail(KafkaApi.Metadata, KafkaError.None, Early);
        proxy.Fail(KafkaApi.Fetch, KafkaError.None, Early);
        await ProduceAsync(producer, Early, 0);
        await node.UntilAsync(status => Rows(status, Early) == 40 && State(status, Early) == IngestState.Running);

        // The password changes at the broker, and later in the file.
        proxy.Password = "second";
        proxy.CloseConnections();
        // Halted and tried again in turn: what is certain to be seen of both is why.
        await node.UntilAsync(status => IsRefused(status, Early) && IsRefused(status, Late));
        await File.WriteAllTextAsync(_passwordFile, "second", TestContext.Current.CancellationToken);
        foreach (var (topic, partition) in new[] { (Early, 0), (Early, 1), (Late, 0) }) await ProduceAsync(producer, topic, partition);
        await node.UntilAsync(status => Rows(status, Early) == 60 && Rows(status, Late) == 30);

        foreach (var topic in new[] { Early, Late })
            Assert.Equal(_produced.Where(pair => pair.Key.Topic == topic).SelectMany(pair => Enumerable.Range(0, pair.Value).Select(offset => $"{pair.Key.Partition}:{offset}")).Order(StringComparer.Ordinal),
                (await _oracle.ColumnAsync(TableId.Bronze("events", topic), "_partition || ':' || _offset")).Order(StringComparer.Ordinal));
    }

    private async Task ProduceAsync(IProducer<Null, byte[]> producer, string topic, int partition)
    {
        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => producer.ProduceAsync(new TopicPartition(topic, partition), new Message<Null, byte[]> { Value = Encoding.UTF8.GetBytes("{}") })));
        _produced[(topic, partition)] = _produced.GetValueOrDefault((topic, partition)) + 10;
    }

    private static long Rows(IngestStatus status, string topic) => Of(status, topic)?.Rows ?? 0;

    private static IngestState? State(IngestStatus status, string topic) => Of(status, topic)?.State;

    private static bool IsRefused(IngestStatus status, string topic) => Of(status, topic)?.LastFault is { Kind: FaultKind.NotAuthorised };

    private static TableStatus? Of(IngestStatus status, string topic) => status.Tables.FirstOrDefault(table => table.Table == TableId.Bronze("events", topic));

    private ISource Open(string bootstrap) => new KafkaSourceDefinition(new KafkaSourceOptions
    {
        Name = "events",
        Bootstrap = bootstrap,
        Group = null,
        ChunkAgeMax = TimeSpan.FromMilliseconds(5),
        FetchWaitMax = TimeSpan.FromMilliseconds(20),
        RequestTimeout = TimeSpan.FromSeconds(5),
        Security = new KafkaSecurityOptions { Protocol = KafkaProtocol.SaslPlaintext, Mechanism = SaslMechanism.Plain, Username = "pipeline", Password = new Secret($"secret:file:{_passwordFile}") },
        Tables = [new KafkaTableOptions { Name = Early, Topic = Early }, new KafkaTableOptions { Name = Late, Topic = Late }],
    }).Open(new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore(), new TestOwner()));
}
