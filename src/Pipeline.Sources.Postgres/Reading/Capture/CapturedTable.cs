using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Decoding;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>Turns one table's changes into rows of its chunks.</summary>
internal sealed class CapturedTable : IDisposable
{
    private static readonly byte[] Created = [.. "c"u8];
    private static readonly byte[] Updated = [.. "u"u8];
    private static readonly byte[] Deleted = [.. "d"u8];
    private static readonly byte[] Truncated = [.. "t"u8];

    private readonly int[] _columnOf;
    private readonly bool _carriesAll;
    private readonly bool[] _isKey;
    private readonly List<MovedRow> _moved = [];

    /// <param name="columnOf">The chunk's column for each column of the stream; -1 to leave it out.</param>
    /// <param name="isKey">Which columns of the stream identify a row.</param>
    public CapturedTable(string name, PostgresTable table, int[] columnOf, bool[] isKey)
    {
        (Name, Definition) = (name, table);
        Rows = new RowChunkBuilder(table, isCapture: true);
        _columnOf = columnOf;
        _carriesAll = columnOf.Count(column => column >= 0) == table.Columns.Count;
        _isKey = isKey;
    }

    /// <summary>The name in the lake.</summary>
    public string Name { get; }

    /// <summary>As the stream describes it.</summary>
    public PostgresTable Definition { get; }

    public RowChunkBuilder Rows { get; }

    /// <summary>Rows that wait for values that the stream does not have.</summary>
    public IReadOnlyList<MovedRow> Moved => _moved;

    /// <summary>Takes in what is known of the first of them; the others still wait.</summary>
    /// <param name="values">As <see cref="MovedRows.ReadAsync"/> answers; null: nothing.</param>
    public void Fill(int rows, IReadOnlyList<IReadOnlyList<string?>?>? values, long position, ref long sequence)
    {
        for (var i = 0; values is not null && i < rows; i++)
            if (values[i] is { } known) Rows.AppendKnown(_moved[i], known, Updated, position, sequence++);
        _moved.RemoveRange(0, rows);
    }

    public void Insert(ReadOnlySpan<byte> content, long position, ref long sequence)
    {
        // 'N', then the row.
        Rows.Append(Last(content, content[0] == (byte)'N'), default, _columnOf, _carriesAll, Created, position, sequence++);
    }

    /// <summary>A change of the key is a delete of the old row and an insert of the new one.</summary>
    public void Update(ReadOnlySpan<byte> content, long position, ref long sequence)
    {
        // 'K' and the old key when it changed, or 'O' and the old row; then 'N' and the new row.
        var kind = content[0];
        var rest = content[1..];
        var old = kind is (byte)'K' or (byte)'O' ? Tuple.Take(ref rest) : default;
        var row = old.IsEmpty ? Last(content, kind == (byte)'N') : Last(rest, rest[0] == (byte)'N');
        var isMove = kind == (byte)'K' || (kind == (byte)'O' && HasOtherKey(old, row));
        if (isMove) Rows.Append(old, default, _columnOf, _carriesAll, Deleted, position, sequence++);
        Rows.Append(row, kind == (byte)'O' ? old : default, _columnOf, _carriesAll, isMove ? Created : Updated, position, sequence++);
        if (kind == (byte)'K') Miss(row);
    }

    public void Delete(ReadOnlySpan<byte> content, long position, ref long sequence)
    {
        // 'K' and the key, or 'O' and the row.
        Rows.Append(Last(content, content[0] is (byte)'K' or (byte)'O'), default, _columnOf, _carriesAll, Deleted, position, sequence++);
    }

    public void Truncate(long position, ref long sequence) => Rows.AppendEvent(Truncated, position, sequence++);

    public Chunk Build(SplitId split, PositionRange range, DateTimeOffset committedAt, SplitMarks marks = default) => Rows.Build(split, Name, range, committedAt, marks);

    public void Dispose() => Rows.Dispose();

    /// <summary>The row that a message ends with, behind a byte that says which it is.</summary>
    private static Tuple Last(ReadOnlySpan<byte> message, bool isIt)
    {
        var rest = message[1..];
        var row = Tuple.Take(ref rest);
        return isIt && rest.IsEmpty ? row : throw new FormatException($"it has a row '{(char)message[0]}' and {Plural.Of(rest.Length, "byte")} behind it");
    }

    /// <summary>What a row under another key lacks.</summary>
    private void Miss(Tuple row)
    {
        List<(int, byte, byte[])>? key = null;
        List<int>? missing = null;
        for (var i = 0; i < _isKey.Length; i++)
        {
            var kind = row.Read(out var value);
            if (_columnOf[i] < 0) continue;
            if (kind == Tuple.Unchanged) (missing ??= []).Add(_columnOf[i]);
            if (_isKey[i]) (key ??= []).Add((_columnOf[i], kind, value.ToArray()));
        }

        if (missing is not null && key is not null) _moved.Add(new MovedRow(key, missing));
    }

    private bool HasOtherKey(Tuple old, Tuple row)
    {
        foreach (var isKey in _isKey)
        {
            old.Read(out var before);
            if (row.Read(out var after) != Tuple.Unchanged && isKey && !before.SequenceEqual(after)) return true;
        }

        return false;
    }
}
