using System.Buffers.Binary;
using System.Text;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Client;

namespace Pipeline.Sources.Postgres.Decoding;

/// <summary>
/// The rows of a <c>COPY ... TO STDOUT (FORMAT binary)</c>, one after the other, each a span over the receive buffer.
/// The server sends one row a message (manual 55.7, CopyData), the stream's header before the first.
/// </summary>
internal sealed class CopyRows
{
    private const int HeaderBytes = 19;
    private const short Trailer = -1;
    private static readonly byte[] Signature = [.. "PGCOPY\n"u8, 0xFF, .. "\r\n"u8, 0];

    private readonly WireConnection _connection;
    private readonly int _fieldCount;
    private bool _isPastHeader;
    private bool _isPastTrailer;
    private long _rows;

    /// <summary>Starts the copy.</summary>
    public CopyRows(WireConnection connection, string copySql, int fieldCount)
    {
        _connection = connection;
        _fieldCount = fieldCount;
        connection.SendQuery(copySql);
    }

    /// <summary>The next row's fields, each with its length before it; valid until the next call. False at the end.</summary>
    public bool TryRead(out ReadOnlySpan<byte> fields)
    {
        while (true)
        {
            switch (_connection.Read(out var content))
            {
                case (byte)'d':
                    if (!_isPastHeader)
                    {
                        content = PastHeader(content);
                        if (content.IsEmpty) continue;
                    }

                    if (_isPastTrailer || content.Length < sizeof(short)) throw Malformed($"{Plural.Of(content.Length, "byte", "stands", "stand")} where a row should");
                    var count = BinaryPrimitives.ReadInt16BigEndian(content);
                    if (count == Trailer)
                    {
                        if (content.Length > sizeof(short)) throw Malformed($"{Plural.Of(content.Length, "byte", "stands", "stand")} where its end should");
                        _isPastTrailer = true;
                        continue;
                    }

                    if (count != _fieldCount) throw Malformed($"a row has {Plural.Of(count, "field")} instead of {_fieldCount}");
                    fields = content[sizeof(short)..];
                    _rows++;
                    return true;
                case (byte)'C':
                    if (!content.TrimEnd((byte)0).SequenceEqual(Encoding.UTF8.GetBytes($"COPY {_rows}"))) throw Malformed($"its end is told as '{Encoding.UTF8.GetString(content.TrimEnd((byte)0))}' after {Plural.Of(_rows, "row")}");
                    continue;
                case (byte)'Z':
                    if (!_isPastTrailer) throw Malformed("its end is missing");
                    fields = default;
                    return false;
            }
        }
    }

    private ReadOnlySpan<byte> PastHeader(ReadOnlySpan<byte> content)
    {
        if (content.Length < HeaderBytes || !content.StartsWith(Signature)) throw Malformed("its signature is missing");
        var extension = BinaryPrimitives.ReadInt32BigEndian(content[(HeaderBytes - sizeof(int))..]);
        if (extension < 0 || extension > content.Length - HeaderBytes) throw Malformed($"its header says that {Plural.Of(extension, "byte", "extends", "extend")} it");
        _isPastHeader = true;
        return content[(HeaderBytes + extension)..];
    }

    private static PipelineException Malformed(string cause) =>
        new(FaultKind.Damaged, "PostgreSQL", $"the server's COPY cannot be understood: {cause}", "Report the server's version.");
}
