using System.Collections.Immutable;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Pipeline.Delta.Log;

/// <summary>
/// The checksum of a data file's bytes, taken while they are written and kept in the <c>tags</c> of its <see cref="AddFile"/>:
/// CRC-32C, the one that S3 knows too.
/// </summary>
public struct FileChecksum
{
    /// <summary>The key in the tags; the value is eight hexadecimal digits.</summary>
    public const string Tag = "pipeline.crc32c";

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
}
