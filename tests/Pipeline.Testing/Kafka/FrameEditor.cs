using System.Buffers.Binary;
using System.Text;

namespace Pipeline.Testing.Kafka;

/// <summary>
/// Walks over a message of Kafka's protocol and writes it again: what is copied stays, what is read may be written otherwise.
/// </summary>
/// <param name="isFlexible">Lengths are varints plus one, and tagged fields end each structure.</param>
internal sealed class FrameEditor(byte[] frame, bool isFlexible)
{
    private readonly MemoryStream _output = new(frame.Length + 64);
    private int _at;

    /// <summary>Copies go nowhere while this holds.</summary>
    public bool IsLeavingOut { get; set; }

    /// <summary>All that was written, and the rest as it was.</summary>
    public byte[] Finish()
    {
        _output.Write(frame.AsSpan(_at));
        return _output.ToArray();
    }

    public ReadOnlySpan<byte> Read(int count)
    {
        _at += count;
        return frame.AsSpan(_at - count, count);
    }

    public short ReadInt16() => BinaryPrimitives.ReadInt16BigEndian(Read(2));

    public int ReadInt32() => BinaryPrimitives.ReadInt32BigEndian(Read(4));

    public long ReadInt64() => BinaryPrimitives.ReadInt64BigEndian(Read(8));

    /// <summary>Null is empty.</summary>
    public string ReadText() => Encoding.UTF8.GetString(Read(Math.Max(0, isFlexible ? ReadVarint() - 1 : ReadInt16())));

    public void Write(ReadOnlySpan<byte> bytes)
    {
        if (!IsLeavingOut) _output.Write(bytes);
    }

    public void WriteInt16(short value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteInt16BigEndian(bytes, value);
        Write(bytes);
    }

    public void WriteInt32(int value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        Write(bytes);
    }

    public void WriteInt64(long value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        Write(bytes);
    }

    public void WriteText(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        if (isFlexible) WriteVarint(bytes.Length + 1);
        else WriteInt16((short)bytes.Length);
        Write(bytes);
    }

    public void WriteCount(int count)
    {
        if (isFlexible) WriteVarint(count + 1);
        else WriteInt32(count);
    }

    public void Copy(int count) => Write(Read(count));

    public int CopyInt32()
    {
        var value = ReadInt32();
        WriteInt32(value);
        return value;
    }

    public string CopyText()
    {
        var from = _at;
        var text = ReadText();
        Write(frame.AsSpan(from, _at - from));
        return text;
    }

    /// <summary>How many elements an array has; null has none.</summary>
    public int ReadCount() => Math.Max(0, isFlexible ? ReadVarint() - 1 : ReadInt32());

    public int CopyCount()
    {
        var from = _at;
        var count = ReadCount();
        Write(frame.AsSpan(from, _at - from));
        return count;
    }

    public void CopyArray(int elementBytes) => Copy(CopyCount() * elementBytes);

    public void CopyTags()
    {
        if (!isFlexible) return;
        var from = _at;
        for (var tags = ReadVarint(); tags > 0; tags--)
        {
            ReadVarint();
            Read(ReadVarint());
        }

        Write(frame.AsSpan(from, _at - from));
    }

    private int ReadVarint()
    {
        var value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var next = frame[_at++];
            value |= (next & 0x7F) << shift;
            if ((next & 0x80) == 0) return value;
        }
    }

    private void WriteVarint(int value)
    {
        for (; value > 0x7F; value >>= 7) Write([(byte)(value | 0x80)]);
        Write([(byte)value]);
    }
}
