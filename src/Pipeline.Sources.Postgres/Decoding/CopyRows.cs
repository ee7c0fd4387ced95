using System.Buffers;
using System.Buffers.Binary;
using Npgsql;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Decoding;

/// <summary>
/// The rows of a <c>COPY ... TO STDOUT (FORMAT binary)</c>, one after the other, each a span over the receive buffer.
/// For one thread; <see cref="Cancel"/> may come from another.
/// </summary>
internal sealed class CopyRows : IDisposable
{
    private const int HeaderBytes = 19;
    private const int FirstBufferBytes = 256 << 10;
    private static readonly byte[] Signature = [.. "PGCOPY\n"u8, 0xFF, .. "\r\n"u8, 0];

    private readonly Lock _lock = new();
    private readonly NpgsqlRawCopyStream _stream;
    private readonly int _fieldCount;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstBufferBytes);
    private int _start;
    private int _end;
    private bool _isAtEnd;
    private bool _isClosed;

    public CopyRows(NpgsqlRawCopyStream stream, int fieldCount)
    {
        _stream = stream;
        _fieldCount = fieldCount;
    }

    /// <summary>Reads past the header of the copy.</summary>
    public void Begin()
    {
        Require(HeaderBytes);
        var header = _buffer.AsSpan(_start, HeaderBytes);
        if (!header[..Signature.Length].SequenceEqual(Signature)) throw Malformed("its signature is missing");
        var extension = BinaryPrimitives.ReadInt32BigEndian(header[(Signature.Length + sizeof(int))..]);
        _start += HeaderBytes;
        Require(extension);
        _start += extension;
    }

    /// <summary>The next row's fields, each with its length before it; valid until the next call. False at the end.</summary>
    public bool TryRead(out ReadOnlySpan<byte> fields)
    {
        Require(sizeof(short));
        var count = BinaryPrimitives.ReadInt16BigEndian(_buffer.AsSpan(_start));
        if (count == -1)
        {
            fields = default;
            _isAtEnd = true;
            while (_stream.Read(_buffer) > 0)
            {
                // Nothing follows the trailer; reading to the end completes the command.
            }

            return false;
        }

        if (count != _fieldCount) throw Malformed($"a row has {count} fields instead of {_fieldCount}");
        var length = sizeof(short);
        for (var i = 0; i < count; i++)
        {
            if (_end - _start < length + sizeof(int)) Require(length + sizeof(int));
            var bytes = BinaryPrimitives.ReadInt32BigEndian(_buffer.AsSpan(_start + length));
            length += sizeof(int) + Math.Max(bytes, 0);
        }

        if (_end - _start < length) Require(length);
        fields = _buffer.AsSpan(_start + sizeof(short), length - sizeof(short));
        _start += length;
        return true;
    }

    /// <summary>Makes a blocked read fail soon; harmless when the copy has ended.</summary>
    public void Cancel()
    {
        lock (_lock)
        {
            if (_isClosed) return;
            try
            {
                _stream.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // The copy failed by itself a moment ago.
            }
        }
    }

    public void Dispose()
    {
        // Disposing a stream that is not at its end would read all rows that are left.
        if (!_isAtEnd) Cancel();
        lock (_lock) _isClosed = true;
        _stream.Dispose();
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    /// <summary>Makes at least so many unread bytes available at <see cref="_start"/>.</summary>
    private void Require(int bytes)
    {
        if (_end - _start >= bytes) return;
        if (_start == _end) _start = _end = 0;
        if (_start + bytes > _buffer.Length) MoveToFront(bytes);
        while (_end - _start < bytes)
        {
            var read = _stream.Read(_buffer.AsSpan(_end));
            if (read == 0) throw Malformed("it ended in the middle of a row");
            _end += read;
        }
    }

    private void MoveToFront(int bytes)
    {
        var unread = _buffer.AsSpan(_start, _end - _start);
        if (bytes > _buffer.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(bytes, checked(_buffer.Length * 2)));
            unread.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }
        else
        {
            unread.CopyTo(_buffer);
        }

        _end -= _start;
        _start = 0;
    }

    private static PipelineException Malformed(string cause) =>
        new(FaultKind.Damaged, "PostgreSQL", $"the server's COPY cannot be understood: {cause}", "Report the server's version.");
}
