using System.IO.Compression;
using System.IO.Pipelines;
using System.Text;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>
/// The end of a log, plain or compressed, in bounded memory. A file that was copied while it was written ends anywhere: what can be
/// read of it counts.
/// </summary>
public static class LogTail
{
    public const int BytesMax = 256 << 10;

    /// <summary>Bytes of text that are looked through for their end.</summary>
    private const long ReadMax = 1L << 30;

    /// <param name="log">From its beginning.</param>
    public static async ValueTask<string> ReadAsync(Stream log, CancellationToken cancellationToken, int bytesMax = BytesMax)
    {
        var reader = PipeReader.Create(log, new StreamPipeReaderOptions(leaveOpen: true));
        var begin = await reader.ReadAtLeastAsync(2, cancellationToken);
        var isCompressed = IsGzip(begin.Buffer.Length >= 2 ? [begin.Buffer.FirstSpan[0], begin.Buffer.Slice(1).FirstSpan[0]] : []);
        reader.AdvanceTo(begin.Buffer.Start);
        await using var content = reader.AsStream();
        if (!isCompressed) return await EndOfAsync(content, bytesMax, cancellationToken);
        await using var plain = new GZipStream(content, CompressionMode.Decompress);
        return await EndOfAsync(plain, bytesMax, cancellationToken);
    }

    private static bool IsGzip(ReadOnlySpan<byte> magic) => magic is [0x1f, 0x8b];

    private static async ValueTask<string> EndOfAsync(Stream text, int bytesMax, CancellationToken cancellationToken)
    {
        // Two halves: when both are full, the first one is let go.
        var kept = new byte[2 * bytesMax];
        var (length, isCut) = (0, false);
        for (long read = 0; read < ReadMax;)
        {
            var count = await ReadAsync(text, kept.AsMemory(length), cancellationToken);
            if (count == 0) break;
            (read, length) = (read + count, length + count);
            if (length < kept.Length) continue;
            kept.AsSpan(bytesMax).CopyTo(kept);
            (length, isCut) = (bytesMax, true);
        }

        var start = Math.Max(0, length - bytesMax);
        // A line that was cut says nothing true.
        if (isCut || start > 0) start = Array.IndexOf(kept, (byte)'\n', start, length - start) is >= 0 and var end ? end + 1 : start;
        return Encoding.UTF8.GetString(kept, start, length - start);
    }

    /// <summary>0 also where it is no more what it was compressed as: there it ends.</summary>
    private static async ValueTask<int> ReadAsync(Stream text, Memory<byte> into, CancellationToken cancellationToken)
    {
        try
        {
            return await text.ReadAsync(into, cancellationToken);
        }
        catch (InvalidDataException)
        {
            return 0;
        }
    }
}
