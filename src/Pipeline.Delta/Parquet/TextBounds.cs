using System.Buffers;
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

    private readonly byte[] _minimum = new byte[BytesKept];
    private readonly byte[] _maximum = new byte[BytesKept];
    private int _minimumLength = -1;
    private int _maximumLength = -1;

    public override void Add(in ColumnSlice column, byte[]? validity)
    {
        var offsets = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, int>(column.Data.Buffers[1].Span).Slice(column.Start, column.Length + 1);
        var bytes = column.Data.Buffers[2].Span;
        for (var i = 0; i < column.Length; i++)
        {
            if (validity is not null && validity[i] == 0) continue;
            var value = bytes.Slice(offsets[i], Math.Min(offsets[i + 1] - offsets[i], BytesKept));
            if (_minimumLength < 0)
            {
                Keep(value, _minimum, ref _minimumLength);
                Keep(value, _maximum, ref _maximumLength);
            }
            else if (value.SequenceCompareTo(_minimum.AsSpan(0, _minimumLength)) < 0)
            {
                Keep(value, _minimum, ref _minimumLength);
            }
            else if (value.SequenceCompareTo(_maximum.AsSpan(0, _maximumLength)) > 0)
            {
                Keep(value, _maximum, ref _maximumLength);
            }
        }
    }

    public override void WriteMinimum(Utf8JsonWriter json, string name)
    {
        if (_minimumLength >= 0) json.WriteString(name, Minimum(_minimum.AsSpan(0, _minimumLength)));
    }

    public override void WriteMaximum(Utf8JsonWriter json, string name)
    {
        if (_maximumLength >= 0 && Maximum(_maximum.AsSpan(0, _maximumLength)) is { } bound) json.WriteString(name, bound);
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

    private static void Keep(ReadOnlySpan<byte> value, byte[] kept, ref int length)
    {
        value.CopyTo(kept);
        length = value.Length;
    }
}
