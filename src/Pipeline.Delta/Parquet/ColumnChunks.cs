using System.Buffers.Binary;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Parquet;

/// <summary>Where the values of a top-level column lie in a file, of one row group.</summary>
/// <param name="To">Behind the last byte.</param>
internal readonly record struct ColumnChunk(string Column, long From, long To);

/// <summary>Reads out of a footer, and of nothing else, where columns lie.</summary>
internal static class ColumnChunks
{
    private const int TailBytes = 8;
    private const int FirstBytes = 64 << 10;

    /// <summary>All chunks of an object; null: its footer does not say, and whoever reads the object finds out why.</summary>
    public static async ValueTask<IReadOnlyList<ColumnChunk>?> OfAsync(IObjectStore store, string path, long size, CancellationToken cancellationToken)
    {
        if (size < TailBytes) return null;
        var end = await store.GetRangeAsync(path, Math.Max(0, size - FirstBytes), (int)Math.Min(FirstBytes, size), cancellationToken);
        long length = BinaryPrimitives.ReadInt32LittleEndian(end.AsSpan(end.Length - TailBytes));
        if (!end.AsSpan(end.Length - 4).SequenceEqual("PAR1"u8) || length <= 0 || length > size - TailBytes) return null;
        var footer = length + TailBytes <= end.Length ? end[^(int)(length + TailBytes)..^TailBytes] : await store.GetRangeAsync(path, size - TailBytes - length, (int)length, cancellationToken);
        try
        {
            var chunks = Read(footer);
            return chunks.All(chunk => chunk.From >= 0 && chunk.From < chunk.To && chunk.To <= size - TailBytes - length) ? chunks : null;
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    /// <summary>By the field ids of parquet.thrift: row groups (4), their columns (1), what is said of each (3).</summary>
    private static List<ColumnChunk> Read(byte[] footer)
    {
        var (found, thrift) = (new List<ColumnChunk>(), new ThriftCopy(footer));
        thrift.Struct(field => field == 4 && thrift.List(() => thrift.Struct(inGroup => inGroup == 1 && thrift.List(() => thrift.Struct(inChunk => inChunk == 3 && thrift.Enter(Chunk))))));
        return found;

        // Path (3), size (7), where pages of data (9) and of the dictionary (11) begin.
        void Chunk()
        {
            var (column, size, data, dictionary) = ("", 0L, 0L, 0L);
            thrift.Struct(field =>
            {
                if (field == 3) return thrift.Texts(path => column = path.Count > 0 ? path[0] : throw new InvalidDataException("A chunk is of no column."));
                if (field == 7) size = thrift.PeekNumber();
                if (field == 9) data = thrift.PeekNumber();
                if (field == 11) dictionary = thrift.PeekNumber();
                return false;
            });
            var from = dictionary > 0 && dictionary < data ? dictionary : data;
            found.Add(new ColumnChunk(column, from, from + size));
        }
    }
}
