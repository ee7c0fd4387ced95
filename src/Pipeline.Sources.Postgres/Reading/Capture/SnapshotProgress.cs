namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>How far the snapshot of one relation has come; written by its reader, read by instruments.</summary>
internal sealed class SnapshotProgress(string table, uint relationOid, TimeProvider time)
{
    private readonly long _startedAt = time.GetTimestamp();
    private long _rows;
    private long _firstBlock = -1;
    private long _block;
    private long _blocks;
    private long _rowsExpected = -1;

    public string Table => table;

    public uint RelationOid => relationOid;

    /// <summary>Rows handed on since this reading was started.</summary>
    public long Rows => Volatile.Read(ref _rows);

    /// <summary>The server's estimate for the whole relation; null when it has none yet.</summary>
    public long? RowsExpected => Volatile.Read(ref _rowsExpected) is var rows and >= 0 ? rows : null;

    /// <summary>Of the relation's blocks, those read before an interruption included.</summary>
    public double Percent => Volatile.Read(ref _blocks) is var blocks and > 0 ? 100.0 * Math.Min(Volatile.Read(ref _block), blocks) / blocks : 100;

    /// <summary>At the pace since this reading was started; null before anything is read.</summary>
    public TimeSpan? Remaining
    {
        get
        {
            var (first, block, blocks) = (Volatile.Read(ref _firstBlock), Volatile.Read(ref _block), Volatile.Read(ref _blocks));
            return block <= first ? null : time.GetElapsedTime(_startedAt) * ((double)Math.Max(blocks - block, 0) / (block - first));
        }
    }

    /// <param name="firstBlock">Where the range begins; the first one known is where this reading began.</param>
    /// <param name="rowsExpected">Negative when the server does not know.</param>
    public void Found(long firstBlock, long blocks, long rowsExpected)
    {
        // A rewritten table begins again.
        if (_firstBlock < 0 || firstBlock < _firstBlock) (_firstBlock, _block) = (firstBlock, firstBlock);
        Volatile.Write(ref _blocks, blocks);
        Volatile.Write(ref _rowsExpected, rowsExpected);
    }

    public void Read(long rows) => Interlocked.Add(ref _rows, rows);

    public void Reached(long block) => Volatile.Write(ref _block, block);
}
