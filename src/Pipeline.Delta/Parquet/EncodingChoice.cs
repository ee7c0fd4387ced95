using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace Pipeline.Delta.Parquet;

/// <summary>How the values of a column are written (Parquet's Encodings.md).</summary>
internal enum ColumnEncoding
{
    /// <summary>Each different value once (<c>RLE_DICTIONARY</c>).</summary>
    Dictionary,

    /// <summary>One after the other (<c>PLAIN</c>).</summary>
    Plain,

    /// <summary>As what they differ by from row to row (<c>DELTA_BINARY_PACKED</c>).</summary>
    Differences,
}

/// <summary>
/// How each column of a file is best written, by its first rows. A dictionary of values that rarely repeat is most of the writer's
/// work, and is given up anyway once it is large; those that count are smaller as their differences than compression makes them.
/// </summary>
internal static class EncodingChoice
{
    /// <summary>Rows looked at, and the fewest that tell something.</summary>
    private const int SampleMax = 8192;
    private const int SampleMin = 1024;

    /// <summary>Twice as many as rows, so that looking for a free one is short.</summary>
    private const int Slots = 2 * SampleMax;

    /// <summary>Differences that share their least one, and those of them that share a width.</summary>
    private const int BlockValues = 128;
    private const int MiniblockValues = 32;

    /// <summary>Whether values of this type are integers in a file, of which differences can be written.</summary>
    public static bool AreIntegers(IArrowType type) => type is Int64Type or TimestampType or Int32Type or Date32Type || type is Decimal128Type { Precision: <= LongDigits };

    /// <summary>Digits of a decimal that is stored as a 64-bit integer, and as one of 32 bits.</summary>
    private const int LongDigits = 18;
    private const int IntDigits = 9;

    /// <summary>The top-level columns by name, as <paramref name="rows"/>, a file's first, show them.</summary>
    public static IReadOnlyDictionary<string, ColumnEncoding> Of(RecordBatch rows)
    {
        var sample = new Sample();
        var chosen = new Dictionary<string, ColumnEncoding>(rows.ColumnCount, StringComparer.Ordinal);
        for (var i = 0; i < rows.ColumnCount; i++) chosen[rows.Schema.GetFieldByIndex(i).Name] = sample.Of(rows.Column(i).Data, Math.Min(rows.Length, SampleMax));
        return chosen;
    }

    /// <summary>Whether values take half of their width at most as their differences.</summary>
    private static bool AreNarrow(ReadOnlySpan<long> differences, int width)
    {
        long bits = 0;
        for (var block = differences; !block.IsEmpty; block = block[Math.Min(BlockValues, block.Length)..])
        {
            var shared = block[..Math.Min(BlockValues, block.Length)];
            var (least, unused) = (long.MaxValue, long.MinValue);
            Ranges.Widen(shared, ref least, ref unused);
            for (var part = shared; !part.IsEmpty; part = part[Math.Min(MiniblockValues, part.Length)..])
            {
                var spread = 0UL;
                foreach (var difference in part[..Math.Min(MiniblockValues, part.Length)]) spread |= unchecked((ulong)(difference - least));
                bits += (64 - BitOperations.LeadingZeroCount(spread)) * Math.Min(MiniblockValues, part.Length);
            }
        }

        return bits <= (long)differences.Length * width / 2;
    }

    /// <summary>Looks at one column after the other. Counts different hashes: two values with one hash are rare enough not to matter.</summary>
    private sealed class Sample
    {
        private readonly uint[] _seen = new uint[Slots];
        private readonly long[] _differences = new long[SampleMax];
        private int _values;
        private int _distinct;
        private long _last;

        public ColumnEncoding Of(ArrayData column, int rows)
        {
            System.Array.Clear(_seen);
            (_values, _distinct) = (0, 0);
            switch (column.DataType)
            {
                case StringType or BinaryType:
                    LookAtBytes(column, rows);
                    break;
                case Int32Type or Date32Type or FloatType:
                    LookAt<int>(column, rows, static value => value);
                    break;
                case Int64Type or TimestampType or DoubleType:
                    LookAt<long>(column, rows, static value => value);
                    break;
                case Decimal128Type { Precision: > LongDigits }:
                    LookAt<Int128>(column, rows, static value => value.GetHashCode());
                    break;
                case Decimal128Type:
                    LookAt<Int128>(column, rows, static value => (long)value);
                    break;
            }

            if (_values < SampleMin || _distinct <= _values / 2) return ColumnEncoding.Dictionary;
            return AreIntegers(column.DataType) && AreNarrow(_differences.AsSpan(1, _values - 1), WidthOf(column.DataType)) ? ColumnEncoding.Differences : ColumnEncoding.Plain;
        }

        private static int WidthOf(IArrowType type) => type is Int32Type or Date32Type or Decimal128Type { Precision: <= IntDigits } ? 32 : 64;

        private void LookAt<T>(ArrayData column, int rows, Func<T, long> numberOf)
            where T : unmanaged
        {
            var values = new ColumnSlice(column, column.Offset, rows, Parent: null).Values<T>();
            for (var i = 0; i < rows && !IsSettled(rows); i++)
                if (IsValid(column, i)) Add(numberOf(values[i]));
        }

        private void LookAtBytes(ArrayData column, int rows)
        {
            var offsets = MemoryMarshal.Cast<byte, int>(column.Buffers[1].Span).Slice(column.Offset, rows + 1);
            var bytes = column.Buffers[2].Span;
            for (var i = 0; i < rows && !IsSettled(rows); i++)
                if (IsValid(column, i)) Add(HashOf(bytes[offsets[i]..offsets[i + 1]]));
        }

        /// <summary>The rows that are left change nothing.</summary>
        private bool IsSettled(int rows) => _values >= SampleMin && _distinct > rows / 2;

        private void Add(long value)
        {
            _differences[_values++] = unchecked(value - _last);
            _last = value;
            // Numbers near to each other are apart when multiplied. 0 marks a free slot.
            var mixed = (uint)(unchecked((ulong)value * 0x9E37_79B9_7F4A_7C15) >> 32) | 1;
            var slot = (int)(mixed >> 18);
            for (; _seen[slot] != 0; slot = (slot + 1) % Slots)
                if (_seen[slot] == mixed) return;
            _seen[slot] = mixed;
            _distinct++;
        }

        private static bool IsValid(ArrayData column, int row) =>
            column.NullCount == 0 || column.Buffers[0].IsEmpty || BitUtility.GetBit(column.Buffers[0].Span, column.Offset + row);

        private static long HashOf(ReadOnlySpan<byte> value)
        {
            var hash = unchecked((ulong)value.Length * 0xC2B2_AE3D_27D4_EB4F);
            for (; value.Length >= sizeof(ulong); value = value[sizeof(ulong)..]) hash = Mix(hash, BinaryPrimitives.ReadUInt64LittleEndian(value));
            var rest = 0UL;
            foreach (var one in value) rest = (rest << 8) | one;
            return unchecked((long)Mix(hash, rest));
        }

        private static ulong Mix(ulong hash, ulong word) => BitOperations.RotateLeft(unchecked((hash ^ word) * 0x9E37_79B9_7F4A_7C15), 29);
    }
}
