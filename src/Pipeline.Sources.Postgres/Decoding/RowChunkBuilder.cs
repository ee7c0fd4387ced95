using System.Buffers.Binary;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Core.Columns;
using Pipeline.Sources.Postgres.Catalog;

namespace Pipeline.Sources.Postgres.Decoding;

/// <summary>Fills one chunk after another of a table from rows in PostgreSQL's binary form.</summary>
internal sealed class RowChunkBuilder : IDisposable
{
    private const int FirstRows = 256;
    private const int FirstBytesPerColumn = 4 << 10;

    private readonly Schema _schema;
    private readonly ColumnType[] _types;
    private readonly int[] _bytesOfColumn;
    private readonly FieldDecoder[] _decoders;
    private ColumnMemory? _memory;
    private BytesColumn? _ops;
    private FixedColumn<long>? _positions;
    private int _rowsExpected = FirstRows;

    public RowChunkBuilder(PostgresTable table)
    {
        _schema = table.ChunkSchema;
        _types = [.. table.Columns.Select(ColumnType.Of)];
        _bytesOfColumn = [.. _types.Select(_ => FirstBytesPerColumn)];
        _decoders = new FieldDecoder[_types.Length];
    }

    public int RowCount { get; private set; }

    /// <summary>Bytes of the rows in the chunk that is being filled, in PostgreSQL's form.</summary>
    public long RowBytes { get; private set; }

    /// <param name="fields">The row's fields: each a 32-bit length, -1 for null, and so many bytes.</param>
    public void Append(ReadOnlySpan<byte> fields, ReadOnlySpan<byte> op, long position)
    {
        if (_memory is null) Begin();
        var at = 0;
        foreach (var decoder in _decoders)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(fields[at..]);
            at += sizeof(int);
            if (length < 0)
            {
                decoder.AppendNull();
                continue;
            }

            decoder.Append(fields.Slice(at, length));
            at += length;
        }

        _ops!.Append(op);
        _positions!.Append(position);
        RowCount++;
        RowBytes += fields.Length;
    }

    /// <summary>Ends the chunk; the next row begins another. Without rows the chunk only carries its range.</summary>
    public Chunk Build(SplitId split, string table, PositionRange range, DateTimeOffset? newestEventAt)
    {
        if (_memory is null) return new Chunk(split, table, range, rows: null);

        var rows = new RecordBatch(_schema, [.. _decoders.Select(decoder => decoder.Column.Build()), _ops!.Build(), _positions!.Build()], RowCount);
        var chunk = new Chunk(split, table, range, rows, bytes: _memory.Bytes, newestEventAt: newestEventAt, memory: _memory);

        // The next chunk starts with room for as much as this one held.
        _rowsExpected = RowCount;
        for (var i = 0; i < _decoders.Length; i++)
            if (_decoders[i].Column is BytesColumn bytes) _bytesOfColumn[i] = Math.Max(bytes.ValueBytes, FirstBytesPerColumn);
        _memory = null;
        RowCount = 0;
        RowBytes = 0;
        return chunk;
    }

    public void Dispose()
    {
        _memory?.Dispose();
        _memory = null;
    }

    private void Begin()
    {
        _memory = new ColumnMemory();
        for (var i = 0; i < _decoders.Length; i++) _decoders[i] = _types[i].CreateDecoder(_memory, _rowsExpected, _bytesOfColumn[i]);
        _ops = new BytesColumn(_memory, StringType.Default, _rowsExpected, _rowsExpected);
        _positions = new FixedColumn<long>(_memory, Int64Type.Default, _rowsExpected);
    }
}
