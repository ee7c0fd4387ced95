using Confluent.Kafka;
using Pipeline.Core;
using Pipeline.Demo.Driver;
using Pipeline.Emulation.Kafka;

namespace Pipeline.Demo.Data.Writers;

/// <summary>
/// Produces records in the order given, each partition's at the offsets 0, 1, 2, ...: a new broker filled again with the
/// same records cannot be told from the old one.
/// </summary>
internal sealed class KafkaWriter : IDisposable
{
    /// <summary>For room in the producer's queue, which is asked for again.</summary>
    private static readonly TimeSpan RoomWait = TimeSpan.FromSeconds(30);

    private readonly string _bootstrap;
    private readonly string _source;
    private readonly ReaderGate _gate;
    private readonly RetentionGuard _guard = new();
    private readonly Dictionary<(string Topic, int Partition), Log> _logs = [];
    private IProducer<byte[], byte[]> _producer;
    private volatile string? _failure;

    /// <param name="source">The source's name in the lake.</param>
    public KafkaWriter(string bootstrap, string source, ReaderGate gate)
    {
        _bootstrap = bootstrap;
        _source = source;
        _gate = gate;
        _producer = NewProducer();
    }

    /// <summary>The offset that the partition's next record will get.</summary>
    public long NextOffset(string topic, int partition) => _logs.TryGetValue((topic, partition), out var log) ? log.Next : 0;

    /// <summary>Hands a record to the producer, waiting while the partition holds too much that nobody has read.</summary>
    public async ValueTask WriteAsync(string topic, KafkaRecord record, CancellationToken cancellationToken)
    {
        if (!_logs.TryGetValue((topic, record.Partition), out var log)) _logs[(topic, record.Partition)] = log = new Log();
        var bytes = record.Key.Length + record.Value.Length;
        if (!_guard.HasRoom(topic, record.Partition, log.Read, bytes)) await WaitForRoomAsync(topic, record.Partition, log, bytes, cancellationToken);
        Produce(topic, record, log);
        _guard.Produced(topic, record.Partition, log.Next++, bytes);
    }

    /// <summary>Fills a partition below what the pipeline has read already: nobody will ask for it, so nothing can be lost.</summary>
    public void Refill(string topic, KafkaRecord record)
    {
        if (!_logs.TryGetValue((topic, record.Partition), out var log)) _logs[(topic, record.Partition)] = log = new Log();
        Produce(topic, record, log);
        _guard.Produced(topic, record.Partition, log.Next++, record.Key.Length + record.Value.Length);
        // Keeps the guard's own list short.
        _guard.HasRoom(topic, record.Partition, log.Read, bytes: 0);
    }

    /// <summary>Notes that the pipeline has everything of a partition below <paramref name="position"/>.</summary>
    public void HasRead(string topic, int partition, long position)
    {
        if (!_logs.TryGetValue((topic, partition), out var log)) _logs[(topic, partition)] = log = new Log();
        log.Read = position;
    }

    /// <summary>Waits until every record is in the broker, at its offset.</summary>
    /// <exception cref="InvalidOperationException">The broker refused a record or put it elsewhere.</exception>
    public void Flush(CancellationToken cancellationToken)
    {
        // Each record has its own time, after which it is refused.
        _producer.Flush(cancellationToken);
        ThrowIfFailed();
    }

    /// <summary>Waits until the pipeline has everything that was handed over of a topic.</summary>
    public async Task WaitUntilReadAsync(string topic, CancellationToken cancellationToken)
    {
        Flush(cancellationToken);
        foreach (var ((_, partition), log) in _logs.Where(log => log.Key.Topic == topic).ToList())
            log.Read = await _gate.WaitForPositionAsync(TableId.Bronze(_source, topic), new SplitId(_source, $"{topic}/{partition}"), position => position >= log.Next, cancellationToken);
    }

    /// <summary>The topic was made anew: its records are numbered from 0 again. Nothing of it may be on its way.</summary>
    public void BeginAnew(string topic)
    {
        // What a producer remembers of partitions is of those that are gone.
        _producer.Dispose();
        _producer = NewProducer();
        foreach (var partition in _logs.Keys.Where(known => known.Topic == topic).ToList()) _logs.Remove(partition);
        _guard.Forget(topic);
    }

    public void Dispose() => _producer.Dispose();

    private IProducer<byte[], byte[]> NewProducer() => new ProducerBuilder<byte[], byte[]>(new ProducerConfig
    {
        BootstrapServers = _bootstrap,
        // Keeps a partition's records in order and without doubles when a request is repeated.
        EnableIdempotence = true,
        LingerMs = 20,
        QueueBufferingMaxKbytes = 32 * 1024,
    }).Build();

    private async Task WaitForRoomAsync(string topic, int partition, Log log, int bytes, CancellationToken cancellationToken)
    {
        Flush(cancellationToken);
        var split = new SplitId(_source, $"{topic}/{partition}");
        log.Read = await _gate.WaitForPositionAsync(TableId.Bronze(_source, topic), split,
            position => _guard.HasRoom(topic, partition, position, bytes), cancellationToken);
    }

    private void Produce(string topic, KafkaRecord record, Log log)
    {
        ThrowIfFailed();
        var message = new Message<byte[], byte[]> { Key = record.Key, Value = record.Value, Timestamp = new Timestamp(record.Timestamp) };
        var target = new TopicPartition(topic, record.Partition);
        var offset = log.Next;
        while (true)
        {
            try
            {
                _producer.Produce(target, message, report => Delivered(report, offset));
                return;
            }
            catch (ProduceException<byte[], byte[]> e) when (e.Error.Code == ErrorCode.Local_QueueFull)
            {
                _producer.Flush(RoomWait);
            }
        }
    }

    /// <summary>Called by the producer's thread, and by whoever flushes: in no particular order.</summary>
    private void Delivered(DeliveryReport<byte[], byte[]> report, long offset)
    {
        if (report.Error.IsError) _failure ??= $"The broker refused a record of {report.TopicPartition}: {report.Error.Reason}";
        else if (report.Offset.Value != offset)
            _failure ??= $"A record of {report.TopicPartition} got offset {report.Offset}, expected {offset}: somebody else writes to the topic.";
    }

    private void ThrowIfFailed()
    {
        if (_failure is { } failure) throw new InvalidOperationException(failure);
    }

    private sealed class Log
    {
        /// <summary>The offset of the next record.</summary>
        public long Next { get; set; }

        /// <summary>The pipeline has everything below.</summary>
        public long Read { get; set; }
    }
}
