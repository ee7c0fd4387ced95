using System.Runtime.InteropServices;
using System.Text;
using Confluent.Kafka;
using Pipeline.Core;
using Pipeline.Sources.Kafka.Client;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>
/// One reading's own queue at a client that it shares with others: what comes from its partitions, and from no other. The
/// bytes of a record go from the client's memory into the columns, and no object is made for it.
/// </summary>
/// <remarks>For one thread, but for <see cref="Wake"/> and the end, which waits for it.</remarks>
internal sealed unsafe class RecordQueue : IDisposable
{
    private const int BatchMax = 4096;

    private readonly KafkaConnection _connection;
    private readonly Func<PartitionReading, ErrorCode, string, bool> _onError;
    private readonly Dictionary<TopicPartition, PartitionReading> _partitions;
    private readonly QueueHandle _queue;
    private readonly HandleGate _gate = new(nameof(RecordQueue));
    private readonly NativeMessage** _messages = (NativeMessage**)NativeMemory.Alloc(BatchMax, (nuint)sizeof(NativeMessage*));
    private readonly Dictionary<(nint Topic, int Partition), PartitionReading> _known = [];
    private readonly HeadersJson _headers = new();

    // Fetched records come in runs of one partition.
    private (nint Topic, int Partition) _lastKey;
    private PartitionReading? _last;

    /// <param name="onError">
    /// Gets what the client says of a partition beside its records, code and text, and returns whether reading goes on: if not,
    /// nothing that came behind is delivered, for the client may have passed over records.
    /// </param>
    public RecordQueue(KafkaConnection connection, IReadOnlyList<PartitionReading> partitions, Func<PartitionReading, ErrorCode, string, bool> onError)
    {
        _connection = connection;
        _onError = onError;
        _partitions = partitions.ToDictionary(partition => partition.Place);
        _queue = LibRdKafka.NewQueue(connection.Client);
    }

    /// <summary>Whether the client has fetched more than was taken.</summary>
    public bool HasMore => LibRdKafka.Length(_queue) > 0;

    /// <summary>Starts fetching; partitions without a position from their oldest record.</summary>
    /// <exception cref="KafkaException">The client refuses.</exception>
    public void Assign()
    {
        foreach (var place in _partitions.Keys)
            if (!LibRdKafka.TryForward(_connection.Client, place.Topic, place.Partition, _queue)) throw new KafkaException(ErrorCode.Local_UnknownPartition);
        _connection.Assign([.. _partitions.Values.Select(StartOf)]);
    }

    /// <summary>
    /// Delivers up to <paramref name="countMax"/> records or events, waiting at most so long for the first; returns how
    /// many there were.
    /// </summary>
    public int Take(int waitMs, int countMax)
    {
        using var use = _gate.Enter();
        // The batch call waits for a full batch: wait for one record only, then take what else is there.
        if (waitMs > 0) return Deliver(LibRdKafka.ConsumeBatch(_queue, waitMs, _messages, 1));
        return Deliver(LibRdKafka.ConsumeBatch(_queue, 0, _messages, Math.Min(countMax, BatchMax)));
    }

    /// <summary>Ends a wait early, from another thread.</summary>
    public void Wake() => LibRdKafka.Yield(_queue);

    public void Dispose() => _gate.End(() =>
    {
        _connection.Unassign(_partitions.Keys);
        foreach (var place in _partitions.Keys) LibRdKafka.TryForward(_connection.Client, place.Topic, place.Partition, queue: null);
        _queue.Dispose();
        NativeMemory.Free(_messages);
        _headers.Dispose();
    });

    /// <summary>
    /// With the epoch of the leader of the record before, from behind that record: what the brokers have there now must still be of
    /// that epoch. Between it and the position is nothing that is handed out.
    /// </summary>
    private static TopicPartitionOffset StartOf(PartitionReading partition) => partition switch
    {
        { Position: null } => new TopicPartitionOffset(partition.Place, Offset.Beginning),
        { LastRecord: { } last } => new TopicPartitionOffset(partition.Place, last.Next, last.LeaderEpoch),
        _ => new TopicPartitionOffset(partition.Place, partition.Position.Value),
    };

    private int Deliver(int count)
    {
        var at = 0;
        try
        {
            for (var goesOn = true; goesOn && at < count; at++)
            {
                goesOn = Deliver(_messages[at]);
                LibRdKafka.Destroy(_messages[at]);
            }
        }
        finally
        {
            for (; at < count; at++) LibRdKafka.Destroy(_messages[at]);
        }

        return Math.Max(0, count);
    }

    private bool Deliver(NativeMessage* message)
    {
        var partition = PartitionOf(message);
        if (message->Error != ErrorCode.NoError)
        {
            if (message->Error != ErrorCode.Local_PartitionEOF)
                return _onError(partition, message->Error, message->Payload is null ? "" : Encoding.UTF8.GetString(message->Payload, (int)message->PayloadLength));
            partition.ReachEnd(message->Offset);
            return true;
        }

        partition.Take(new KafkaRecord
        {
            Offset = message->Offset,
            TimestampMs = LibRdKafka.Timestamp(message),
            LeaderEpoch = LibRdKafka.LeaderEpoch(message),
            HasKey = message->Key is not null,
            Key = new ReadOnlySpan<byte>(message->Key, (int)message->KeyLength),
            HasValue = message->Payload is not null,
            Value = new ReadOnlySpan<byte>(message->Payload, (int)message->PayloadLength),
            HeadersJson = Headers(message),
        });
        return true;
    }

    private ReadOnlySpan<byte> Headers(NativeMessage* message)
    {
        var headers = LibRdKafka.Headers(message);
        if (headers == 0) return default;
        for (var i = 0; LibRdKafka.TryGetHeader(headers, i, out var name, out var value, out var isNull); i++)
            _headers.Add(name, value, isNull);
        return _headers.Write();
    }

    private PartitionReading PartitionOf(NativeMessage* message)
    {
        var key = (message->Topic, message->Partition);
        if (key == _lastKey && _last is not null) return _last;
        if (!_known.TryGetValue(key, out var partition))
            _known[key] = partition = _partitions[new TopicPartition(LibRdKafka.TopicName(message->Topic), message->Partition)];
        (_lastKey, _last) = (key, partition);
        return partition;
    }
}
