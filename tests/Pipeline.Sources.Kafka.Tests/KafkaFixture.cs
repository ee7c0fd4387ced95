using System.Globalization;
using System.Text;
using Apache.Arrow;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Emulation.Kafka;
using Pipeline.Testing;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>A topic of an embedded broker; row N is the record <c>{"n":N}</c> of partition N mod the number of partitions.</summary>
internal sealed class KafkaFixture : SourceFixture
{
    public const string Topic = "user_events";

    private readonly int _partitions;
    private long _next;

    public KafkaFixture(int partitions = 3, int brokers = 1, bool hasTopicIds = false)
    {
        _partitions = partitions;
        Kafka = EmbeddedKafka.Start(brokers, hasTopicIds, (Topic, partitions));
        Producer = new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig { BootstrapServers = Kafka.Bootstrap, LingerMs = 1, EnableIdempotence = true })
            .SetLogHandler((_, _) => { }).Build();
    }

    public EmbeddedKafka Kafka { get; }

    public IProducer<byte[]?, byte[]?> Producer { get; }

    public override string Table => "user_events";

    public override string Secret => "s3cr3t-of-nobody";

    public override ISource Open() => Open(Options(Kafka.Bootstrap));

    public override ISource OpenAlone() => Open(Options(Kafka.Bootstrap) with { Name = $"events_{Guid.NewGuid():N}" });

    public ISource Open(KafkaSourceOptions options, TimeProvider? time = null, LogLines? logs = null, ISourceOwner? owner = null, WaitWatch? waits = null, KnownCertificates? certificates = null) =>
        new KafkaSource(new KafkaSourceDefinition(options), new SourceServices(time ?? TimeProvider.System, (ILoggerFactory?)logs ?? NullLoggerFactory.Instance, new LocalSecretStore(), owner ?? new TestOwner()) { Waits = waits ?? WaitWatch.Silent(TimeProvider.System), Certificates = certificates ?? new KnownCertificates() });

    /// <summary>Nothing listens on port 1.</summary>
    public override ISource OpenBroken() => Open(Options("127.0.0.1:1") with
    {
        Security = new KafkaSecurityOptions { Protocol = KafkaProtocol.SaslPlaintext, Username = "pipeline", Password = new Secret(Secret) },
    });

    public override ISource OpenWithMissingTable() => Open(Options(Kafka.Bootstrap) with { Tables = [new KafkaTableOptions { Name = "no_such_events", Topic = "no_such_events" }] });

    public static KafkaSourceOptions Options(string bootstrap) => new()
    {
        Name = "events",
        Bootstrap = bootstrap,
        Group = "pipeline-events",
        ChunkAgeMax = TimeSpan.FromMilliseconds(5),
        ChunkBytesMax = 8 << 10,
        FetchWaitMax = TimeSpan.FromMilliseconds(20),
        EndsInterval = TimeSpan.FromMilliseconds(200),
        RequestTimeout = TimeSpan.FromSeconds(30),
        Tables = [new KafkaTableOptions { Name = "user_events", Topic = Topic }],
    };

    public override async ValueTask AppendAsync(int count, CancellationToken cancellationToken)
    {
        var deliveries = new List<Task>(count);
        for (var i = 0; i < count; i++, _next++)
            deliveries.Add(ProduceAsync((int)(_next % _partitions), $$"""{"n":{{_next}}}"""));
        await Task.WhenAll(deliveries).WaitAsync(cancellationToken);
    }

    public override ValueTask ReplaceAsync(CancellationToken cancellationToken)
    {
        Kafka.DeleteTopic(Topic);
        Kafka.CreateTopic(Topic, _partitions);
        return ValueTask.CompletedTask;
    }

    public override ValueTask<bool> SwapAsync(CancellationToken cancellationToken) => ValueTask.FromResult(false);

    public override ValueTask<bool> AddColumnAsync(string name, CancellationToken cancellationToken) => ValueTask.FromResult(false);

    public override ValueTask<IReadOnlyList<string>> StateAsync(CancellationToken cancellationToken)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Kafka.Bootstrap }).SetLogHandler((_, _) => { }).Build();
        var topics = admin.GetMetadata(TimeSpan.FromMinutes(1)).Topics;
        return ValueTask.FromResult<IReadOnlyList<string>>([.. topics.Select(topic => $"{topic.Topic} of {topic.Partitions.Count}").Order(StringComparer.Ordinal)]);
    }

    public Task<DeliveryResult<byte[]?, byte[]?>> ProduceAsync(int partition, string value) => ProduceAsync(partition, Encoding.UTF8.GetBytes(value));

    public Task<DeliveryResult<byte[]?, byte[]?>> ProduceAsync(int partition, byte[]? value, byte[]? key = null, Headers? headers = null, Timestamp timestamp = default) =>
        Producer.ProduceAsync(new TopicPartition(Topic, partition), new Message<byte[]?, byte[]?> { Key = key, Value = value, Headers = headers, Timestamp = timestamp });

    public override long NumberOf(RecordBatch rows, int row)
    {
        var value = ((StringArray)rows.Column("value")).GetString(row);
        return long.Parse(value.AsSpan("{\"n\":".Length, value.Length - "{\"n\":}".Length), CultureInfo.InvariantCulture);
    }

    public override async ValueTask DisposeAsync()
    {
        Producer.Dispose();
        await Kafka.DisposeAsync();
    }
}
