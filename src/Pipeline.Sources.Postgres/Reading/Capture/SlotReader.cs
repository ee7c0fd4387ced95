using System.Buffers.Binary;
using Pipeline.Core;
using Pipeline.Core.Buffers;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>
/// Turns the stream of a slot into chunks, on the calling thread. Only whole transactions advance: what of a long one
/// does not fit into a chunk goes out in pieces that wait for its end.
/// </summary>
internal sealed class SlotReader(ReplicationStream stream, SplitId split, long from, PostgresSourceOptions options, ChunkQueue queue, TimeProvider time) : IDisposable
{
    private readonly Dictionary<uint, CapturedTable?> _tables = [];

    /// <summary>Where the next advancing chunk begins, and how far whole transactions have been read.</summary>
    private long _from = from;
    private long _reached = from;

    private long _commitPosition;
    private DateTimeOffset _committedAt;
    private long _sequence;
    private bool _isInTransaction;
    private bool _hasUnfinishedPieces;

    /// <summary>Since when rows wait to go out.</summary>
    private long? _waitingSince;
    private long _advancedAt = time.GetTimestamp();

    /// <summary>Reads until the stream describes a table; <see cref="Use"/> says what to do with it.</summary>
    public RelationMessage ReadToRelation(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (!stream.Read(out var change, out var serverPosition, out var isWaiting)) OnKeepalive(serverPosition, isWaiting, cancellationToken);
            else if (change[0] == (byte)'R') return RelationMessage.Parse(change[1..]);
            else OnChange(change[0], change[1..], cancellationToken);

            if (!_isInTransaction && _waitingSince is { } since && IsDue(since)) Flush(_reached, cancellationToken);
        }
    }

    /// <param name="table">Null for a table that is not captured.</param>
    public void Use(uint relation, CapturedTable? table, CancellationToken cancellationToken)
    {
        if (_tables.TryGetValue(relation, out var former) && former is { Rows.RowCount: > 0 }) EmitPieces(cancellationToken);
        former?.Dispose();
        _tables[relation] = table;
    }

    public void Dispose()
    {
        foreach (var table in _tables.Values) table?.Dispose();
    }

    private void OnChange(byte type, ReadOnlySpan<byte> content, CancellationToken cancellationToken)
    {
        switch (type)
        {
            case (byte)'B':
                _commitPosition = BinaryPrimitives.ReadInt64BigEndian(content);
                _committedAt = TimeOf(BinaryPrimitives.ReadInt64BigEndian(content[8..]));
                _sequence = 0;
                _isInTransaction = true;
                break;
            case (byte)'C':
                _reached = BinaryPrimitives.ReadInt64BigEndian(content[9..]);
                _isInTransaction = false;
                // A transaction without rows of ours need not be told on its own.
                if (_hasUnfinishedPieces) _waitingSince ??= time.GetTimestamp();
                break;
            case (byte)'I' or (byte)'U' or (byte)'D':
                if (!_tables.TryGetValue(BinaryPrimitives.ReadUInt32BigEndian(content), out var table) || table is null) break;
                content = content[sizeof(uint)..];
                if (type == (byte)'I') table.Insert(content, _commitPosition, ref _sequence);
                else if (type == (byte)'U') table.Update(content, _commitPosition, ref _sequence);
                else table.Delete(content, _commitPosition, ref _sequence);
                OnRow(cancellationToken);
                break;
            case (byte)'T':
                for (var i = BinaryPrimitives.ReadInt32BigEndian(content); i > 0; i--)
                    _tables.GetValueOrDefault(BinaryPrimitives.ReadUInt32BigEndian(content[(1 + i * sizeof(uint))..]))?.Truncate(_commitPosition, ref _sequence);
                OnRow(cancellationToken);
                break;
        }
    }

    private void OnRow(CancellationToken cancellationToken)
    {
        _waitingSince ??= time.GetTimestamp();
        if (WaitingBytes() >= options.ChunkBytesMax) EmitPieces(cancellationToken);
    }

    /// <summary>
    /// Nothing has happened to our tables up to where the server is: the lake is told from time to time, and when the
    /// server waits for it, as it does before it shuts down.
    /// </summary>
    private void OnKeepalive(long serverPosition, bool isWaiting, CancellationToken cancellationToken)
    {
        if (_isInTransaction || _waitingSince is not null || serverPosition <= _from) return;
        if (isWaiting || time.GetElapsedTime(_advancedAt) >= options.Capture.HeartbeatInterval) Flush(serverPosition, cancellationToken);
    }

    /// <summary>More changes may share the chunk as long as it is neither full nor old, and some are there or on their way.</summary>
    private bool IsDue(long since)
    {
        if (_hasUnfinishedPieces) return true;
        var left = options.ChunkAgeMax - time.GetElapsedTime(since);
        return left <= TimeSpan.Zero || (!stream.HasMessage && !stream.Poll(left));
    }

    /// <summary>Rows of a transaction that is not at its end, or of a table whose definition changes.</summary>
    private void EmitPieces(CancellationToken cancellationToken)
    {
        foreach (var table in _tables.Values)
            if (table is { Rows.RowCount: > 0 }) queue.Add(table.Build(split, new PositionRange(_from, _from), _committedAt), cancellationToken);
        _hasUnfinishedPieces = true;
    }

    /// <summary>Everything up to <paramref name="to"/> is whole: the last of its chunks advances.</summary>
    private void Flush(long to, CancellationToken cancellationToken)
    {
        var full = _tables.Values.Where(table => table is { Rows.RowCount: > 0 }).ToList();
        for (var i = 0; i < full.Count; i++)
            queue.Add(full[i]!.Build(split, new PositionRange(_from, i == full.Count - 1 ? to : _from), _committedAt), cancellationToken);
        if (full.Count == 0) queue.Add(new Chunk(split, options.Tables[0].Name, new PositionRange(_from, to), rows: null), cancellationToken);

        _from = to;
        _reached = Math.Max(_reached, to);
        _waitingSince = null;
        _hasUnfinishedPieces = false;
        _advancedAt = time.GetTimestamp();
    }

    private long WaitingBytes()
    {
        var bytes = 0L;
        foreach (var table in _tables.Values) bytes += table?.Rows.RowBytes ?? 0;
        return bytes;
    }

    private static DateTimeOffset TimeOf(long postgresMicroseconds) => Moments.OfMicroseconds(new DateTimeOffset(2000, 1, 1, 0, 0, 0, TimeSpan.Zero), postgresMicroseconds);
}
