using System.Text;
using Confluent.Kafka;
using Pipeline.Emulation.Kafka;
using Pipeline.Testing;
using Pipeline.Testing.Kafka;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>What plain clients see through the proxy is what they saw of real brokers.</summary>
public sealed class KafkaProxySpec : KafkaSpec
{
    private const string Topic = "events";
    private static readonly TopicPartition Place = new(Topic, 0);

    [Fact]
    public async Task Without_rules_clients_work_as_without_a_proxy_and_come_by_it_only()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 3, hasTopicIds: true, (Topic, 6));
        await using var proxy = KafkaProxy.Start(kafka.Bootstrap);
        using var producer = ProducerOf(proxy);
        for (var partition = 0; partition < 6; partition++) await ProduceAsync(producer, 10, partition);
        using var consumer = ConsumerOf(proxy);

        consumer.Assign(Enumerable.Range(0, 6).Select(partition => new TopicPartitionOffset(Topic, partition, 0)));
        var read = Read(consumer, 60);
        consumer.Commit([new TopicPartitionOffset(Place, 7)]);

        Assert.Equal(60, read.Select(record => (record.Partition, record.Offset)).Distinct().Count());
        Assert.Equal(7, consumer.Committed([Place], TimeSpan.FromMinutes(1)).Single().Offset.Value);
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = proxy.Bootstrap }).Build();
        Assert.Equal(proxy.Bootstrap.Split(',').Order(), admin.GetMetadata(TimeSpan.FromMinutes(1)).Brokers.Select(broker => $"{broker.Host}:{broker.Port}").Order());
    }

    [Fact]
    public async Task A_right_to_read_that_is_taken_is_refused_and_one_that_is_given_back_reads_on()
    {
        await using var kafka = EmbeddedKafka.Start(topics: (Topic, 1));
        await using var proxy = KafkaProxy.Start(kafka.Bootstrap);
        using var producer = ProducerOf(proxy);
        await ProduceAsync(producer, 1);
        proxy.Fail(KafkaApi.Fetch, KafkaError.TopicAuthorizationFailed, Topic);
        using var consumer = ConsumerOf(proxy);

        consumer.Assign(new TopicPartitionOffset(Place, 0));
        Assert.Equal(ErrorCode.TopicAuthorizationFailed, ErrorOf(consumer).Code);
        proxy.Fail(KafkaApi.Fetch, KafkaError.None, Topic);

        Assert.Single(Read(consumer, 1));
    }

    [Fact]
    public async Task A_topic_that_may_not_be_described_is_listed_as_refused()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, (Topic, 1), ("others", 2));
        await using var proxy = KafkaProxy.Start(kafka.Bootstrap);
        proxy.Fail(KafkaApi.Metadata, KafkaError.TopicAuthorizationFailed, Topic);
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = proxy.Bootstrap }).Build();

        var topics = admin.GetMetadata(TimeSpan.FromMinutes(1)).Topics;

        Assert.Equal([(Topic, ErrorCode.TopicAuthorizationFailed, 0), ("others", ErrorCode.NoError, 2)],
            topics.OrderBy(topic => topic.Topic, StringComparer.Ordinal).Select(topic => (topic.Topic, topic.Error.Code, topic.Partitions.Count)));
    }

    [Fact]
    public async Task A_group_that_is_refused_is_told_without_a_partition_and_records_come_beside_it()
    {
        await using var kafka = EmbeddedKafka.Start(topics: (Topic, 1));
        await using var proxy = KafkaProxy.Start(kafka.Bootstrap);
        using var producer = ProducerOf(proxy);
        proxy.Fail(KafkaApi.FindCoordinator, KafkaError.GroupAuthorizationFailed);
        using var consumer = ConsumerOf(proxy);
        consumer.Assign(new TopicPartitionOffset(Place, 0));

        var refusal = Assert.Throws<ConsumeException>(() => consumer.Consume(Deadline));
        await ProduceAsync(producer, 1);
        var record = default(ConsumeResult<byte[], byte[]>);
        while (record is null)
        {
            try
            {
                record = consumer.Consume(Deadline);
            }
            catch (ConsumeException e) when (e.Error.Code == ErrorCode.GroupAuthorizationFailed)
            {
                // Told again and again.
            }
        }

        Assert.Equal(ErrorCode.GroupAuthorizationFailed, refusal.Error.Code);
        Assert.Null(refusal.ConsumerRecord.Topic);
        Assert.Equal(0, record.Offset.Value);
    }

    [Fact]
    public async Task A_partition_without_a_leader_is_listed_as_such_and_read_when_it_has_one()
    {
        await using var kafka = EmbeddedKafka.Start(topics: (Topic, 2));
        await using var proxy = KafkaProxy.Start(kafka.Bootstrap);
        using var producer = ProducerOf(proxy);
        await ProduceAsync(producer, 5);
        await ProduceAsync(producer, 5, partition: 1);
        proxy.SetLeaderless(Topic, 0, isLeaderless: true);
        using var consumer = ConsumerOf(proxy);
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = proxy.Bootstrap }).Build();

        var listed = admin.GetMetadata(Topic, TimeSpan.FromMinutes(1)).Topics.Single().Partitions.OrderBy(partition => partition.PartitionId).ToList();
        consumer.Assign([new TopicPartitionOffset(Topic, 0, 0), new TopicPartitionOffset(Topic, 1, 0)]);
        var others = Read(consumer, 5);
        proxy.SetLeaderless(Topic, 0, isLeaderless: false);
        var back = Read(consumer, 5);

        Assert.Equal([(-1, ErrorCode.LeaderNotAvailable), (1, ErrorCode.NoError)], listed.Select(partition => (partition.Leader, partition.Error.Code)));
        Assert.All(others, record => Assert.Equal(1, record.Partition.Value));
        Assert.All(back, record => Assert.Equal(0, record.Partition.Value));
    }

    [Fact]
    public async Task A_truncated_log_is_noticed_by_who_knows_the_epoch_of_what_it_has_read_and_not_by_who_does_not()
    {
        await using var kafka = EmbeddedKafka.Start(topics: (Topic, 1));
        await using var proxy = KafkaProxy.Start(kafka.Bootstrap);
        using var producer = ProducerOf(proxy);
        await ProduceAsync(producer, 20);
        proxy.BeginEpoch(Topic, 0, epoch: 2, from: 0);
        using var reading = ConsumerOf(proxy);
        reading.Assign(new TopicPartitionOffset(Place, 0));
        Assert.Equal(2, Read(reading, 15)[^1].LeaderEpoch);

        // An unclean election: the new leader had nine records, and others stand where the old one had more.
        proxy.BeginEpoch(Topic, 0, epoch: 3, from: 9);
        using var beginning = ConsumerOf(proxy);
        beginning.Assign(new TopicPartitionOffset(Place, 15));

        Assert.Equal(15, Read(beginning, 1).Single().Offset.Value);
        var error = default(Error);
        while (error is null)
        {
            try
            {
                reading.Consume(Deadline);
            }
            catch (ConsumeException e)
            {
                error = e.Error;
            }
        }

        Assert.Equal(ErrorCode.Local_AutoOffsetReset, error.Code);
        Assert.Contains("truncation detected", error.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Records_tell_the_epoch_in_which_they_were_written()
    {
        await using var kafka = EmbeddedKafka.Start(topics: (Topic, 1));
        await using var proxy = KafkaProxy.Start(kafka.Bootstrap);
        using var producer = ProducerOf(proxy);
        for (var record = 0; record < 4; record++) await ProduceAsync(producer, 1);
        proxy.BeginEpoch(Topic, 0, epoch: 3, from: 2);
        using var consumer = ConsumerOf(proxy);

        consumer.Assign(new TopicPartitionOffset(Place, 0));

        Assert.Equal([(0, 0), (1, 0), (2, 3), (3, 3)], Read(consumer, 4).Select(record => (record.Offset.Value, record.LeaderEpoch!.Value)));
    }

    [Fact]
    public async Task A_log_that_ends_earlier_is_out_of_range_behind_its_end()
    {
        await using var kafka = EmbeddedKafka.Start(topics: (Topic, 1));
        await using var proxy = KafkaProxy.Start(kafka.Bootstrap);
        using var producer = ProducerOf(proxy);
        for (var record = 0; record < 10; record++) await ProduceAsync(producer, 1);
        proxy.End(Topic, 0, at: 4);
        using var consumer = ConsumerOf(proxy);

        Assert.Equal((0, 4), consumer.QueryWatermarkOffsets(Place, TimeSpan.FromMinutes(1)) is var range ? (range.Low.Value, range.High.Value) : default);
        consumer.Assign(new TopicPartitionOffset(Place, 0));
        Assert.Equal([0, 1, 2, 3], Read(consumer, 4).Select(record => record.Offset.Value));
        consumer.Assign(new TopicPartitionOffset(Place, 8));
        Assert.Equal(ErrorCode.Local_AutoOffsetReset, ErrorOf(consumer).Code);
    }

    [Fact]
    public async Task A_topic_that_was_made_anew_has_another_id_under_its_name()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, hasTopicIds: true, (Topic, 1));
        await using var proxy = KafkaProxy.Start(kafka.Bootstrap);
        var other = Guid.NewGuid();
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = proxy.Bootstrap }).Build();
        var before = await IdAsync();

        proxy.SetTopicId(Topic, other);

        var after = await IdAsync();
        Assert.NotEqual(before, after);
        Assert.Equal(Convert.ToBase64String(other.ToByteArray(bigEndian: true)).TrimEnd('='), after.TrimEnd('='));

        async Task<string> IdAsync() => (await admin.DescribeTopicsAsync(TopicCollection.OfTopicNames([Topic]))).TopicDescriptions.Single().TopicId.ToString();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_flipped_byte_is_noticed_by_who_checks_and_lands_with_who_does_not(bool checks)
    {
        await using var kafka = EmbeddedKafka.Start(topics: (Topic, 1));
        await using var proxy = KafkaProxy.Start(kafka.Bootstrap);
        using var producer = ProducerOf(proxy);
        await ProduceAsync(producer, 1);
        proxy.Damage(Topic, 0, offset: 0);
        using var consumer = ConsumerOf(proxy, config => config.CheckCrcs = checks);

        consumer.Assign(new TopicPartitionOffset(Place, 0));

        if (checks) Assert.Equal(ErrorCode.Local_BadMsg, ErrorOf(consumer).Code);
        else Assert.NotEqual("""{"n":0}""", Encoding.UTF8.GetString(Read(consumer, 1).Single().Message.Value));
    }

    [Theory]
    [InlineData(1_700_000_000_000_000)]
    [InlineData(-62_135_596_800_001)]
    [InlineData(long.MaxValue)]
    [InlineData(0)]
    public async Task A_record_may_have_any_timestamp(long milliseconds)
    {
        await using var kafka = EmbeddedKafka.Start(topics: (Topic, 1));
        await using var proxy = KafkaProxy.Start(kafka.Bootstrap);
        using var producer = ProducerOf(proxy);
        await ProduceAsync(producer, 1);
        proxy.SetTimestamp(Topic, 0, offset: 0, milliseconds);
        using var consumer = ConsumerOf(proxy, config => config.CheckCrcs = true);

        consumer.Assign(new TopicPartitionOffset(Place, 0));

        Assert.Equal(milliseconds, Read(consumer, 1).Single().Message.Timestamp.UnixTimestampMs);
    }

    [Theory]
    [InlineData(null, ErrorCode.Local_Authentication)]
    [InlineData(KafkaApi.SaslAuthenticate, ErrorCode.Local_Authentication)]
    [InlineData(KafkaApi.SaslHandshake, ErrorCode.Local_Authentication)]
    public async Task Who_is_refused_hears_so_and_who_is_known_reads(KafkaApi? refused, ErrorCode seen)
    {
        await using var kafka = EmbeddedKafka.Start(topics: (Topic, 1));
        await using var proxy = KafkaProxy.Start(kafka.Bootstrap, "pipeline", "right");
        if (refused is { } api) proxy.Fail(api, api == KafkaApi.SaslHandshake ? KafkaError.UnsupportedSaslMechanism : KafkaError.SaslAuthenticationFailed);
        var refusal = new TaskCompletionSource<Error>(TaskCreationOptions.RunContinuationsAsynchronously);
        using (var stranger = new AdminClientBuilder(Known(refused is null ? "wrong" : "right")).SetErrorHandler((_, error) =>
        {
            if (error.Code != ErrorCode.Local_AllBrokersDown) refusal.TrySetResult(error);
        }).SetLogHandler((_, _) => { }).Build())
            Assert.Equal(seen, (await refusal.Task.WaitAsync(Deadline)).Code);

        if (refused is { } forgiven) proxy.Fail(forgiven, KafkaError.None);
        using var known = new AdminClientBuilder(Known("right")).Build();
        Assert.Equal(Topic, known.GetMetadata(Topic, TimeSpan.FromMinutes(1)).Topics.Single().Topic);

        AdminClientConfig Known(string password) => new()
        {
            BootstrapServers = proxy.Bootstrap, SecurityProtocol = SecurityProtocol.SaslPlaintext, SaslMechanism = SaslMechanism.Plain, SaslUsername = "pipeline", SaslPassword = password,
        };
    }

    [Fact]
    public async Task An_answer_that_is_held_comes_when_it_is_released()
    {
        await using var kafka = EmbeddedKafka.Start(topics: (Topic, 1));
        await using var proxy = KafkaProxy.Start(kafka.Bootstrap);
        using var consumer = ConsumerOf(proxy);
        consumer.QueryWatermarkOffsets(Place, TimeSpan.FromMinutes(1));
        proxy.Hold(KafkaApi.ListOffsets);
        var asked = proxy.Requests(KafkaApi.ListOffsets);

        var asking = Task.Run(() => consumer.QueryWatermarkOffsets(Place, Deadlines.Test), Deadline);
        while (proxy.Requests(KafkaApi.ListOffsets) == asked) await Task.Delay(10, Deadline);
        Assert.False(asking.IsCompleted);
        proxy.Release(KafkaApi.ListOffsets);

        Assert.Equal(0, (await asking).High.Value);
    }

    private static IProducer<byte[]?, byte[]?> ProducerOf(KafkaProxy proxy) =>
        new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig { BootstrapServers = proxy.Bootstrap, LingerMs = 0 }).SetLogHandler((_, _) => { }).Build();

    private static Task ProduceAsync(IProducer<byte[]?, byte[]?> producer, int count, int partition = 0) => Task.WhenAll(Enumerable.Range(0, count)
        .Select(number => producer.ProduceAsync(new TopicPartition(Topic, partition), new Message<byte[]?, byte[]?> { Value = Encoding.UTF8.GetBytes($$"""{"n":{{number}}}""") })));

    private static IConsumer<byte[], byte[]> ConsumerOf(KafkaProxy proxy, Action<ConsumerConfig>? configure = null)
    {
        var config = new ConsumerConfig
        {
            BootstrapServers = proxy.Bootstrap, GroupId = "readers", EnableAutoCommit = false, AutoOffsetReset = AutoOffsetReset.Error, FetchWaitMaxMs = 20,
            TopicMetadataRefreshIntervalMs = 200, TopicMetadataRefreshFastIntervalMs = 50,
        };
        configure?.Invoke(config);
        return new ConsumerBuilder<byte[], byte[]>(config).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
    }

    private List<ConsumeResult<byte[], byte[]>> Read(IConsumer<byte[], byte[]> consumer, int count)
    {
        var read = new List<ConsumeResult<byte[], byte[]>>();
        while (read.Count < count) read.Add(consumer.Consume(Deadline));
        return read;
    }

    private Error ErrorOf(IConsumer<byte[], byte[]> consumer) => Assert.Throws<ConsumeException>(() => consumer.Consume(Deadline)).Error;
}
