using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Decoding;
using Pipeline.Sources.Postgres.Client;

namespace Pipeline.Sources.Postgres.Reading.Watermark;

/// <summary>The rows of a table whose watermark lies in <c>[From, End)</c>.</summary>
/// <param name="From">Null for the first window: from the smallest value, and rows without one.</param>
internal sealed record WatermarkWindow(PostgresTable Table, WatermarkColumn Watermark, long? From, long End)
{
    public TimeSpan Overlap { get; init; }

    /// <summary>Rows come in the order of the watermark, so that the window can be committed in pieces.</summary>
    public bool IsOrdered { get; init; }

    /// <summary>
    /// Of a server that gives times a second time, the stamps that are read in place of the window's own; their rows are the newest there
    /// are, and lie at its beginning.
    /// </summary>
    public RepeatedStamps? Again { get; init; }

    /// <summary>So many of its rows are enough, whichever; null: all.</summary>
    public int? RowsMax { get; init; }

    /// <summary>Where the window begins.</summary>
    public long Start => From ?? Watermark.Beginning;

    public string CopySql
    {
        get
        {
            var sql = $"select {Table.SelectList} from {Table.QualifiedName} where {Condition}";
            if (IsOrdered) sql += $" order by {Watermark.Sql}";
            if (RowsMax is { } rows) sql += $" limit {Catalog.Sql.Integer(rows)}";
            return $"copy ({sql}) to stdout (format binary)";
        }
    }

    /// <summary>Whether there are any.</summary>
    public string ExistsSql => $"select exists (select from {Table.QualifiedName} where {Condition})";

    private string Condition
    {
        get
        {
            if (Again is var (low, high, withAhead))
                return $"({Watermark.Sql} >= {Watermark.Literal(low)} and {Watermark.Sql} < {Watermark.Literal(high)}{(withAhead ? $" or {Watermark.Sql} >= {Watermark.Literal(Start)}" : "")})";
            // A window that ends with the type has its last value too: none is greater.
            var below = $"{Watermark.Sql} {(End == long.MaxValue ? "<=" : "<")} {Watermark.Literal(End)}";
            if (From is not { } from) return Watermark.IsNullable ? $"({below} or {Watermark.Sql} is null)" : below;
            var start = Watermark.IsTimestamp ? Math.Max(from - Overlap.Ticks / TimeSpan.TicksPerMicrosecond, 0) : from;
            return $"{Watermark.Sql} >= {Watermark.Literal(start)} and {below}";
        }
    }
}

/// <summary>Turns one window into chunks, on the calling thread.</summary>
internal sealed class WindowReader(WatermarkWindow window, WatermarkSplit split, ChunkQueue queue, long chunkBytesMax, long? newest)
{
    private readonly RowChunkBuilder _chunk = new(window.Table);

    /// <summary>Where the chunk that is being filled begins.</summary>
    private long _from = window.Start;

    /// <summary>The largest position among the rows of that chunk.</summary>
    private long _last = window.Start;

    private bool _hasUnfinishedPieces;

    /// <summary>The greatest time of any window's rows, as a position; null: there was none, or watermarks are numbers.</summary>
    public long? Newest { get; private set; } = newest;

    /// <summary>Reads all rows; returns the position reached, null when there were no rows.</summary>
    public long? Read(WireConnection connection, CancellationToken cancellationToken)
    {
        using var chunk = _chunk;
        var rows = new CopyRows(connection, window.CopySql, window.Table.Columns.Count);
        var count = 0L;
        while (rows.TryRead(out var fields))
        {
            var stamp = window.Again is null ? window.Watermark.PositionOf(fields) : null;
            var position = window.Again is not null ? window.Start : stamp ?? Math.Max(_last, Math.Clamp(0, window.Start, window.End - 1));
            if (position >= window.End) throw WireFault.Of($"a row at {position} came of a window that ends at {window.End}");
            if (_chunk.RowBytes >= chunkBytesMax || (_hasUnfinishedPieces && IsAdvancePossible(position))) Cut(position, cancellationToken);
            _chunk.Append(fields, position);
            _last = Math.Max(_last, position);
            if (window.Watermark.IsTimestamp && stamp is { } time && !(time <= Newest)) Newest = time;
            count++;
        }

        if (_chunk.RowCount > 0 || _hasUnfinishedPieces) Emit(window.End, cancellationToken);
        return count > 0 ? window.End : null;
    }

    /// <summary>Whether everything below the next row's position has been read, and is more than before.</summary>
    private bool IsAdvancePossible(long nextPosition) => window.IsOrdered && nextPosition > _last && _last >= _from;

    /// <summary>Ends a chunk that is full, or the last piece of rows with one watermark that did not fit into one.</summary>
    private void Cut(long nextPosition, CancellationToken cancellationToken) =>
        Emit(IsAdvancePossible(nextPosition) ? _last + 1 : _from, cancellationToken);

    private void Emit(long to, CancellationToken cancellationToken)
    {
        var newestEventAt = window.Watermark is { IsTimestamp: true, IsMoment: true } && window.Again is null && _chunk.RowCount > 0 ? WatermarkColumn.TimeOf(_last) : (DateTimeOffset?)null;
        queue.Add(_chunk.Build(split.Id, split.Table, new PositionRange(_from, to), newestEventAt, new SplitMarks(Note: Newest)), cancellationToken);
        _hasUnfinishedPieces = to == _from;
        _from = to;
    }
}
