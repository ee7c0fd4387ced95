using System.Collections.Immutable;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Log;

/// <summary>
/// The checksum of a data file's bytes, taken while they are written and kept in the <c>tags</c> of its <see cref="AddFile"/>:
/// CRC-32C, the one that S3 knows too.
/// </summary>
public struct FileChecksum
{
    /// <summary>The key in the tags; the value is eight hexadecimal digits.</summary>
    public const string Tag = "pipeline.crc32c";

    private const int BlockBytes = 4 << 20;

    private uint _complement;

    /// <summary>Of all bytes so far.</summary>
    public readonly uint Value => _complement;

    public void Add(ReadOnlySpan<byte> bytes)
    {
        var crc = ~_complement;
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words) crc = BitOperations.Crc32C(crc, word);
        foreach (var one in bytes[(words.Length * sizeof(ulong))..]) crc = BitOperations.Crc32C(crc, one);
        _complement = ~crc;
    }

    /// <summary>Tags that say a checksum; null: nobody has taken one.</summary>
    public static ImmutableDictionary<string, string>? TagsOf(uint? checksum) =>
        checksum is { } known ? ActionReader.NoStrings.Add(Tag, TextOf(known)) : null;

    public static string TextOf(uint checksum) => checksum.ToString("x8", CultureInfo.InvariantCulture);

    /// <summary>What the tags of a file say; null: nothing, or nothing that can be read.</summary>
    public static uint? Of(ImmutableDictionary<string, string>? tags) =>
        tags is not null && tags.TryGetValue(Tag, out var text) ? TryParse(text) : null;

    /// <summary>Null: it is no checksum.</summary>
    public static uint? TryParse(string? text) => uint.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var known) ? known : null;

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
        var block = System.Buffers.ArrayPool<byte>.Shared.Rent(1 << 20);
        while (content.Read(block) is var read and > 0) checksum.Add(block.AsSpan(0, read));
        System.Buffers.ArrayPool<byte>.Shared.Return(block);
        return checksum.Value;
    }
}
