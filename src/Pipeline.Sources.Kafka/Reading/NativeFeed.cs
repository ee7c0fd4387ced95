using System.Runtime.InteropServices;
using System.Text;
using Confluent.Kafka;
using Pipeline.Sources.Kafka.Native;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>
/// Batches straight from librdkafka's queue: the bytes of a record go from the client's memory into the columns, and no
/// object is made for it.
/// </summary>
internal sealed unsafe class NativeFeed : RecordFeed
{
    private const int BatchMax = 4096;

    private readonly nint _queue;
    private readonly NativeMessage** _messages = (NativeMessage**)NativeMemory.Alloc(BatchMax, (nuint)sizeof(NativeMessage*));
    private readonly Dictionary<(nint Topic, int Partition), PartitionReading?> _known = [];
    private readonly HeadersJson _headers = new();

    // Fetched records come in runs of one partition.
    private (nint Topic, int Partition) _lastKey;
    private PartitionReading? _last;

    /// <param name="consumer">Has to outlive this.</param>
    public NativeFeed(IClient consumer, IReadOnlyList<PartitionReading> partitions)
        : base(partitions) => _queue = LibRdKafka.ConsumerQueue(consumer);

    public override int Take(int waitMs, int countMax)
    {
        // The batch call waits for a full batch: wait for one record only, then take what else is there.
        if (waitMs > 0) return Deliver(LibRdKafka.ConsumeBatch(_queue, waitMs, _messages, 1));
        return Deliver(LibRdKafka.ConsumeBatch(_queue, 0, _messages, Math.Min(countMax, BatchMax)));
    }

    public override void Wake() => LibRdKafka.Yield(_queue);

    public override void Dispose()
    {
        LibRdKafka.Destroy(_queue);
        NativeMemory.Free(_messages);
        _headers.Dispose();
    }

    private int Deliver(int count)
    {
        var at = 0;
        try
        {
            for (; at < count; at++)
            {
                Deliver(_messages[at]);
                LibRdKafka.Destroy(_messages[at]);
            }
        }
        finally
        {
            for (; at < count; at++) LibRdKafka.Destroy(_messages[at]);
        }

        return Math.Max(0, count);
    }

    private void Deliver(NativeMessage* message)
    {
        var partition = PartitionOf(message);
        if (message->Error != ErrorCode.NoError)
        {
            if (message->Error == ErrorCode.Local_PartitionEOF) partition?.ReachEnd(message->Offset);
            else OnError(partition, message->Error, message->Payload is null ? "" : Encoding.UTF8.GetString(message->Payload, (int)message->PayloadLength));
            return;
        }

        partition?.Take(new KafkaRecord
        {
            Offset = message->Offset,
            TimestampMs = LibRdKafka.Timestamp(message),
            HasKey = message->Key is not null,
            Key = new ReadOnlySpan<byte>(message->Key, (int)message->KeyLength),
            HasValue = message->Payload is not null,
            Value = new ReadOnlySpan<byte>(message->Payload, (int)message->PayloadLength),
            HeadersJson = Headers(message),
        });
    }

    private ReadOnlySpan<byte> Headers(NativeMessage* message)
    {
        var headers = LibRdKafka.Headers(message);
        if (headers == 0) return default;
        for (var i = 0; LibRdKafka.TryGetHeader(headers, i, out var name, out var value, out var isNull); i++)
            _headers.Add(name, value, isNull);
        return _headers.Write();
    }

    private PartitionReading? PartitionOf(NativeMessage* message)
    {
        if (message->Topic == 0) return null;
        var key = (message->Topic, message->Partition);
        if (key == _lastKey) return _last;
        if (!_known.TryGetValue(key, out var partition))
            _known[key] = partition = Find(LibRdKafka.TopicName(message->Topic), message->Partition);
        (_lastKey, _last) = (key, partition);
        return partition;
    }
}
