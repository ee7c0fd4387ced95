using System.Buffers.Binary;
using Pipeline.Core;

namespace Pipeline.Delta.Parquet;

/// <summary>
/// Takes the statistics of columns out of the footer of a finished Parquet file: DuckDB's writer has no way to leave out
/// those of one column, and personal data must not come back through a footer. No row is touched: only the end of the
/// file is written again, before the file is part of a table.
/// </summary>
internal static class FooterStatistics
{
    /// <summary>Length of the footer (4 bytes, little endian) and <c>PAR1</c>.</summary>
    private const int TailBytes = 8;

    /// <param name="columns">Top-level columns; of nested ones all leaves are meant.</param>
    /// <returns>The file's new size in bytes. It is durable.</returns>
    /// <exception cref="PipelineException">The file has no footer that could be read.</exception>
    public static long Remove(string path, IReadOnlySet<string> columns)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        Span<byte> tail = stackalloc byte[TailBytes];
        file.Seek(-TailBytes, SeekOrigin.End);
        file.ReadExactly(tail);
        var length = BinaryPrimitives.ReadInt32LittleEndian(tail);
        if (!tail[4..].SequenceEqual("PAR1"u8) || length <= 0 || length > file.Length - TailBytes) throw Damaged(path);

        var footer = new byte[length];
        file.Seek(-(TailBytes + length), SeekOrigin.End);
        file.ReadExactly(footer);
        byte[] without;
        try
        {
            without = new Edit(footer, columns).Run();
        }
        catch (InvalidDataException)
        {
            throw Damaged(path);
        }

        file.Seek(-(TailBytes + length), SeekOrigin.End);
        file.Write(without);
        BinaryPrimitives.WriteInt32LittleEndian(tail, without.Length);
        file.Write(tail);
        file.SetLength(file.Position);
        file.Flush(flushToDisk: true);
        return file.Length;
    }

    private static PipelineException Damaged(string path) =>
        new(FaultKind.Damaged, $"Data file {path}", "its footer is not one of Parquet", "Write it again.");

    /// <summary>The way through <c>FileMetaData</c> down to the statistics, by the field ids of parquet.thrift.</summary>
    private sealed class Edit(byte[] footer, IReadOnlySet<string> columns)
    {
        private readonly ThriftCopy _copy = new(footer);
        private string _column = "";

        public byte[] Run()
        {
            _copy.Struct(field => field == 4 && _copy.List(RowGroup));
            return _copy.Written();
        }

        private void RowGroup() => _copy.Struct(field => field == 1 && _copy.List(ColumnChunk));

        private void ColumnChunk() => _copy.Struct(field => field == 3 && _copy.Enter(ColumnMetaData));

        /// <summary>The path (3) comes before the statistics (12): fields are written in their order.</summary>
        private void ColumnMetaData()
        {
            _copy.Struct(
                field => field == 3 && _copy.Texts(path => _column = path[0]),
                isLeftOut: field => field == 12 && columns.Contains(_column));
        }
    }
}
