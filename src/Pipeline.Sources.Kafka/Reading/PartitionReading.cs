using Confluent.Kafka;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Sources.Kafka.Catalog;
using Pipeline.Sources.Kafka.Decoding;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>
/// One partition while it is read: gathers its records into chunks and knows its position. Used by the reading thread
/// only, but for the figures at the end.
/// </summary>
internal sealed class PartitionReading(SplitId split, KafkaTableOptions table, int partition, long? position, long chunkBytesMax,
    RegisteredValues? registered, ChunkQueue queue, KafkaMetrics metrics, TimeProvider time)
{
    private readonly Apache.Arrow.Schema _schema = KafkaSchemas.Of(table.Format);
    private readonly RecordDecoder _decoder = new(table, registered);
    private RecordColumns? _columns;
    private DeadLetterRows? _deadLetters;

    // [_from, _next) is what the next chunk covers; both null until the partition's beginning is known.
    private long? _from = position;
    private long? _next = position;
    private long _openedAt;
    private long _newestMs = -1;
    private long _recordBytes;
    private (int Rows, int ValueBytes, int KeyBytes) _expected = (1024, 64 << 10, 4 << 10);

    private long _endOffset = -1;
    private long _lag;
    private long _readMs = -1;

    public SplitId Split { get; } = split;

    public string Topic => Place.Topic;

    public string Table => table.Name;

    public int Partition => Place.Partition;

    public TopicPartition Place { get; } = new(table.Topic, partition);

    /// <summary>The next offset to be read; null while the beginning is not known.</summary>
    public long? Position => _next;

    public bool HasOpenChunk => _next > _from;

    /// <summary>Bytes of memory of the open chunk.</summary>
    public long OpenBytes => (_columns?.MemoryBytes ?? 0) + (_deadLetters?.MemoryBytes ?? 0);

    public void Take(in KafkaRecord record)
    {
        // May throw when the registry does not answer: before anything has moved.
        var rejection = _decoder.Decode(record, out var value, out var schemaId);
        MoveTo(record.Offset, record.Offset + 1);
        if (record.TimestampMs > _newestMs && record.HasTimestamp) _newestMs = record.TimestampMs;
        _recordBytes += record.Key.Length + (long)record.Value.Length;
        if (rejection is null) (_columns ??= Open()).Append(record, value, schemaId);
        else (_deadLetters ??= new DeadLetterRows(Table, Split)).Append(record, rejection);

        if (_columns?.ContentBytes >= chunkBytesMax || _deadLetters?.MemoryBytes >= chunkBytesMax) Flush();
    }

    /// <summary>
    /// Everything below <paramref name="offset"/> has been seen: what was not handed out were transaction markers,
    /// aborted or compacted records.
    /// </summary>
    public void ReachEnd(long offset) => MoveTo(offset, offset);

    /// <summary>When the open chunk is due, as a timestamp of the time provider.</summary>
    public bool IsDue(TimeSpan ageMax) => HasOpenChunk && time.GetElapsedTime(_openedAt) >= ageMax;

    public TimeSpan Age => time.GetElapsedTime(_openedAt);

    /// <summary>Hands the open chunk on; waits while the queue is full.</summary>
    public void Flush()
    {
        if (!HasOpenChunk) return;
        var (columns, deadLetters) = (_columns, _deadLetters);
        (_columns, _deadLetters) = (null, null);
        if (columns is not null) _expected = (columns.Rows * 9 / 8 + 16, columns.ValueBytes * 9 / 8 + 1024, columns.KeyBytes * 9 / 8 + 256);

        var rows = columns?.Build();
        var rejected = deadLetters?.Build();
        metrics.Read(Table, rows?.Length ?? 0, _recordBytes);
        var chunk = new Chunk(Split, Table, new PositionRange(_from!.Value, _next!.Value), rows, rejected,
            (columns?.MemoryBytes ?? 0) + (deadLetters?.MemoryBytes ?? 0),
            _newestMs >= 0 ? DateTimeOffset.FromUnixTimeMilliseconds(_newestMs) : null, new Owner(columns, deadLetters));
        if (_newestMs >= 0) Volatile.Write(ref _readMs, _newestMs);
        _from = _next;
        _newestMs = -1;
        _recordBytes = 0;
        queue.Add(chunk);
    }

    /// <summary>Frees an open chunk that nobody will take.</summary>
    public void Abandon()
    {
        _columns?.Dispose();
        _deadLetters?.Dispose();
    }

    /// <summary>Notes the partition's end as the brokers last reported it; negative when unknown.</summary>
    public void SeeEnd(long endOffset)
    {
        if (endOffset < 0) return;
        Volatile.Write(ref _endOffset, endOffset);
        Volatile.Write(ref _lag, Math.Max(0, endOffset - (_next ?? endOffset)));
    }

    /// <summary>Records the partition holds beyond what was read; null while unknown. From any thread.</summary>
    public long? LagRecords => Volatile.Read(ref _endOffset) < 0 ? null : Volatile.Read(ref _lag);

    /// <summary>Age of the newest record read while there are others behind it, else zero; null while unknown. From any thread.</summary>
    public double? LagSeconds
    {
        get
        {
            var readMs = Volatile.Read(ref _readMs);
            return LagRecords switch
            {
                null => null,
                0 => 0,
                _ when readMs < 0 => null,
                _ => Math.Max(0, (time.GetUtcNow().ToUnixTimeMilliseconds() - readMs) / 1000.0),
            };
        }
    }

    private void MoveTo(long offset, long next)
    {
        if (!HasOpenChunk) _openedAt = time.GetTimestamp();
        _from ??= offset;
        if (next > (_next ?? long.MinValue)) _next = next;
    }

    private RecordColumns Open() => new(_schema, Partition, _expected.Rows, _expected.ValueBytes, _expected.KeyBytes);

    private sealed class Owner(IDisposable? columns, IDisposable? deadLetters) : IDisposable
    {
        public void Dispose()
        {
            columns?.Dispose();
            deadLetters?.Dispose();
        }
    }
}
