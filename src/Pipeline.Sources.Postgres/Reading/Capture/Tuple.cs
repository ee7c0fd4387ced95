using System.Buffers.Binary;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>The fields of a row in a replication stream (manual 55.9, TupleData), read one after the other.</summary>
internal ref struct Tuple
{
    public const byte Null = (byte)'n';
    public const byte Unchanged = (byte)'u';
    public const byte Text = (byte)'t';
    public const byte Binary = (byte)'b';

    private readonly ReadOnlySpan<byte> _fields;
    private int _at;

    private Tuple(ReadOnlySpan<byte> fields, int count)
    {
        _fields = fields;
        Count = count;
    }

    public int Count { get; }

    public readonly int Bytes => _fields.Length;

    public readonly bool IsEmpty => _fields.IsEmpty;

    /// <summary>The tuple at the beginning of <paramref name="message"/>, which is moved behind it.</summary>
    public static Tuple Take(scoped ref ReadOnlySpan<byte> message)
    {
        var count = BinaryPrimitives.ReadInt16BigEndian(message);
        var at = sizeof(short);
        for (var i = count; i > 0; i--)
            at += message[at] is Text or Binary ? 1 + sizeof(int) + BinaryPrimitives.ReadInt32BigEndian(message[(at + 1)..]) : 1;
        var tuple = new Tuple(message[sizeof(short)..at], count);
        message = message[at..];
        return tuple;
    }

    /// <summary>The next field's kind and value; null after the last and for an empty tuple.</summary>
    public byte Read(out ReadOnlySpan<byte> value)
    {
        value = default;
        if (_at >= _fields.Length) return Null;
        var kind = _fields[_at++];
        if (kind is not (Text or Binary)) return kind;
        var length = BinaryPrimitives.ReadInt32BigEndian(_fields[_at..]);
        value = _fields.Slice(_at + sizeof(int), length);
        _at += sizeof(int) + length;
        return kind;
    }

    /// <summary>The same fields from the first.</summary>
    public readonly Tuple Rewind() => new(_fields, Count);
}
