using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Sources.Postgres.Client;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>
/// Turns the stream of a slot into chunks, on the calling thread. Only whole transactions advance: what of a long one
/// does not fit into a chunk goes out in pieces that wait for its end.
/// </summary>
internal sealed class SlotReader(ISlotMessages stream, SplitId split, long from, PostgresSourceOptions options, ChunkQueue queue, SplitLooks looks, AskedEnd end, TimeProvider time, SplitMarks marks = default, LogProof? proof = null) : IDisposable
{
    private readonly ChangeDecoder _changes = new();

    /// <summary>What was described for rows of which none enters the lake: not as the rows behind them need it.</summary>
    private readonly Queue<(RelationMessage Relation, long Until)> _passed = new();

    private readonly long _start = from;

    /// <summary>What the stream has described, while it waits to be told.</summary>
    private RelationMessage? _described;

    /// <summary>The timeline and the last transaction go with a position: another server may have other changes at the same one.</summary>
    private SplitMarks _marks = marks;

    /// <summary>Where the next advancing chunk begins, and how far whole transactions have been read.</summary>
    private long _from = from;
    private long _reached = from;

    private bool _hasUnfinishedPieces;

    /// <summary>Since when rows wait to go out.</summary>
    private long? _waitingSince;
    private long _advancedAt = time.GetTimestamp();

    /// <summary>Where the chunks of this reading end; null: there were none.</summary>
    private long? _handed;

    /// <summary>
    /// Reads until the stream describes a table, or what it described is needed anew; <see cref="Use"/> says what to do with it. Or until
    /// rows of <see cref="Moved"/> lack values: null.
    /// </summary>
    public RelationMessage? ReadToRelation(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (_changes.MovedRows > (_changes.IsInTransaction && _described is null ? MovedRows.AtATime : 0)) return null;
            if (_described is { } described)
            {
                _described = null;
                return described;
            }

            if (!_changes.IsInTransaction && _waitingSince is { } since && IsDue(since)) Flush(_reached, cancellationToken);
            if (_changes.IsInTransaction && _passed.TryPeek(out var passed) && passed.Until <= _changes.CommitPosition) _described = _passed.Dequeue().Relation;
            else if (!stream.Read(out var change, out var serverPosition, out var isWaiting)) OnKeepalive(serverPosition, isWaiting, cancellationToken);
            else if (change[0] == (byte)'R') _described = RelationMessage.Parse(change[1..]);
            else if (_changes.Take(change[0], change[1..])) OnRow(cancellationToken);
            else if (change[0] == (byte)'B') OnBegin();
            else if (change[0] == (byte)'C') OnCommit(serverPosition);
        }
    }

    /// <summary>Tables with rows that wait for values that the stream does not have.</summary>
    public IEnumerable<CapturedTable> Moved => _changes.Moved;

    /// <inheritdoc cref="CapturedTable.Fill"/>
    public void Fill(CapturedTable table, int rows, IReadOnlyList<IReadOnlyList<string?>?>? values, CancellationToken cancellationToken)
    {
        _changes.Fill(table, rows, values);
        if (_changes.WaitingBytes >= options.ChunkBytesMax) EmitPieces(cancellationToken);
    }

    /// <summary>How far whole transactions have been read.</summary>
    public long Reached => _reached;

    /// <inheritdoc cref="ChangeDecoder.CommitPosition"/>
    public long CommitPosition => _changes.CommitPosition;

    /// <inheritdoc cref="ChangeDecoder.Transaction"/>
    public uint Transaction => _changes.Transaction;

    /// <param name="table">Null for a table that is not captured.</param>
    public void Use(uint relation, CapturedTable? table, CancellationToken cancellationToken)
    {
        if (_changes.Find(relation) is { Rows.RowCount: > 0 }) EmitPieces(cancellationToken);
        _changes.Use(relation, table);
    }

    /// <summary>As <see cref="Use"/>, of a table of which no row enters the lake before a position: from there on it is asked for again.</summary>
    public void UseUntil(RelationMessage relation, CapturedTable? table, long? until, CancellationToken cancellationToken)
    {
        Use(relation.Oid, table, cancellationToken);
        var others = _passed.Where(passed => passed.Relation.Oid != relation.Oid).ToList();
        if (until is { } position) others.Add((relation, position));
        _passed.Clear();
        foreach (var other in others.OrderBy(other => other.Until)) _passed.Enqueue(other);
    }

    public void Dispose() => _changes.Dispose();

    private void OnBegin()
    {
        proof?.Reach(_changes.CommitPosition);
        _changes.IsPassedOver = proof is { IsOpen: true } && _changes.CommitPosition < _start;
    }

    /// <param name="serverPosition">Of the message: where the transaction ends.</param>
    private void OnCommit(long serverPosition)
    {
        if (_changes.Reached != serverPosition) throw WireFault.Of($"a transaction ends at {Lsn.Format(_changes.Reached)} in a message of {Lsn.Format(serverPosition)}");
        proof?.Saw(_changes.CommitPosition, _changes.CommitTime);
        if (_changes.IsPassedOver) return;
        // What is passed is not read again: a position that does not grow is of no stream that goes on here.
        if (_changes.Reached <= _reached) throw WireFault.Of($"a transaction ends at {Lsn.Format(_changes.Reached)}, not behind {Lsn.Format(_reached)}");
        _reached = _changes.Reached;
        _marks = _marks with { Last = _changes.CommitPosition, OrderTime = _changes.CommitTime };
        // A transaction without rows of ours need not be told on its own.
        if (_hasUnfinishedPieces) _waitingSince ??= time.GetTimestamp();
    }

    private void OnRow(CancellationToken cancellationToken)
    {
        _waitingSince ??= time.GetTimestamp();
        if (_changes.WaitingBytes >= options.ChunkBytesMax) EmitPieces(cancellationToken);
    }

    /// <summary>
    /// Nothing has happened to our tables up to where the server is: the lake is told from time to time, and when the
    /// server waits for it, as it does before it shuts down.
    /// </summary>
    private void OnKeepalive(long serverPosition, bool isWaiting, CancellationToken cancellationToken)
    {
        if (_changes.IsInTransaction || _waitingSince is not null) return;
        proof?.Reach(serverPosition);
        See(serverPosition);
        if (serverPosition <= _from) return;
        if (isWaiting || time.GetElapsedTime(_advancedAt) >= options.Capture.HeartbeatInterval) Flush(serverPosition, cancellationToken);
    }

    /// <summary>Of what was committed before a position, nothing waits to be handed on.</summary>
    private void See(long position)
    {
        if (end.Reach(position) is { } askedAt) looks.Saw(split, new SplitLook(_handed, askedAt));
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
        foreach (var table in _changes.Full) queue.Add(table.Build(split, new PositionRange(_from, _from), _changes.CommittedAt, _marks), cancellationToken);
        _hasUnfinishedPieces = true;
    }

    /// <summary>Everything up to <paramref name="to"/> is whole: the last of its chunks advances.</summary>
    private void Flush(long to, CancellationToken cancellationToken)
    {
        var full = _changes.Full.ToList();
        for (var i = 0; i < full.Count; i++)
            queue.Add(full[i].Build(split, new PositionRange(_from, i == full.Count - 1 ? to : _from), _changes.CommittedAt, _marks), cancellationToken);
        if (full.Count == 0) queue.Add(new Chunk(split, options.Tables[0].Name, new PositionRange(_from, to), rows: null) { Marks = _marks }, cancellationToken);

        _handed = _from = to;
        See(to);
        if (full.Count > 0) looks.Saw(split, SplitLook.OfEvent(_handed, _changes.CommittedAt, time));
        _reached = Math.Max(_reached, to);
        _waitingSince = null;
        _hasUnfinishedPieces = false;
        _advancedAt = time.GetTimestamp();
    }
}
