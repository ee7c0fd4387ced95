using System.Text;

namespace Pipeline.Delta.Parquet;

/// <summary>
/// Copies a struct in Thrift's compact protocol (thrift-compact-protocol.md), leaving out fields on the way. What it does
/// not need to understand it copies as bytes. Each method copies one value from where the copy stands.
/// </summary>
/// <remarks>A source that ends too soon or is none is an <see cref="InvalidDataException"/>.</remarks>
internal sealed class ThriftCopy(byte[] source)
{
    private readonly MemoryStream _target = new(source.Length);
    private int _at;
    private int _copied;

    public byte[] Written() => _target.ToArray();

    /// <param name="inside">Copies the value of a field by itself and says so; others are copied as they are.</param>
    public void Struct(Func<int, bool> inside, Func<int, bool>? isLeftOut = null)
    {
        var (field, written) = (0, 0);
        while (true)
        {
            Flush();
            var header = Next();
            if (header == 0)
            {
                Flush();
                return;
            }

            var type = (Kind)(header & 0x0F);
            // The upper half is the distance to the field before; 0: the id follows.
            field = header >> 4 is var distance and > 0 ? field + distance : Unzigzag(Varint());
            _copied = _at;
            if (isLeftOut?.Invoke(field) == true)
            {
                Skip(type);
                _copied = _at;
                continue;
            }

            WriteFieldHeader(type, field, written);
            written = field;
            if (!inside(field)) Skip(type);
        }
    }

    /// <summary>The number that is copied next; for what a field that is left out says.</summary>
    public long PeekNumber()
    {
        var at = _at;
        var value = Varint();
        _at = at;
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    /// <summary>A struct below the current one.</summary>
    public bool Enter(Action copy)
    {
        copy();
        return true;
    }

    /// <summary>A list of structs.</summary>
    public bool List(Action copyElement)
    {
        var count = ListHeader().Count;
        for (var i = 0; i < count; i++) copyElement();
        return true;
    }

    /// <summary>A list of texts, which are also handed out.</summary>
    public bool Texts(Action<IReadOnlyList<string>> take)
    {
        var texts = new string[ListHeader().Count];
        for (var i = 0; i < texts.Length; i++)
        {
            var length = (int)Varint();
            var start = _at;
            Pass(length);
            texts[i] = Encoding.UTF8.GetString(source, start, length);
        }

        take(texts);
        return true;
    }

    private void Skip(Kind type)
    {
        switch (type)
        {
            case Kind.True or Kind.False:
                // A field's header is its value.
                break;
            case Kind.Byte:
                Pass(1);
                break;
            case Kind.Int16 or Kind.Int32 or Kind.Int64:
                Varint();
                break;
            case Kind.Double:
                Pass(8);
                break;
            case Kind.Binary:
                Pass((int)Varint());
                break;
            case Kind.List or Kind.Set:
                var (element, count) = ListHeader();
                for (var i = 0; i < count; i++) SkipElement(element);
                break;
            case Kind.Map:
                SkipMap();
                break;
            case Kind.Struct:
                for (var header = Next(); header != 0; header = Next())
                {
                    if (header >> 4 == 0) Varint();
                    Skip((Kind)(header & 0x0F));
                }

                break;
            default:
                throw new InvalidDataException($"There is no Thrift type {type}.");
        }
    }

    private void SkipMap()
    {
        var count = (int)Varint();
        if (count == 0) return;
        var types = Next();
        for (var i = 0; i < count; i++)
        {
            SkipElement((Kind)(types >> 4));
            SkipElement((Kind)(types & 0x0F));
        }
    }

    /// <summary>In a list a boolean is a byte.</summary>
    private void SkipElement(Kind type) => Skip(type is Kind.True or Kind.False ? Kind.Byte : type);

    private (Kind Element, int Count) ListHeader()
    {
        var header = Next();
        var count = header >> 4 is var few and < 15 ? few : (int)Varint();
        // Each element is a byte at least.
        return count >= 0 && count <= source.Length - _at ? ((Kind)(header & 0x0F), count) : throw new InvalidDataException($"It ends at byte {source.Length}.");
    }

    private ulong Varint()
    {
        var value = 0UL;
        for (var shift = 0; ; shift += 7)
        {
            var part = Next();
            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80) return value;
        }
    }

    private byte Next()
    {
        Pass(1);
        return source[_at - 1];
    }

    private void Pass(int bytes)
    {
        if (bytes < 0 || bytes > source.Length - _at) throw new InvalidDataException($"It ends at byte {source.Length}.");
        _at += bytes;
    }

    private static int Unzigzag(ulong value) => (int)(value >> 1) ^ -(int)(value & 1);

    private void WriteFieldHeader(Kind type, int field, int before)
    {
        var distance = field - before;
        if (distance is > 0 and < 16)
        {
            _target.WriteByte((byte)((distance << 4) | (int)type));
            return;
        }

        _target.WriteByte((byte)type);
        for (var rest = (uint)((field << 1) ^ (field >> 31)); ; rest >>= 7)
        {
            _target.WriteByte((byte)(rest < 0x80 ? rest : rest | 0x80));
            if (rest < 0x80) return;
        }
    }

    /// <summary>Copies what has been read since the last time.</summary>
    private void Flush()
    {
        _target.Write(source, _copied, _at - _copied);
        _copied = _at;
    }

    private enum Kind
    {
        True = 1,
        False = 2,
        Byte = 3,
        Int16 = 4,
        Int32 = 5,
        Int64 = 6,
        Double = 7,
        Binary = 8,
        List = 9,
        Set = 10,
        Map = 11,
        Struct = 12,
    }
}
