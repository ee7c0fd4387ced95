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
/// <param name="end">Where its reading ends, see <see cref="SplitPosition.End"/>; null: it goes on.</param>
/// <param name="orderTimeMax">See <see cref="SplitPosition.OrderTimeMax"/>.</param>
internal sealed class PartitionReading(SplitId split, KafkaTableOptions table, int partition, long? position, long chunkBytesMax,
    TableDecoders decoders, ChunkQueue queue, KafkaMetrics metrics, TimeProvider time, PartitionWait? wait = null, SplitMarks marks = default, long? end = null, long? orderTimeMax = null)
{
    private const long NoNote = -1;

    private readonly Apache.Arrow.Schema _schema = KafkaSchemas.Of(table);
    private readonly RecordDecoder _decoder = new(table, decoders);
    private RecordColumns? _columns;
    private DeadLetterRows? _deadLetters;

    // [_from, _next) is what the next chunk covers; both null until the partition's beginning is known.
    private long? _from = position;
    private long? _next = position;
    private long? _orderTime = marks.OrderTime;
    private long _openedAt;
    private long _newestMs = -1;
    private long _recordBytes;
    private (int Rows, int ValueBytes, int KeyBytes) _expected = (1024, 64 << 10, 4 << 10);

    private long _endOffset = -1;
    private long _lag;
    private long _unreadable;

    /// <summary>Where the client has told that it has everything that may be read.</summary>
    private long _readableEnd = -1;

    /// <summary>Where it was when it was last looked how far it has come.</summary>
    private long? _lookedAt;
    private string? _complaint;
    private long _readMs = -1;

    // The offset that reading began with, the end that was asked for and is waited for, and what is known by that.
    private long? _first = position;
    private (long End, long AskedAt)? _end;
    private bool _hasBeenAtEnd;
    private SplitLook? _look;

    private readonly long _beganAt = time.GetTimestamp();

    public SplitId Split { get; } = split;

    public string Topic => Place.Topic;

    public string Table => table.Name;

    public int Partition => Place.Partition;

    public TopicPartition Place { get; } = new(table.Topic, partition);

    /// <summary>The next offset to be read; null while the beginning is not known.</summary>
    public long? Position => _next;

    /// <summary>The last record below the position; null: nothing is known of it.</summary>
    public LastRecord? LastRecord { get; private set; } = Reading.LastRecord.Of(marks.Note, position);

    /// <summary>The client has told at least once that it has everything that may be read.</summary>
    public bool HasReachedEnd => _readableEnd >= 0;

    public bool HasOpenChunk => _next > _from;

    /// <summary>It has come to where its reading ends: what the client still brings of it is not taken.</summary>
    public bool IsOver => _next >= end;

    /// <summary>Bytes of memory of the open chunk.</summary>
    public long OpenBytes => (_columns?.MemoryBytes ?? 0) + (_deadLetters?.MemoryBytes ?? 0);

    public void Take(in KafkaRecord record)
    {
        if (record.Offset >= end)
        {
            EndReading();
            return;
        }

        // May throw when the registry does not answer: before anything has moved.
        var rejection = _decoder.Decode(record, out var row);
        MoveTo(record.Offset, record.Offset + 1);
        LastRecord = record.LeaderEpoch >= 0 ? new LastRecord(record.Offset + 1, record.LeaderEpoch) : null;
        if (record.TimestampMs > _newestMs && record.HasTimestamp) _newestMs = record.TimestampMs;
        _recordBytes += record.Key.Length + (long)record.Value.Length;
        if (rejection is null) (_columns ??= Open()).Append(record, row, OrderTimeOf(record));
        else (_deadLetters ??= new DeadLetterRows(Table, Split)).Append(record, rejection);

        if (_columns?.ContentBytes >= chunkBytesMax || _deadLetters?.MemoryBytes >= chunkBytesMax || IsOver) Flush();
    }

    /// <summary>
    /// Everything below <paramref name="offset"/> has been seen: what was not handed out were transaction markers,
    /// aborted or compacted records.
    /// </summary>
    public void ReachEnd(long offset)
    {
        if (offset >= end)
        {
            EndReading();
            return;
        }

        _readableEnd = offset;
        MoveTo(offset, offset);
    }

    /// <summary>The client has told an error of this partition that it gets over by itself.</summary>
    public void Complain(string reason) => _complaint = reason;

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
        // One that said nothing takes back what was known.
        var note = LastRecord is { } last ? last.NoteAt(_next!.Value) ?? NoNote : marks.Note is null ? null as long? : NoNote;
        var chunk = new Chunk(Split, Table, new PositionRange(_from!.Value, _next!.Value), rows, rejected,
            (columns?.MemoryBytes ?? 0) + (deadLetters?.MemoryBytes ?? 0),
            _newestMs >= 0 ? DateTimeOffset.FromUnixTimeMilliseconds(_newestMs) : null, new Owner(columns, deadLetters)) { Marks = new SplitMarks(_orderTime, note) };
        if (_newestMs >= 0) Volatile.Write(ref _readMs, _newestMs);
        _from = _next;
        _newestMs = -1;
        _recordBytes = 0;
        // Who waits for room below does not wait for the brokers.
        wait?.Held = null;
        _complaint = null;
        queue.Add(chunk);
    }

    /// <summary>Frees an open chunk that nobody will take.</summary>
    public void Abandon()
    {
        wait?.Held = null;
        _columns?.Dispose();
        _deadLetters?.Dispose();
    }

    /// <summary>Notes the partition's end as the brokers last reported it, and what of it does not come.</summary>
    /// <param name="endOffset">The high watermark; negative when unknown.</param>
    /// <param name="isTaking">The client has more than was taken from it: what does not come may be there.</param>
    public void SeeEnd(long endOffset, bool isTaking)
    {
        if (endOffset < 0) return;
        var next = _next ?? endOffset;
        // A fetch tells of records a moment before it brings them: twice the same is no chance.
        var isStanding = next < endOffset && next == _lookedAt && !isTaking && !IsOver;
        _lookedAt = next;
        // Whatever the client has heard, it has asked since reading began, so that nobody else need be asked where the partition ended then.
        if (!_hasBeenAtEnd && next == _readableEnd && next == endOffset)
        {
            _hasBeenAtEnd = true;
            EndedAt(endOffset, _beganAt);
        }

        Volatile.Write(ref _endOffset, endOffset);
        Volatile.Write(ref _lag, Math.Max(0, endOffset - next));
        var isHeld = isStanding && next == _readableEnd;
        Volatile.Write(ref _unreadable, isHeld ? endOffset - next : 0);
        wait?.Held = !isStanding ? null
            : isHeld ? new WaitReason($"a transaction that is open holds its end: {Plural.Of(endOffset - next, "record")} from offset {next} on cannot be read before it ends", "a transaction")
            {
                NextStep = "Its producer ends it, or the broker after transaction.timeout.ms; one that hangs is found and ended by 'kafka-transactions.sh find-hanging' and 'abort'.",
            }
            : new WaitReason($"its brokers have {Plural.Of(endOffset - next, "record")} from offset {next} on and hand out none{(_complaint is null ? "" : $", and said: {_complaint.TrimEnd('.')}")}", _complaint ?? "nothing");
    }

    /// <summary>Records the partition holds beyond what was read; null while unknown. From any thread.</summary>
    public long? LagRecords => Volatile.Read(ref _endOffset) < 0 ? null : Volatile.Read(ref _lag);

    /// <summary>Of these, records that nobody can read before a transaction ends; null while unknown. From any thread.</summary>
    public long? LagUnreadable => Volatile.Read(ref _endOffset) < 0 ? null : Volatile.Read(ref _unreadable);

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

    /// <inheritdoc cref="ISource.LastLook"/>
    public SplitLook? LastLook => Volatile.Read(ref _look);

    /// <inheritdoc cref="ISource.EndOf"/>
    public long? End => Volatile.Read(ref _endOffset) is >= 0 and var end ? end : null;

    /// <summary>Its leader has said where it ended when it was asked; the first answer that has not been reached yet counts.</summary>
    public void EndedAt(long offset, long askedAt) => _end ??= (offset, askedAt);

    /// <summary>Looks at what has been read: all that the partition held when it was asked for its end, or records up to the newest.</summary>
    public void Look()
    {
        if (_end is { } end && _next >= end.End)
        {
            _end = null;
            Saw(new SplitLook(end.End > _first ? end.End : null, end.AskedAt));
        }

        if (_readMs >= 0 && LagRecords is not 0) Saw(SplitLook.OfEvent(_from, Moments.OfMilliseconds(_readMs), time));
    }

    private void Saw(SplitLook look)
    {
        if (_look is not { } known || look.At > known.At) Volatile.Write(ref _look, look);
    }

    /// <summary>The time by which the record is put in order where it is not its own; null: it is.</summary>
    private long? OrderTimeOf(in KafkaRecord record)
    {
        if (!record.HasTimestamp) return _orderTime;
        var own = record.TimestampMs * 1000;
        var placed = own > orderTimeMax ? orderTimeMax.Value : own;
        if (placed < _orderTime) return _orderTime;
        _orderTime = placed;
        return placed == own ? null : placed;
    }

    /// <summary>Whatever lies behind the last record before the end, the reading has come to the end.</summary>
    private void EndReading()
    {
        if (IsOver) return;
        MoveTo(end!.Value, end.Value);
        Flush();
    }

    private void MoveTo(long offset, long next)
    {
        _first ??= offset;
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
