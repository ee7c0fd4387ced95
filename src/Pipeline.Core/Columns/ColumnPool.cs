using System.Numerics;

namespace Pipeline.Core.Columns;

/// <summary>
/// Buffers that chunks gave back, kept for the next ones up to a limit in bytes. The runtime's shared pool limits the number
/// of buffers of each size: with chunks of all sizes it comes to hold several times what they use. Safe to use from several
/// threads.
/// </summary>
internal sealed class ColumnPool(long bytesMax)
{
    private const int SmallestBits = 8;
    private const int LargestBits = 30;

    private readonly Lock _lock = new();
    private readonly Stack<byte[]>[] _bySize = [.. Enumerable.Range(0, LargestBits + 1).Select(_ => new Stack<byte[]>())];

    /// <summary>Of all columns in this process.</summary>
    public static ColumnPool Shared { get; } = new(bytesMax: 16L << 20);

    /// <summary>Bytes that are kept for nobody yet.</summary>
    public long Bytes { get; private set; }

    /// <summary>A buffer with at least so many bytes, and anything in it.</summary>
    public byte[] Rent(int bytesMin)
    {
        var bits = Math.Max(SmallestBits, 32 - BitOperations.LeadingZeroCount((uint)Math.Max(0, bytesMin - 1)));
        if (bits > LargestBits) return GC.AllocateUninitializedArray<byte>(bytesMin);
        lock (_lock)
        {
            if (_bySize[bits].TryPop(out var kept))
            {
                Bytes -= kept.Length;
                return kept;
            }
        }

        return GC.AllocateUninitializedArray<byte>(1 << bits);
    }

    /// <summary>Takes back what <see cref="Rent"/> gave, in place of buffers of the size that takes most when the limit is reached.</summary>
    public void Return(byte[] buffer)
    {
        if (buffer.Length > Math.Min(bytesMax, 1 << LargestBits)) return;
        lock (_lock)
        {
            _bySize[BitOperations.Log2((uint)buffer.Length)].Push(buffer);
            Bytes += buffer.Length;
            while (Bytes > bytesMax) Bytes -= _bySize.MaxBy(size => size.TryPeek(out var kept) ? (long)size.Count * kept.Length : 0)!.Pop().Length;
        }
    }
}
