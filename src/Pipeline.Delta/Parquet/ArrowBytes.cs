using Apache.Arrow;
using Apache.Arrow.Types;

namespace Pipeline.Delta.Parquet;

/// <summary>The memory that rows take: what row groups are bounded by. A slice counts for what it shows.</summary>
internal static class ArrowBytes
{
    public static long Of(RecordBatch batch)
    {
        long bytes = 0;
        for (var i = 0; i < batch.ColumnCount; i++) bytes += Of(batch.Column(i).Data, batch.Column(i).Data.Offset, batch.Length);
        return bytes;
    }

    private static long Of(ArrayData data, int start, int length)
    {
        var bytes = data.NullCount == 0 ? 0L : (length + 7) / 8;
        switch (data.DataType)
        {
            case StructType:
                foreach (var child in data.Children) bytes += Of(child, child.Offset + start, length);
                return bytes;
            case ListType or MapType:
                var (first, last) = Ends(data, start, length);
                return bytes + (length * sizeof(int)) + Of(data.Children[0], data.Children[0].Offset + first, last - first);
            case StringType or BinaryType:
                var (from, to) = Ends(data, start, length);
                return bytes + (length * sizeof(int)) + (to - from);
            case FixedWidthType fixedWidth:
                return bytes + ((long)length * fixedWidth.BitWidth / 8);
            default:
                return bytes;
        }
    }

    private static (int First, int Last) Ends(ArrayData data, int start, int length)
    {
        if (length == 0) return (0, 0);
        var offsets = data.Buffers[1].Span.CastTo<int>();
        return (offsets[start], offsets[start + length]);
    }

    private static ReadOnlySpan<T> CastTo<T>(this ReadOnlySpan<byte> bytes)
        where T : struct => System.Runtime.InteropServices.MemoryMarshal.Cast<byte, T>(bytes);
}
