using System.Buffers.Binary;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Parquet;

/// <summary>
/// Takes the bounds of columns out of a finished Parquet file, whoever wrote it: neither DuckDB's nor Spark's writer has a way to
/// leave out those of one column, and personal data must not come back through them. They stand in the footer and, of some
/// writers, once more in the page index, which lies between the last row group and the footer. No row is touched: only the end of the
/// file is written again, before the file is part of a table.
/// </summary>
/// <remarks>A page index is taken away as a whole, with whatever else lies behind it: readers do without.</remarks>
public static class FooterStatistics
{
    /// <summary>Length of the footer (4 bytes, little endian) and <c>PAR1</c>.</summary>
    private const int TailBytes = 8;

    private const int CopyBytes = 8 << 20;

    /// <param name="columns">Top-level columns; of nested ones all leaves are meant.</param>
    /// <returns>The file's new size in bytes. It is durable.</returns>
    /// <exception cref="PipelineException">The file has no footer that could be read.</exception>
    public static long Remove(string path, IReadOnlySet<string> columns)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        Span<byte> tail = stackalloc byte[TailBytes];
        file.Seek(-Math.Min(TailBytes, file.Length), SeekOrigin.End);
        if (file.ReadAtLeast(tail, TailBytes, throwOnEndOfStream: false) < TailBytes) throw Damaged(path);
        var footer = new byte[FooterLength(path, tail, file.Length)];
        file.Seek(-(TailBytes + footer.Length), SeekOrigin.End);
        file.ReadExactly(footer);
        if (Without(path, footer, columns, file.Length - TailBytes - footer.Length) is not var (end, at)) return file.Length;

        file.Seek(at, SeekOrigin.Begin);
        file.Write(end);
        file.SetLength(file.Position);
        Durable.SyncFile(file);
        return file.Length;
    }

    /// <inheritdoc cref="Remove"/>
    /// <param name="path">Below the store's root. Where there is no local file, one that has something to lose is copied.</param>
    public static async ValueTask<long> RemoveAsync(IObjectStore store, string path, IReadOnlySet<string> columns, CancellationToken cancellationToken)
    {
        if (store.LocalPath(path) is { } local) return Remove(local, columns);
        var size = (await store.TryStatAsync(path, cancellationToken))?.Size ?? throw Damaged(path);
        if (size < TailBytes) throw Damaged(path);
        var length = FooterLength(path, await store.GetRangeAsync(path, size - TailBytes, TailBytes, cancellationToken), size);
        var footer = await store.GetRangeAsync(path, size - TailBytes - length, length, cancellationToken);
        if (Without(path, footer, columns, size - TailBytes - length) is not var (end, at)) return size;

        // The copy takes the object's place when it is whole.
        await using var upload = await store.OpenUploadAsync(path, cancellationToken);
        for (long from = 0; from < at; from += CopyBytes)
            await upload.Content.WriteAsync(await store.GetRangeAsync(path, from, (int)Math.Min(CopyBytes, at - from), cancellationToken), cancellationToken);
        await upload.Content.WriteAsync(end, cancellationToken);
        return await upload.CompleteAsync(cancellationToken);
    }

    private static int FooterLength(string path, ReadOnlySpan<byte> tail, long size)
    {
        var length = BinaryPrimitives.ReadInt32LittleEndian(tail);
        return tail[4..].SequenceEqual("PAR1"u8) && length > 0 && length <= size - TailBytes ? length : throw Damaged(path);
    }

    /// <summary>The new end of the file and where it begins; null: there is nothing to take away.</summary>
    /// <param name="footerAt">Where the footer begins.</param>
    private static (byte[] End, long At)? Without(string path, byte[] footer, IReadOnlySet<string> columns, long footerAt)
    {
        try
        {
            var found = new Edit(footer, columns, long.MaxValue);
            found.Run();
            if (!found.HasLeftOut) return null;
            var at = Math.Min(footerAt, found.IndexAt);
            var without = new Edit(footer, columns, at).Run();
            var end = new byte[without.Length + TailBytes];
            without.CopyTo(end, 0);
            BinaryPrimitives.WriteInt32LittleEndian(end.AsSpan(without.Length), without.Length);
            "PAR1"u8.CopyTo(end.AsSpan(without.Length + 4));
            return (end, at);
        }
        catch (InvalidDataException)
        {
            throw Damaged(path);
        }
    }

    private static PipelineException Damaged(string path) =>
        new(FaultKind.Damaged, $"Data file {path}", "its footer is not one of Parquet", "Write it again.");

    /// <summary>The way through <c>FileMetaData</c> down to the statistics, by the field ids of parquet.thrift.</summary>
    /// <param name="cutAt">Bloom filters from here on are not there any more.</param>
    private sealed class Edit(byte[] footer, IReadOnlySet<string> columns, long cutAt)
    {
        private readonly ThriftCopy _copy = new(footer);
        private string _column = "";

        public bool HasLeftOut { get; private set; }

        /// <summary>Where the first part of a page index lies.</summary>
        public long IndexAt { get; private set; } = long.MaxValue;

        public byte[] Run()
        {
            _copy.Struct(field => field == 4 && _copy.List(RowGroup));
            return _copy.Written();
        }

        private void RowGroup() => _copy.Struct(field => field == 1 && _copy.List(ColumnChunk));

        /// <summary>Offset index (4, 5) and column index (6, 7) come after the column's own data (3).</summary>
        private void ColumnChunk() => _copy.Struct(field => field == 3 && _copy.Enter(ColumnMetaData), field =>
        {
            if (field is < 4 or > 7) return false;
            if (field is 4 or 6) IndexAt = Math.Min(IndexAt, _copy.PeekNumber());
            // Offsets alone say nothing of values.
            HasLeftOut |= field == 6;
            return true;
        });

        /// <summary>The path (3) comes before the statistics (12) and the Bloom filter (14, 15): fields are written in their order.</summary>
        private void ColumnMetaData()
        {
            var isCut = false;
            _copy.Struct(
                field => (field == 3 && _copy.Texts(path => _column = path[0])) || (field == 12 && columns.Contains(_column) && _copy.Enter(Statistics)),
                field =>
                {
                    if (field == 14) isCut = _copy.PeekNumber() >= cutAt;
                    return field is 14 or 15 && isCut;
                });
        }

        /// <summary>Minimum and maximum, old (1, 2) and new (5, 6), and whether they are exact (7, 8); how many nulls there are stays.</summary>
        private void Statistics() => _copy.Struct(_ => false, field =>
        {
            var isBound = field is 1 or 2 or (>= 5 and <= 8);
            HasLeftOut |= isBound;
            return isBound;
        });
    }
}
