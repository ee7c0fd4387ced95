using Apache.Arrow;

namespace Pipeline.Core;

/// <summary>
/// Rows of one table from one split, with the positions they cover. What flows through streams, never single records.
/// </summary>
/// <remarks>
/// <para>Consecutive chunks of a split are contiguous: each starts at the position the one before it ended at. A chunk
/// may carry no rows and still advance (tombstones, control records, an empty watermark window).</para>
/// <para>A chunk owns its buffers; dispose it when the rows are written. The rows must not be used afterwards.</para>
/// </remarks>
public sealed class Chunk : IDisposable
{
    private readonly IDisposable? _memory;

    public Chunk(SplitId split, string table, PositionRange range, RecordBatch? rows, RecordBatch? deadLetters = null,
        long bytes = 0, DateTimeOffset? newestEventAt = null, IDisposable? memory = null)
    {
        Split = split;
        Table = table;
        Range = range;
        Rows = rows;
        DeadLetters = deadLetters;
        Bytes = bytes;
        NewestEventAt = newestEventAt;
        _memory = memory;
    }

    public SplitId Split { get; }

    /// <summary>The table's name within the source.</summary>
    public string Table { get; }

    public PositionRange Range { get; }

    /// <summary>The table's columns followed by <c>_op</c> and <c>_position</c> (<see cref="BronzeColumns"/>).</summary>
    public RecordBatch? Rows { get; }

    /// <summary>Records that could not be decoded, in the schema of <see cref="DeadLetterColumns"/>.</summary>
    public RecordBatch? DeadLetters { get; }

    public int RowCount => Rows?.Length ?? 0;

    /// <summary>Bytes of memory this chunk holds: what byte-bounded buffers count.</summary>
    public long Bytes { get; }

    /// <summary>Bytes of its rows as the source sent them, for sources that count them with their rows; 0: this one counts elsewhere.</summary>
    public long SourceBytes { get; init; }

    /// <summary>How many values of a column its rows have none for, because the lake's type does not hold them; null: all are held.</summary>
    public IReadOnlyDictionary<string, long>? Nulled { get; init; }

    /// <summary>What goes with the position that the chunk ends at.</summary>
    public SplitMarks Marks { get; init; }

    /// <summary>When the newest record of the chunk happened at its source, for freshness; null when unknown.</summary>
    public DateTimeOffset? NewestEventAt { get; }

    public void Dispose()
    {
        Rows?.Dispose();
        DeadLetters?.Dispose();
        _memory?.Dispose();
    }
}
