using System.Buffers.Binary;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Sources.Kafka.Client;
using Pipeline.Sources.Kafka.Decoding;
using Pipeline.Sources.Kafka.Reading;
using Pipeline.Testing;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>How a reading hands its chunks on, and how it ends.</summary>
public sealed class KafkaReaderSpec : KafkaSpec
{
    /// <summary>A record whose value names this schema cannot be decoded.</summary>
    private const int Broken = 13;

    private static readonly KafkaTableOptions Table = new() { Name = "user_events", Topic = KafkaFixture.Topic, Format = KafkaFormat.Avro };

    [Fact]
    public async Task What_was_read_comes_before_the_fault_that_ended_the_reading()
    {
        await using var kafka = new KafkaFixture(partitions: 1);
        await ProduceAsync(kafka, 1, 2, 3, Broken, 5);
        await using var reading = await Reading.StartAsync(kafka, 1, new PipelineException(FaultKind.Unreachable, "The registry", "is away", "Wait."), Deadline);

        var (ranges, error) = await reading.ToEndAsync(Deadline);

        Assert.Equal([new PositionRange(0, 3)], ranges);
        Assert.Equal("is away", Assert.IsType<PipelineException>(error).Cause);
    }

    [Fact]
    public async Task After_a_defect_nothing_is_handed_on_that_may_be_wrong()
    {
        await using var kafka = new KafkaFixture(partitions: 1);
        await ProduceAsync(kafka, 1, 2, 3, Broken, 5);
        var defect = new InvalidOperationException("a defect");
        await using var reading = await Reading.StartAsync(kafka, 1, defect, Deadline);

        var (ranges, error) = await reading.ToEndAsync(Deadline);

        Assert.Empty(ranges);
        Assert.Same(defect, error);
    }

    [Fact]
    public async Task The_largest_open_chunk_goes_on_when_they_are_too_large_together()
    {
        await using var kafka = new KafkaFixture(partitions: 2);
        await using var reading = await Reading.StartAsync(kafka, 2, error: null, Deadline);

        // Neither is full or old: together they are more than a quarter of what the reading may hold.
        for (var i = 0; i < 40; i++) await kafka.ProduceAsync(0, Value(schemaId: 1, bytes: 50_000));
        for (var i = 0; i < 10; i++) await kafka.ProduceAsync(1, Value(schemaId: 1, bytes: 50_000));
        using var chunk = await reading.Reader.ChunksAsync(Deadline).FirstAsync(Deadline);

        Assert.Equal(("user_events/0", 0), (chunk.Split.Name, chunk.Range.From));
    }

    [Fact]
    public async Task A_reading_that_is_left_ends_and_its_client_with_it()
    {
        await using var kafka = new KafkaFixture(partitions: 1);
        await ProduceAsync(kafka, 1, 2);
        var reading = await Reading.StartAsync(kafka, 1, error: null, Deadline);
        Assert.Equal(1, reading.Connections.Count);

        await reading.DisposeAsync();
        await reading.DisposeAsync();

        Assert.Equal(0, reading.Connections.Count);
        Assert.Empty(await reading.Reader.ChunksAsync(Deadline).ToListAsync(Deadline));
    }

    private static async Task ProduceAsync(KafkaFixture kafka, params int[] schemaIds)
    {
        foreach (var id in schemaIds) await kafka.ProduceAsync(0, Value(id, bytes: 10));
    }

    /// <summary>In Confluent's wire format.</summary>
    private static byte[] Value(int schemaId, int bytes)
    {
        var value = new byte[5 + bytes];
        BinaryPrimitives.WriteInt32BigEndian(value.AsSpan(1), schemaId);
        value.AsSpan(5).Fill((byte)'x');
        return value;
    }

    /// <summary>A reader of some partitions whose chunks become neither full nor old.</summary>
    private sealed class Reading(KafkaReader reader, KafkaConnections connections, ChunkQueue queue, KafkaMetrics metrics) : IAsyncDisposable
    {
        public KafkaReader Reader => reader;

        public KafkaConnections Connections => connections;

        public static async Task<Reading> StartAsync(KafkaFixture kafka, int partitions, Exception? error, CancellationToken cancellationToken)
        {
            var options = KafkaFixture.Options(kafka.Kafka.Bootstrap) with { Tables = [Table], ChunkAgeMax = TimeSpan.FromMinutes(10), ChunkBytesMax = 1 << 30, ReadAheadBytesMax = 4 << 20 };
            var (queue, metrics) = (new ChunkQueue(1 << 30), new KafkaMetrics("events"));
            var connections = new KafkaConnections(new KafkaClients("events", options, new LocalSecretStore(), new KnownCertificates()), options, new TestOwner(), TimeProvider.System, NullLogger.Instance);
            var reader = await KafkaReader.StartAsync("reader", connections,
                [.. Enumerable.Range(0, partitions).Select(partition => new PartitionReading(new SplitId("events", $"user_events/{partition}"), Table, partition, position: 0, 1 << 30, new TableDecoders(new Values(error), Keys: null), queue, metrics, TimeProvider.System))],
                queue, options, metrics, TimeProvider.System, NullLogger.Instance, cancellationToken);
            return new Reading(reader, connections, queue, metrics);
        }

        public async Task<(List<PositionRange> Ranges, Exception? Error)> ToEndAsync(CancellationToken cancellationToken)
        {
            var ranges = new List<PositionRange>();
            var error = await Record.ExceptionAsync(async () =>
            {
                await foreach (var chunk in reader.ChunksAsync(cancellationToken))
                    using (chunk)
                        ranges.Add(chunk.Range);
            });
            return (ranges, error);
        }

        public async ValueTask DisposeAsync()
        {
            await reader.DisposeAsync();
            queue.Dispose();
            metrics.Dispose();
        }
    }

    /// <summary>Takes what is encoded for JSON, but for one schema.</summary>
    private sealed class Values(Exception? error) : RegisteredValues
    {
        public override void Dispose()
        {
        }

        protected override bool TryDecode(int schemaId, ReadOnlySpan<byte> encoded, out ReadOnlySpan<byte> json, out string code, out string reason)
        {
            if (schemaId == Broken && error is not null) throw error;
            json = encoded;
            code = reason = "";
            return true;
        }
    }
}
