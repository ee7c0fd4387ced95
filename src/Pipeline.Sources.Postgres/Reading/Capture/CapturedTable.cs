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

    /// <param name="columnOf">The chunk's column for each column of the stream; -1 to leave it out.</param>
    /// <param name="isKey">Which columns of the stream identify a row.</param>
    public CapturedTable(string name, PostgresTable table, int[] columnOf, bool[] isKey)
    {
        Name = name;
        Rows = new RowChunkBuilder(table, isCapture: true);
        _columnOf = columnOf;
        _carriesAll = columnOf.Count(column => column >= 0) == table.Columns.Count;
        _isKey = isKey;
    }

    /// <summary>The name in the lake.</summary>
    public string Name { get; }

    public RowChunkBuilder Rows { get; }

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
        return isIt && rest.IsEmpty ? row : throw new FormatException($"it has a row '{(char)message[0]}' and {rest.Length} bytes behind it");
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
