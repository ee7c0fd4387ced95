using System.Buffers;
using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Delta.Storage;

/// <summary>The <see cref="FileChecksum"/> of bytes that lie somewhere.</summary>
public static class FileChecksums
{
    private const int BlockBytes = 4 << 20;

    /// <summary>Reads a whole object, in pieces.</summary>
    /// <param name="path">Below the store's root.</param>
    /// <exception cref="PipelineException">There is no such object, or it ends early.</exception>
    public static async ValueTask<uint> ReadAsync(IObjectStore store, string path, long size, CancellationToken cancellationToken)
    {
        var checksum = new FileChecksum();
        for (long at = 0; at < size; at += BlockBytes)
            checksum.Add(await store.GetRangeAsync(path, at, (int)Math.Min(BlockBytes, size - at), cancellationToken));
        return checksum.Value;
    }

    /// <summary>Of a file of this machine.</summary>
    public static uint Read(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        return Read(file);
    }

    /// <summary>Of what is left of a stream.</summary>
    public static uint Read(Stream content)
    {
        var checksum = new FileChecksum();
        var block = ArrayPool<byte>.Shared.Rent(1 << 20);
        while (content.Read(block) is var read and > 0) checksum.Add(block.AsSpan(0, read));
        ArrayPool<byte>.Shared.Return(block);
        return checksum.Value;
    }
}
