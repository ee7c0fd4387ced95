using System.Text;
using System.Text.Json;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Core.Columns;
using Pipeline.Sources.Snowflake.Catalog;

namespace Pipeline.Sources.Snowflake.Decoding;

/// <summary>The rows of one chunk while they are read. Not thread-safe.</summary>
internal sealed class ChunkAssembler : IDisposable
{
    private readonly TableShape _shape;
    private readonly ColumnMemory _memory = new();
    private readonly CellColumn[] _cells;
    private readonly BytesColumn _op;
    private readonly FixedColumn<long> _position;
    private DeadLetters? _deadLetters;
    private int _cellsInRow;

    public ChunkAssembler(TableShape shape)
    {
        _shape = shape;
        _cells = [.. shape.Columns.Select(column => CellColumn.Create(column, _memory))];
        _op = new BytesColumn(_memory, StringType.Default);
        _position = new FixedColumn<long>(_memory, Int64Type.Default);
    }

    public long Bytes => _memory.Bytes;

    /// <summary>Rows and dead letters.</summary>
    public int Records => _position.Length + (_deadLetters?.Count ?? 0);

    /// <summary>Watermark of the last row; null before the first.</summary>
    public long? LastPosition { get; private set; }

    /// <summary>Cells of the open row.</summary>
    public int CellsInRow => _cellsInRow;

    /// <summary>Appends the next cell of the open row; false when it cannot be decoded.</summary>
    public bool TryAppend(in Utf8JsonReader cell)
    {
        if (_cellsInRow == _cells.Length) throw new JsonException("A row has more cells than there are columns.");
        var column = _cells[_cellsInRow];
        if (cell.TokenType == JsonTokenType.Null) column.Builder.AppendNull();
        else if (cell.TokenType is not (JsonTokenType.String or JsonTokenType.Number or JsonTokenType.True or JsonTokenType.False)) throw new JsonException("A cell is not text.");
        else if (!column.TryAppend(cell)) return false;
        _cellsInRow++;
        return true;
    }

    /// <summary>The open row's watermark, once its cell has been appended.</summary>
    /// <exception cref="JsonException">It is no position.</exception>
    public long WatermarkOfRow() => (_cellsInRow > _shape.Watermark ? _cells[_shape.Watermark].LastPosition : null) ?? throw new JsonException("A row has no watermark.");

    /// <summary>Ends the open row.</summary>
    public void CompleteRow(long position)
    {
        if (_cellsInRow != _cells.Length) throw new JsonException("A row has fewer cells than there are columns.");
        _op.Append("r"u8);
        _position.Append(position);
        LastPosition = position;
        _cellsInRow = 0;
    }

    /// <summary>Takes the open row back.</summary>
    public void UndoRow()
    {
        for (var i = 0; i < _cellsInRow; i++) _cells[i].Builder.RemoveLast();
        _cellsInRow = 0;
    }

    /// <summary>Puts a row that cannot be decoded among the dead letters, as the JSON it came in.</summary>
    public void AddDeadLetter(SplitId split, string table, long position, string column, ReadOnlySpan<byte> row)
    {
        _deadLetters ??= new DeadLetters(_memory);
        _deadLetters.Add(split, table, position, $"The value of column {column} is not of its type, or outside of what the lake can hold.", row,
            _shape.IsTimestamp ? position : null);
        LastPosition = position;
    }

    /// <summary>The rows, null when there are none, and what they lie in; the assembler is used up.</summary>
    public (RecordBatch? Rows, IDisposable Memory) BuildRows() => (_position.Length == 0 ? null : new RecordBatch(_shape.Schema,
        [.. _cells.Select(cell => cell.Builder.Build()), _op.Build(), _position.Build()], _position.Length), _memory);

    /// <summary>The chunk; the assembler is used up.</summary>
    public Chunk Build(SplitId split, string table, PositionRange range)
    {
        var (rows, _) = BuildRows();
        var newest = _shape.IsTimestamp && LastPosition is { } micros ? Moments.OfMicroseconds(DateTimeOffset.UnixEpoch, micros) : (DateTimeOffset?)null;
        return new Chunk(split, table, range, rows, _deadLetters?.Build(), _memory.Bytes, newest, _memory);
    }

    public void Dispose() => _memory.Dispose();

    private sealed class DeadLetters(ColumnMemory memory)
    {
        private readonly BytesColumn[] _texts = [.. Enumerable.Range(0, 4).Select(_ => new BytesColumn(memory, StringType.Default, capacity: 16, bytesCapacity: 256))];
        private readonly FixedColumn<long> _position = new(memory, Int64Type.Default, capacity: 16);
        private readonly BytesColumn _key = new(memory, BinaryType.Default, capacity: 16, bytesCapacity: 16);
        private readonly BytesColumn _value = new(memory, BinaryType.Default, capacity: 16);
        private readonly BytesColumn _headers = new(memory, StringType.Default, capacity: 16, bytesCapacity: 16);
        private readonly FixedColumn<long> _timestamp = new(memory, BronzeColumns.Timestamp, capacity: 16);

        public int Count => _position.Length;

        public void Add(SplitId split, string table, long position, string reason, ReadOnlySpan<byte> row, long? timestamp)
        {
            _texts[0].Append(Encoding.UTF8.GetBytes(table));
            _texts[1].Append(Encoding.UTF8.GetBytes(split.ToString()));
            _texts[2].Append("undecodable_value"u8);
            _texts[3].Append(Encoding.UTF8.GetBytes(reason));
            _position.Append(position);
            _key.AppendNull();
            _value.Append(row);
            _headers.AppendNull();
            if (timestamp is { } micros) _timestamp.Append(micros);
            else _timestamp.AppendNull();
        }

        public RecordBatch Build() => new(DeadLetterColumns.SourceSchema,
            [_texts[0].Build(), _texts[1].Build(), _position.Build(), _texts[2].Build(), _texts[3].Build(), _key.Build(), _value.Build(), _headers.Build(), _timestamp.Build()],
            Count);
    }
}
