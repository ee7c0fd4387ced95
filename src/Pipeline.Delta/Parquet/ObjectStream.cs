using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Parquet;

/// <summary>
/// An object as a seekable stream for the native Parquet reader, which calls synchronously: it reads ahead in blocks, so
/// that many small reads are few requests. Whoever reads on gets larger ones; whoever leaps, as one who wants a single column
/// does, pays for little that he does not want.
/// </summary>
internal sealed class ObjectStream(IObjectStore store, string path, long length) : Stream
{
    private const int BlockBytesMin = 64 << 10;
    private const int BlockBytesMax = 1 << 20;

    private int _blockBytes = BlockBytesMin;
    private byte[] _block = [];
    private long _blockStart;
    private long _position;

    /// <summary>What the store said to the last reading that it refused: the native reader puts an error of its own in its place.</summary>
    public PipelineException? Refusal { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position
    {
        get => _position;
        set => _position = value;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        if (_position >= length || buffer.IsEmpty) return 0;
        if (_position < _blockStart || _position >= _blockStart + _block.Length)
        {
            _blockBytes = _block.Length > 0 && _position == _blockStart + _block.Length ? Math.Min(2 * _blockBytes, BlockBytesMax) : BlockBytesMin;
            var wanted = (int)Math.Min(length - _position, Math.Max(buffer.Length, _blockBytes));
            _block = Fetch(wanted);
            _blockStart = _position;
        }

        var available = _block.AsSpan((int)(_position - _blockStart));
        var read = Math.Min(available.Length, buffer.Length);
        available[..read].CopyTo(buffer);
        _position += read;
        return read;
    }

    public override long Seek(long offset, SeekOrigin origin) => _position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => _position + offset,
        _ => length + offset,
    };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private byte[] Fetch(int wanted)
    {
        try
        {
            return store.GetRangeAsync(path, _position, wanted, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        }
        catch (PipelineException e)
        {
            Refusal = e;
            throw;
        }
    }
}
