using System.Buffers.Binary;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Core.Columns;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Client;
using Pipeline.Sources.Postgres.Reading.Capture;
using Tuple = Pipeline.Sources.Postgres.Reading.Capture.Tuple;

namespace Pipeline.Sources.Postgres.Decoding;

/// <summary>Fills one chunk after another of a table, from rows of a COPY or from the tuples of a replication stream.</summary>
internal sealed class RowChunkBuilder : IDisposable
{
    /// <summary>In place of a column of the chunk: the value is null and its column absent from <c>_changed</c>.</summary>
    public const int Unreadable = -2;

    /// <summary>The length of a field without a value.</summary>
    private const int Null = -1;

    private const int FirstRows = 256;
    private const int FirstBytesPerColumn = 4 << 10;

    /// <summary>
    /// The sequence of a row of a snapshot. Its position is the end of a commit, where the commit record of the next
    /// transaction may begin: changes of that one come later.
    /// </summary>
    private const long BeforeAnyChange = -1;

    private readonly Schema _schema;
    private readonly bool _isCapture;
    private readonly byte[][] _names;

    /// <summary>What rows that are read from the table carry; null: all columns.</summary>
    private readonly byte[]? _carriedByAll;
    private readonly ColumnType[] _types;
    private readonly int[] _bytesOfColumn;
    private readonly FieldDecoder[] _decoders;
    private ColumnMemory? _memory;
    private BytesColumn? _changed;
    private FixedColumn<long>? _sequences;
    private BytesColumn? _ops;
    private FixedColumn<long>? _positions;
    private int _rowsExpected = FirstRows;

    /// <param name="isCapture">Whether chunks also have the columns of <see cref="ChangeColumns"/>.</param>
    public RowChunkBuilder(PostgresTable table, bool isCapture = false)
    {
        _isCapture = isCapture;
        _schema = isCapture ? table.ChangeSchema : table.ChunkSchema;
        _names = [.. table.Columns.Select(column => Encoding.UTF8.GetBytes(column.LakeName))];
        if (table.Columns.Any(column => column.IsGone)) _carriedByAll = Encoding.UTF8.GetBytes(string.Join(',', table.Columns.Where(column => !column.IsGone).Select(column => column.LakeName)));
        _types = [.. table.Columns.Select(ColumnType.Of)];
        _bytesOfColumn = [.. _types.Select(_ => FirstBytesPerColumn)];
        _decoders = new FieldDecoder[_types.Length];
    }

    public int RowCount { get; private set; }

    /// <summary>Bytes of the rows in the chunk that is being filled, in PostgreSQL's form.</summary>
    public long RowBytes { get; private set; }

    /// <summary>Appends a row that was read from the table.</summary>
    /// <param name="fields">The row's fields: each a 32-bit length, -1 for null, and so many bytes.</param>
    public void Append(ReadOnlySpan<byte> fields, long position)
    {
        if (_memory is null) Begin();
        try
        {
            var at = 0;
            foreach (var decoder in _decoders)
            {
                var length = BinaryPrimitives.ReadInt32BigEndian(fields[at..]);
                at += sizeof(int);
                if (length == Null)
                {
                    decoder.AppendNull();
                    continue;
                }

                decoder.Append(fields.Slice(at, length));
                at += length;
            }

            if (at != fields.Length) throw new FormatException($"its fields end at {at} of {Plural.Of(fields.Length, "byte")}");
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            throw WireFault.Of("a row", e);
        }

        End(position, fields.Length);
    }

    /// <param name="tuple">The row in the stream's form.</param>
    /// <param name="old">The row before, which may have the values that <paramref name="tuple"/> leaves out; or empty.</param>
    /// <param name="columnOf">The column of the chunk for each field of a tuple; -1 for one that the chunk lacks, <see cref="Unreadable"/> for one whose value it cannot have.</param>
    /// <param name="carriesAll">Whether each column of the chunk is one of the tuple's.</param>
    /// <param name="sequence">Place within the transaction.</param>
    public void Append(Tuple tuple, Tuple old, ReadOnlySpan<int> columnOf, bool carriesAll, ReadOnlySpan<byte> op, long position, long sequence)
    {
        if (tuple.Count != columnOf.Length || (!old.IsEmpty && old.Count != columnOf.Length)) throw new FormatException($"a row has {Plural.Of(tuple.Count, "field")} instead of {columnOf.Length}");
        if (_memory is null) Begin();
        var isComplete = carriesAll;
        for (var i = 0; i < columnOf.Length; i++)
        {
            var kind = tuple.Read(out var value);
            var oldKind = old.Read(out var oldValue);
            isComplete &= columnOf[i] != Unreadable;
            if (columnOf[i] < 0) continue;
            if (kind == Tuple.Unchanged && oldKind is (Tuple.Text or Tuple.Binary))
            {
                kind = oldKind;
                value = oldValue;
            }

            switch (kind)
            {
                case Tuple.Text:
                    _decoders[columnOf[i]].AppendText(value);
                    break;
                case Tuple.Binary:
                    _decoders[columnOf[i]].Append(value);
                    break;
                case Tuple.Null or Tuple.Unchanged:
                    isComplete &= kind != Tuple.Unchanged;
                    _decoders[columnOf[i]].AppendNull();
                    break;
                default:
                    throw new FormatException($"a field is of kind '{(char)kind}'");
            }
        }

        // A column that the stream does not have (yet, or any more).
        foreach (var decoder in _decoders)
            if (decoder.Column.Length == RowCount) decoder.AppendNull();

        if (isComplete) _changed!.AppendNull();
        else AppendChanged(tuple.Rewind(), columnOf);
        EndChange(op, position, sequence, tuple.Bytes);
    }

    /// <summary>What is known by now of a row that was appended without it.</summary>
    /// <param name="values">The server's text for each of the columns that it lacks.</param>
    public void AppendKnown(MovedRow row, IReadOnlyList<string?> values, ReadOnlySpan<byte> op, long position, long sequence)
    {
        if (_memory is null) Begin();
        var bytes = 0;
        foreach (var (column, kind, value) in row.Key)
        {
            if (kind == Tuple.Text) _decoders[column].AppendText(value);
            else _decoders[column].Append(value);
            bytes += value.Length;
        }

        for (var i = 0; i < values.Count; i++)
        {
            if (values[i] is not { } text)
            {
                _decoders[row.Missing[i]].AppendNull();
                continue;
            }

            var value = Encoding.UTF8.GetBytes(text);
            _decoders[row.Missing[i]].AppendText(value);
            bytes += value.Length;
        }

        foreach (var decoder in _decoders)
            if (decoder.Column.Length == RowCount) decoder.AppendNull();
        _changed!.Append(Encoding.UTF8.GetBytes(string.Join(',', row.Key.Select(part => part.Column).Concat(row.Missing).Select(column => _schema.GetFieldByIndex(column).Name))));
        EndChange(op, position, sequence, bytes);
    }

    /// <summary>A row of which nothing is known but that something happened to the table.</summary>
    public void AppendEvent(ReadOnlySpan<byte> op, long position, long sequence)
    {
        if (_memory is null) Begin();
        foreach (var decoder in _decoders) decoder.AppendNull();
        _changed!.AppendNull();
        EndChange(op, position, sequence, bytes: 1);
    }

    /// <summary>Ends the chunk; the next row begins another. Without rows the chunk only carries its range.</summary>
    public Chunk Build(SplitId split, string table, PositionRange range, DateTimeOffset? newestEventAt, SplitMarks marks = default)
    {
        if (_memory is null) return new Chunk(split, table, range, rows: null) { Marks = marks };

        FillWhatRowsShare();
        var rows = new RecordBatch(_schema, [.. _decoders.Select(decoder => decoder.Column.Build()), .. CaptureColumns(), _ops!.Build(), _positions!.Build()], RowCount);
        var chunk = new Chunk(split, table, range, rows, bytes: _memory.Bytes, newestEventAt: newestEventAt, memory: _memory) { SourceBytes = RowBytes, Marks = marks, Nulled = NulledOf() };

        // The next chunk starts with room for as much as this one held.
        _rowsExpected = RowCount;
        for (var i = 0; i < _decoders.Length; i++)
            if (_decoders[i].Column is BytesColumn bytes) _bytesOfColumn[i] = Math.Max(bytes.ValueBytes, FirstBytesPerColumn);
        _memory = null;
        RowCount = 0;
        RowBytes = 0;
        return chunk;
    }

    private Dictionary<string, long>? NulledOf()
    {
        Dictionary<string, long>? nulled = null;
        for (var i = 0; i < _decoders.Length; i++)
            if (_decoders[i].Nulled is > 0 and var values) (nulled ??= new Dictionary<string, long>(StringComparer.Ordinal)).Add(_schema.GetFieldByIndex(i).Name, values);
        return nulled;
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
        if (_isCapture)
        {
            _changed = new BytesColumn(_memory, StringType.Default, _rowsExpected);
            _sequences = new FixedColumn<long>(_memory, Int64Type.Default, _rowsExpected);
        }

        _ops = new BytesColumn(_memory, StringType.Default, _rowsExpected, _rowsExpected);
        _positions = new FixedColumn<long>(_memory, Int64Type.Default, _rowsExpected);
    }

    private void EndChange(ReadOnlySpan<byte> op, long position, long sequence, int bytes)
    {
        _sequences!.Append(sequence);
        _ops!.Append(op);
        End(position, bytes);
    }

    private void End(long position, int bytes)
    {
        _positions!.Append(position);
        RowCount++;
        RowBytes += bytes;
    }

    /// <summary>What rows that were read have all alike is written at once: it takes as long for each of them as a field does.</summary>
    private void FillWhatRowsShare()
    {
        if (_carriedByAll is null) _changed?.AppendNull(RowCount - _changed.Length);
        else
            while (_changed!.Length < RowCount) _changed.Append(_carriedByAll);
        _sequences?.Append(BeforeAnyChange, RowCount - _sequences.Length);
        _ops!.Append("r"u8, RowCount - _ops.Length);
    }

    private void AppendChanged(Tuple tuple, ReadOnlySpan<int> columnOf)
    {
        var room = _changed!.Reserve(_names.Sum(name => name.Length + 1));
        var written = 0;
        foreach (var column in columnOf)
        {
            if (tuple.Read(out _) == Tuple.Unchanged || column < 0) continue;
            if (written > 0) room[written++] = (byte)',';
            _names[column].CopyTo(room[written..]);
            written += _names[column].Length;
        }

        _changed.Commit(written);
    }

    private IEnumerable<IArrowArray> CaptureColumns() => _isCapture ? [_changed!.Build(), _sequences!.Build()] : [];
}
