using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace Pipeline.Delta.Parquet;

/// <summary>
/// Which columns of a file to write without a dictionary: those whose values rarely repeat. Building one for them is most
/// of the writer's work, and it is given up anyway once it is large.
/// </summary>
internal static class DictionaryChoice
{
    /// <summary>Rows looked at, and the fewest that tell something.</summary>
    private const int SampleMax = 8192;
    private const int SampleMin = 1024;

    /// <summary>Twice as many as rows, so that looking for a free one is short.</summary>
    private const int Slots = 2 * SampleMax;

    /// <summary>The names of the top-level columns of which most values in <paramref name="rows"/>, a file's first, are different.</summary>
    public static IEnumerable<string> Plain(RecordBatch rows)
    {
        var seen = new uint[Slots];
        for (var i = 0; i < rows.ColumnCount; i++)
            if (RarelyRepeats(rows.Column(i).Data, Math.Min(rows.Length, SampleMax), seen)) yield return rows.Schema.GetFieldByIndex(i).Name;
    }

    private static bool RarelyRepeats(ArrayData column, int rows, uint[] seen) => column.DataType switch
    {
        StringType or BinaryType => RarelyRepeatsBytes(column, rows, seen),
        Int32Type or Date32Type or FloatType => RarelyRepeats<int>(column, rows, seen),
        Int64Type or TimestampType or DoubleType => RarelyRepeats<long>(column, rows, seen),
        Decimal128Type => RarelyRepeats<Int128>(column, rows, seen),
        _ => false,
    };

    private static bool RarelyRepeats<T>(ArrayData column, int rows, uint[] seen)
        where T : unmanaged
    {
        var values = new ColumnSlice(column, column.Offset, rows, Parent: null).Values<T>();
        var count = new DistinctCount(seen);
        for (var i = 0; i < rows; i++)
            if (IsValid(column, i)) count.Add(values[i].GetHashCode());
        return count.IsMostlyDistinct;
    }

    private static bool RarelyRepeatsBytes(ArrayData column, int rows, uint[] seen)
    {
        var offsets = MemoryMarshal.Cast<byte, int>(column.Buffers[1].Span).Slice(column.Offset, rows + 1);
        var bytes = column.Buffers[2].Span;
        var count = new DistinctCount(seen);
        for (var i = 0; i < rows; i++)
        {
            if (!IsValid(column, i)) continue;
            var hash = default(HashCode);
            hash.AddBytes(bytes[offsets[i]..offsets[i + 1]]);
            count.Add(hash.ToHashCode());
        }

        return count.IsMostlyDistinct;
    }

    private static bool IsValid(ArrayData column, int row) =>
        column.NullCount == 0 || column.Buffers[0].IsEmpty || BitUtility.GetBit(column.Buffers[0].Span, column.Offset + row);

    /// <summary>Counts different hashes; two values with one hash are rare enough not to matter.</summary>
    private ref struct DistinctCount
    {
        private readonly Span<uint> _seen;
        private int _values;
        private int _distinct;

        public DistinctCount(Span<uint> seen)
        {
            _seen = seen;
            seen.Clear();
        }

        public readonly bool IsMostlyDistinct => _values >= SampleMin && _distinct > _values / 2;

        public void Add(int hash)
        {
            _values++;
            // Numbers are their own hashes: multiplied, near ones are apart. 0 marks a free slot.
            var mixed = unchecked((uint)hash * 2_654_435_769u) | 1;
            var slot = (int)(mixed >> 18);
            for (; _seen[slot] != 0; slot = (slot + 1) % Slots)
                if (_seen[slot] == mixed) return;
            _seen[slot] = mixed;
            _distinct++;
        }
    }
}
