using Confluent.Kafka;
using Pipeline.Core;
using Pipeline.Demo.Data;
using Pipeline.Demo.Data.Writers;
using Pipeline.Demo.Driver;
using Pipeline.Emulation.Kafka;
using Pipeline.Testing;

namespace Pipeline.Demo.Tests.Data;

public sealed class KafkaWriterSpec
{
    private const string Topic = "events";

    [Fact]
    public async Task Never_overwrites_what_has_not_been_read()
    {
        const int records = 30_000;
        var value = new byte[400];
        await using var kafka = EmbeddedKafka.Start(1, (Topic, 1));
        using var reader = new LateReader(kafka);
        using var writer = new KafkaWriter(kafka.Bootstrap, "test", new ReaderGate(reader, TimeProvider.System, TimeSpan.FromMinutes(2)));

        for (var i = 0; i < records; i++)
            await writer.WriteAsync(Topic, new KafkaRecord(0, BitConverter.GetBytes(i), value, DateTimeOffset.UnixEpoch.AddSeconds(i)), TestContext.Current.CancellationToken);
        writer.Flush(TestContext.Current.CancellationToken);
        reader.ReadToEnd();

        Assert.True(records * value.Length > 2 * EmbeddedKafka.RetentionBytes);
        Assert.True(reader.TimesAsked > 0);
        Assert.Equal(Enumerable.Range(0, records), reader.Keys);
    }

    [Fact]
    public async Task Says_who_stopped_reading_when_a_partition_stays_full()
    {
        await using var kafka = EmbeddedKafka.Start(1, (Topic, 1));
        using var writer = new KafkaWriter(kafka.Bootstrap, "test", new ReaderGate(new AbsentReader(), TimeProvider.System, TimeSpan.Zero));
        var value = new byte[100_000];

        var stuck = await Assert.ThrowsAsync<PipelineException>(async () =>
        {
            for (var i = 0; i < 100; i++)
                await writer.WriteAsync(Topic, new KafkaRecord(0, [1], value, DateTimeOffset.UnixEpoch), TestContext.Current.CancellationToken);
        });

        Assert.Contains("bronze/test/events", stuck.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Notices_that_somebody_else_writes_to_its_topic()
    {
        await using var kafka = EmbeddedKafka.Start(1, (Topic, 1));
        using var reader = new LateReader(kafka);
        using (var stranger = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap }).Build())
            await stranger.ProduceAsync(new TopicPartition(Topic, 0), new Message<Null, byte[]> { Value = [1] }, TestContext.Current.CancellationToken);
        using var writer = new KafkaWriter(kafka.Bootstrap, "test", new ReaderGate(reader, TimeProvider.System, TimeSpan.FromMinutes(2)));

        await writer.WriteAsync(Topic, new KafkaRecord(0, [1], [2], DateTimeOffset.UnixEpoch), TestContext.Current.CancellationToken);
        var noticed = Assert.Throws<InvalidOperationException>(() => writer.Flush(TestContext.Current.CancellationToken));

        Assert.Contains("offset 1, expected 0", noticed.Message, StringComparison.Ordinal);
    }

    /// <summary>Reads only when somebody wants to know how far it is, and then all there is.</summary>
    private sealed class LateReader : IReaderProgress, IDisposable
    {
        private readonly EmbeddedKafka _kafka;
        private readonly IConsumer<byte[], Ignore> _consumer;

        public LateReader(EmbeddedKafka kafka)
        {
            _kafka = kafka;
            _consumer = new ConsumerBuilder<byte[], Ignore>(new ConsumerConfig { BootstrapServers = kafka.Bootstrap, GroupId = "late", AutoOffsetReset = AutoOffsetReset.Error }).Build();
            _consumer.Assign(new TopicPartitionOffset(Topic, 0, 0));
        }

        public List<int> Keys { get; } = [];

        public int TimesAsked { get; private set; }

        public void ReadToEnd()
        {
            var (_, high) = _kafka.Watermarks(Topic, 0);
            while (Keys.Count < high)
            {
                var record = _consumer.Consume(Deadlines.Test) ?? throw new TimeoutException($"Nothing at {Keys.Count} of {high}.");
                Keys.Add(BitConverter.ToInt32(record.Message.Key));
            }
        }

        public ValueTask<long> RowsAsync(TableId table, CancellationToken cancellationToken) => ValueTask.FromResult((long)Keys.Count);

        public ValueTask<long?> PositionAsync(TableId table, SplitId split, CancellationToken cancellationToken)
        {
            TimesAsked++;
            ReadToEnd();
            return ValueTask.FromResult<long?>(Keys.Count);
        }

        public void Dispose() => _consumer.Dispose();
    }

    private sealed class AbsentReader : IReaderProgress
    {
        public ValueTask<long> RowsAsync(TableId table, CancellationToken cancellationToken) => ValueTask.FromResult(0L);

        public ValueTask<long?> PositionAsync(TableId table, SplitId split, CancellationToken cancellationToken) => ValueTask.FromResult<long?>(null);
    }
}
