using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace Pipeline.Delta.Parquet;

/// <summary>
/// Text in the order of its UTF-8 bytes. Long values are cut: the minimum to its first 32 characters, the maximum to a
/// text just above it, as the reference implementation does.
/// </summary>
internal sealed class TextBounds : Bounds
{
    /// <summary>Characters (code points) of a bound.</summary>
    private const int CharactersMax = 32;

    /// <summary>Where a maximum that cannot be cut earlier is given up.</summary>
    private const int CutMax = 64;

    /// <summary>Bytes kept of a candidate: more than <see cref="CutMax"/> characters ever take.</summary>
    private const int BytesKept = ((CutMax + 1) * 4) + 4;

    private readonly Candidate _minimum = new();
    private readonly Candidate _maximum = new();

    public override void Add(in ColumnSlice column, byte[]? validity)
    {
        var offsets = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, int>(column.Data.Buffers[1].Span).Slice(column.Start, column.Length + 1);
        var bytes = column.Data.Buffers[2].Span;
        for (var i = 0; i < column.Length; i++)
        {
            if (validity is not null && validity[i] == 0) continue;
            var value = bytes.Slice(offsets[i], Math.Min(offsets[i + 1] - offsets[i], BytesKept));
            var start = StartOf(value);
            if (!_minimum.Exists)
            {
                _minimum.Keep(value, start);
                _maximum.Keep(value, start);
            }
            else if (_minimum.Compare(value, start) < 0)
            {
                _minimum.Keep(value, start);
            }
            else if (_maximum.Compare(value, start) > 0)
            {
                _maximum.Keep(value, start);
            }
        }
    }

    public override void WriteMinimum(Utf8JsonWriter json, string name)
    {
        if (_minimum.Exists) json.WriteString(name, Minimum(_minimum.Bytes));
    }

    public override void WriteMaximum(Utf8JsonWriter json, string name)
    {
        if (_maximum.Exists && Maximum(_maximum.Bytes) is { } bound) json.WriteString(name, bound);
    }

    /// <summary>A text that no text from this UTF-8 on is below.</summary>
    public static string Minimum(ReadOnlySpan<byte> value) => Encoding.UTF8.GetString(value[..BytesOf(value, CharactersMax)]);

    /// <summary>A text that no text up to this UTF-8 is above; null when there is no short one.</summary>
    public static string? Maximum(ReadOnlySpan<byte> value)
    {
        for (var characters = CharactersMax; characters <= CutMax; characters++)
        {
            var cut = BytesOf(value, characters);
            if (cut == value.Length) return Encoding.UTF8.GetString(value);

            // The bound ends in a character above the first one that is cut off.
            _ = Rune.DecodeFromUtf8(value[cut..], out var cutOff, out _);
            if (cutOff.Value == 0x10FFFF) continue;
            return Encoding.UTF8.GetString(value[..cut]) + (cutOff.Value < 0x7F ? "\u007F" : "\U0010FFFF");
        }

        return null;
    }

    /// <summary>Bytes of the first <paramref name="characters"/> characters.</summary>
    private static int BytesOf(ReadOnlySpan<byte> value, int characters)
    {
        var bytes = 0;
        for (var i = 0; i < characters && bytes < value.Length; i++)
        {
            if (Rune.DecodeFromUtf8(value[bytes..], out _, out var consumed) == OperationStatus.NeedMoreData) break;
            bytes += consumed;
        }

        return bytes;
    }

    /// <summary>The first eight bytes as a number that is ordered as they are; what a short value lacks counts as zeros.</summary>
    private static ulong StartOf(ReadOnlySpan<byte> value)
    {
        if (value.Length >= sizeof(ulong)) return BinaryPrimitives.ReadUInt64BigEndian(value);
        var start = 0UL;
        for (var i = 0; i < value.Length; i++) start |= (ulong)value[i] << (8 * (sizeof(ulong) - 1 - i));
        return start;
    }

    /// <summary>
    /// A value kept. Its start settles nearly every comparison, and its length the others of short values: comparing bytes by a
    /// call for each value of a file was most of what statistics took.
    /// </summary>
    private sealed class Candidate
    {
        private readonly byte[] _kept = new byte[BytesKept];
        private int _length = -1;
        private ulong _start;

        public bool Exists => _length >= 0;

        public ReadOnlySpan<byte> Bytes => _kept.AsSpan(0, _length);

        /// <summary>Below zero when <paramref name="value"/> is smaller, above zero when it is larger.</summary>
        public int Compare(ReadOnlySpan<byte> value, ulong start)
        {
            if (start != _start) return start < _start ? -1 : 1;
            return value.Length <= sizeof(ulong) && _length <= sizeof(ulong) ? value.Length - _length : value.SequenceCompareTo(Bytes);
        }

        public void Keep(ReadOnlySpan<byte> value, ulong start)
        {
            value.CopyTo(_kept);
            (_length, _start) = (value.Length, start);
        }
    }
}
