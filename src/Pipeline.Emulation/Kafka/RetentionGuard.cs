namespace Pipeline.Emulation.Kafka;

/// <summary>
/// Keeps a generator from overwriting what has not been read: counts what each partition of an
/// <see cref="EmbeddedKafka"/> holds beyond the reader's position. Not thread-safe.
/// </summary>
/// <param name="bytesMax">Unread bytes a partition may hold; a fifth below the broker's limit by default.</param>
public sealed class RetentionGuard(long bytesMax = EmbeddedKafka.RetentionBytes * 4 / 5)
{
    // A batch of one record: 61 bytes of header, at most 19 of the record's own lengths and deltas.
    private const int RecordOverheadBytes = 80;
    private const int RecordsMax = EmbeddedKafka.RetentionBatches * 4 / 5;

    private readonly Dictionary<(string Topic, int Partition), Unread> _partitions = [];

    /// <summary>Notes a record (bytes of key, value and headers) that was produced at <paramref name="offset"/>.</summary>
    public void Produced(string topic, int partition, long offset, int bytes)
    {
        if (!_partitions.TryGetValue((topic, partition), out var unread))
            _partitions[(topic, partition)] = unread = new Unread();
        unread.Records.Enqueue((offset, bytes + RecordOverheadBytes));
        unread.Bytes += bytes + RecordOverheadBytes;
    }

    /// <summary>Whether a record of so many bytes may be produced when everything below the position has been read.</summary>
    public bool HasRoom(string topic, int partition, long readerPosition, int bytes)
    {
        if (!_partitions.TryGetValue((topic, partition), out var unread)) return true;
        while (unread.Records.TryPeek(out var oldest) && oldest.Offset < readerPosition)
            unread.Bytes -= unread.Records.Dequeue().Bytes;
        return unread.Bytes + bytes + RecordOverheadBytes <= bytesMax && unread.Records.Count < RecordsMax;
    }

    /// <summary>The topic is gone, and one of its name begins anew.</summary>
    public void Forget(string topic)
    {
        foreach (var partition in _partitions.Keys.Where(known => known.Topic == topic).ToList()) _partitions.Remove(partition);
    }

    private sealed class Unread
    {
        public Queue<(long Offset, int Bytes)> Records { get; } = new();

        public long Bytes { get; set; }
    }
}
