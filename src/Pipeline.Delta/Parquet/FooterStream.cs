using System.Buffers.Binary;
using System.Runtime.ExceptionServices;
using ParquetSharp;
using Pipeline.Delta.Log;

namespace Pipeline.Delta.Parquet;

/// <summary>What every data file says about itself.</summary>
internal static class DataFileFooter
{
    /// <summary>
    /// Files without this key are taken for old ones with Julian dates, which Spark refuses to read before 1582 (dates) and
    /// 1900 (timestamps).
    /// </summary>
    public static readonly KeyValuePair<string, string> SparkVersion = new("org.apache.spark.version", "3.5.0");
}

/// <summary>
/// Stands between the native Parquet writer and an upload. Adds one key to the footer, for which the writer's Arrow
/// interface has no way, and keeps errors of the upload, which the writer would turn into its own. Leaves the upload open.
/// </summary>
internal sealed class FooterStream(Stream output, KeyValuePair<string, string> entry) : Stream
{
    /// <summary>Length of the footer (4 bytes, little endian) and <c>PAR1</c>.</summary>
    private const int TailBytes = 8;

    /// <summary>The writer hands over the footer, its length and the mark in at most this many pieces.</summary>
    private const int TailPieces = 3;

    private readonly Queue<byte[]> _tail = new(TailPieces + 1);
    private FileChecksum _checksum;
    private bool _isClosing;

    /// <summary>Bytes that have reached the upload.</summary>
    public long BytesWritten { get; private set; }

    /// <summary>Of the bytes that have reached the upload.</summary>
    public uint Checksum => _checksum.Value;

    /// <summary>The upload's own error.</summary>
    public ExceptionDispatchInfo? Failure { get; private set; }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        // The writer takes offsets and the footer's length from here: what is kept back counts.
        get => BytesWritten + _tail.Sum(piece => piece.Length);
        set => throw new NotSupportedException();
    }

    /// <summary>Runs the writer's close, and writes the footer that it makes with the key added.</summary>
    public void Close(Action closeWriter)
    {
        _isClosing = true;
        closeWriter();
        var written = _tail.SelectMany(piece => piece).ToArray().AsSpan();
        var footerBytes = BinaryPrimitives.ReadInt32LittleEndian(written[^TailBytes..]);
        var footer = written[^(TailBytes + footerBytes)..^TailBytes];
        Forward(written[..^(TailBytes + footerBytes)]);

        var addition = KeyValueField();
        // The footer is a Thrift struct; its last byte ends it, and fields may come in any order.
        Forward(footer[..^1]);
        Forward(addition);
        Forward(footer[^1..]);
        Span<byte> tail = stackalloc byte[TailBytes];
        BinaryPrimitives.WriteInt32LittleEndian(tail, footerBytes + addition.Length);
        "PAR1"u8.CopyTo(tail[4..]);
        Forward(tail);
    }

    /// <summary>The upload's error in place of the native writer's.</summary>
    public Exception Explain(ParquetException e)
    {
        Failure?.Throw();
        return e;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (!_isClosing)
        {
            Forward(buffer);
            return;
        }

        _tail.Enqueue(buffer.ToArray());
        if (_tail.Count > TailPieces) Forward(_tail.Dequeue());
    }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private void Forward(ReadOnlySpan<byte> bytes)
    {
        try
        {
            output.Write(bytes);
        }
        catch (Exception e)
        {
            Failure ??= ExceptionDispatchInfo.Capture(e);
            throw;
        }

        _checksum.Add(bytes);
        BytesWritten += bytes.Length;
    }

    /// <summary>
    /// Field 5 of <c>FileMetaData</c>, a list of one <c>KeyValue</c>, in Thrift's compact protocol
    /// (parquet.thrift; thrift-compact-protocol.md, sections "Struct encoding" and "List and Set encoding").
    /// </summary>
    private byte[] KeyValueField()
    {
        var bytes = new MemoryStream();
        bytes.Write([0x09, 0x0A]); // a list, with its field id written out: zigzag 5
        bytes.WriteByte(0x1C); // one element, a struct
        WriteBinary(bytes, entry.Key);
        WriteBinary(bytes, entry.Value);
        bytes.WriteByte(0x00); // end of the struct
        return bytes.ToArray();
    }

    /// <summary>The next field of a struct: a string.</summary>
    private static void WriteBinary(MemoryStream bytes, string text)
    {
        bytes.WriteByte(0x18);
        var utf8 = System.Text.Encoding.UTF8.GetBytes(text);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(utf8.Length, 127, nameof(text));
        bytes.WriteByte((byte)utf8.Length);
        bytes.Write(utf8);
    }
}
