using System.Text.Unicode;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>The bytes of a value that are left to be read. Every read is checked against the end.</summary>
internal ref struct WireInput(ReadOnlySpan<byte> bytes, int from, int to)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes[..to];

    public WireInput(ReadOnlySpan<byte> bytes)
        : this(bytes, 0, bytes.Length)
    {
    }

    /// <summary>Where the next byte is, counted from the value's beginning.</summary>
    public int At { get; private set; } = from;

    public readonly int Left => _bytes.Length - At;

    public ReadOnlySpan<byte> Read(long count)
    {
        if (count < 0 || count > Left) throw new FormatException($"The value ends early: {Plural.Of(count, "byte", "is", "are")} expected at {At}, {Left} are left.");
        var read = _bytes.Slice(At, (int)count);
        At += (int)count;
        return read;
    }

    public ReadOnlySpan<byte> ReadRest() => Read(Left);

    /// <summary>Groups of seven bits, the least significant first.</summary>
    public ulong ReadVarint()
    {
        ulong value = 0;
        for (var shift = 0; shift < 70; shift += 7)
        {
            var group = Read(1)[0];
            value |= (ulong)(group & 0x7F) << shift;
            if ((group & 0x80) == 0) return value;
        }

        throw new FormatException($"A number before {At} has more than 64 bits.");
    }

    /// <summary>What follows its own length.</summary>
    public ReadOnlySpan<byte> ReadSized()
    {
        var length = ReadVarint();
        return Read(length > int.MaxValue ? long.MaxValue : (long)length);
    }

    /// <summary>A signed number, its sign in the lowest bit.</summary>
    public long ReadZigzag() => Zigzag(ReadVarint());

    public static long Zigzag(ulong value) => (long)(value >> 1) ^ -(long)(value & 1);

    /// <summary>The text that follows, checked to be UTF-8.</summary>
    public ReadOnlySpan<byte> ReadText(long count)
    {
        var text = Read(count);
        return Utf8.IsValid(text) ? text : throw new FormatException($"A text that ends at {At} is not UTF-8.");
    }
}
