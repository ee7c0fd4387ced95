using System.Buffers;
using System.IO.Compression;

namespace Pipeline.Sources.Snowflake.Client;

/// <summary>
/// A whole answer as it came over the wire, compressed if it was, in pooled memory. Read to its end before anything is
/// done with it: a connection that breaks in the middle is the request's failure, not the reader's.
/// </summary>
internal sealed class ResponseBody : IDisposable
{
    private const int SegmentBytes = 64 << 10;

    private readonly List<byte[]> _segments = [];
    private readonly bool _isCompressed;
    private long _length;

    private ResponseBody(bool isCompressed) => _isCompressed = isCompressed;

    /// <summary>Bytes as they came.</summary>
    public long Length => _length;

    public static async Task<ResponseBody> ReadAsync(HttpContent content, CancellationToken cancellationToken)
    {
        var body = new ResponseBody(content.Headers.ContentEncoding.Contains("gzip"));
        try
        {
            await using var stream = await content.ReadAsStreamAsync(cancellationToken);
            while (true)
            {
                var at = (int)(body._length % SegmentBytes);
                if (at == 0) body._segments.Add(ArrayPool<byte>.Shared.Rent(SegmentBytes));
                var read = await stream.ReadAsync(body._segments[^1].AsMemory(at, SegmentBytes - at), cancellationToken);
                if (read == 0) return body;
                body._length += read;
            }
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    /// <summary>The content, decompressed. May be opened again.</summary>
    public Stream Open()
    {
        var stream = new SegmentStream(this);
        return _isCompressed ? new GZipStream(stream, CompressionMode.Decompress) : stream;
    }

    public void Dispose()
    {
        foreach (var segment in _segments) ArrayPool<byte>.Shared.Return(segment);
        _segments.Clear();
        _length = 0;
    }

    private sealed class SegmentStream(ResponseBody body) : Stream
    {
        private long _at;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer)
        {
            var offset = (int)(_at % SegmentBytes);
            var count = (int)Math.Min(Math.Min(buffer.Length, SegmentBytes - offset), body._length - _at);
            if (count == 0) return 0;
            body._segments[(int)(_at / SegmentBytes)].AsSpan(offset, count).CopyTo(buffer);
            _at += count;
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
