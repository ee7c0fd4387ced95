using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Emulation.Kafka;
using Pipeline.Sources.Kafka.Client;
using Pipeline.Sources.Kafka.Decoding;
using Pipeline.Sources.Kafka.Reading;
using Pipeline.Testing;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>Queues, clients and brokers of librdkafka that are ended while others use them: a process that dies is a failed test.</summary>
public sealed class KafkaHandlesSpec : KafkaSpec
{
    private static readonly int Rounds = Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? 500 : 3;

    private static readonly KafkaTableOptions Table = new() { Name = "user_events", Topic = KafkaFixture.Topic };

    [Fact]
    public async Task A_queue_that_is_ended_while_it_is_read_and_woken_ends_behind_the_calls()
    {
        await using var kafka = new KafkaFixture(partitions: 1);
        for (var i = 0; i < 50; i++) await kafka.ProduceAsync(0, "{}"u8.ToArray());
        var options = KafkaFixture.Options(kafka.Kafka.Bootstrap) with { Tables = [Table] };
        var connections = new KafkaConnections(new KafkaClients("events", options, new LocalSecretStore(), new KnownCertificates()), options, new TestOwner(), TimeProvider.System, NullLogger.Instance);
        for (var round = 0; round < Rounds; round++)
        {
            using var chunks = new ChunkQueue(1 << 30);
            using var metrics = new KafkaMetrics("events");
            using var formats = new ValueFormats(schemas: null, Deadline);
            var partition = new PartitionReading(new SplitId("events", "user_events/0"), Table, 0, position: 0, 1 << 30, formats.Of(Table), chunks, metrics, TimeProvider.System);
            var connection = await connections.EnterAsync([partition.Place], Deadline);
            var queue = new RecordQueue(connection, [partition], (_, _, _) => true);
            queue.Assign();
            var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Task[] users =
            [
                Task.Run(() =>
                {
                    while (true)
                        if (queue.Take(waitMs: 5, countMax: 10) > 0) begun.TrySetResult();
                }, Deadline),
                Task.Run(() =>
                {
                    while (true) queue.Wake();
                }, Deadline),
                Task.Run(() =>
                {
                    while (true) _ = queue.HasMore;
                }, Deadline),
            ];
            await begun.Task.WaitAsync(Deadline);

            await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(queue.Dispose, Deadline)));
            partition.Abandon();
            await connections.LeaveAsync(connection, [partition.Place]);

            foreach (var user in users) await Assert.ThrowsAsync<ObjectDisposedException>(() => user.WaitAsync(Deadline));
        }

        Assert.Equal(0, connections.Count);
    }

    [Fact]
    public async Task A_client_ends_behind_its_queues_whoever_is_disposed_first()
    {
        await using var kafka = new KafkaFixture(partitions: 1);
        for (var round = 0; round < Rounds; round++)
        {
            var consumer = new ConsumerBuilder<byte[]?, byte[]?>(new ConsumerConfig { BootstrapServers = kafka.Kafka.Bootstrap, GroupId = "it" }).Build();
            var lease = new ClientLease(consumer);
            var queue = LibRdKafka.NewQueue(lease);
            var waking = Task.Run(() =>
            {
                while (true) LibRdKafka.Yield(queue);
            }, Deadline);

            consumer.Dispose();
            lease.Dispose();
            Assert.Equal(0, LibRdKafka.Length(queue));
            queue.Dispose();

            await Assert.ThrowsAsync<ObjectDisposedException>(() => waking.WaitAsync(Deadline));
            Assert.Throws<ObjectDisposedException>(() => lease.Client);
            Assert.Throws<ObjectDisposedException>(() => LibRdKafka.NewQueue(lease));
        }
    }

    [Fact]
    public async Task Brokers_that_are_ended_while_they_are_spoken_to_end_behind_the_calls()
    {
        for (var round = 0; round < Rounds; round++)
        {
            var kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 1));
            var users = Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
            {
                while (true) kafka.SetRoundTrip(1, TimeSpan.Zero);
            }, Deadline)).ToList();

            await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(async () => await kafka.DisposeAsync(), Deadline)));

            foreach (var user in users) await Assert.ThrowsAsync<ObjectDisposedException>(() => user.WaitAsync(Deadline));
        }
    }
}
