using Apache.Arrow;
using Pipeline.Delta.Log;

namespace Pipeline.Delta.Parquet;

/// <summary>How data files are written.</summary>
/// <param name="RowGroupBytesMax">Uncompressed bytes after which a row group ends: the writer's memory.</param>
/// <param name="NoStatistics">Columns without minimum and maximum in the log: personal data.</param>
/// <param name="Differences">Columns of integers that count, written as what they differ by from row to row whatever their first rows show.</param>
/// <param name="NoDictionary">Columns written without a dictionary whatever their first rows show: high-cardinality text and JSON.</param>
public sealed record DataFileOptions(long RowGroupBytesMax = 32L << 20, FileCompression Compression = default,
    IReadOnlyCollection<string>? NoStatistics = null, IReadOnlyCollection<string>? NoDictionary = null,
    IReadOnlyCollection<string>? Differences = null);

/// <summary>
/// Writes record batches into one Parquet file of a table and collects its statistics. Synchronous and not thread-safe:
/// use it from one thread at a time. Disposed without <see cref="CompleteAsync"/> it leaves nothing behind.
/// </summary>
public abstract class DataFileWriter : IAsyncDisposable
{
    public abstract long Rows { get; }

    /// <summary>Bytes written so far, open row group included (estimated).</summary>
    public abstract long Bytes { get; }

    /// <summary>Adds rows; columns are matched by name, missing nullable ones are null. Partition columns must be absent.</summary>
    public abstract void Write(RecordBatch rows);

    /// <summary>Closes the file, makes it durable and returns the action that adds it.</summary>
    public abstract ValueTask<AddFile> CompleteAsync(CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();
}
