using Pipeline.Core;
using Pipeline.Sources.Postgres.Client;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>
/// Whether a slot's log is the one that the lake has read. A copy of a server's disk that was put back stands on the same timeline, and may have
/// written more than had been read; but the last transaction that was read is not in it. So the stream begins with that one, and what lies between
/// it and where the lake stands has been read already.
/// </summary>
internal sealed class LogProof
{
    private readonly PostgresSourceOptions _options;
    private readonly SplitId _split;
    private readonly SlotState _slot;
    private readonly Queue<(long Position, long Last, long Time)> _left;
    private (long Position, long Time)? _seen;
    private volatile bool _isOpen;

    /// <param name="from">Where the lake stands.</param>
    /// <param name="slot">As it was before the stream began.</param>
    public LogProof(PostgresSourceOptions options, SplitPosition from, SlotState slot)
    {
        (_options, _split, _slot) = (options, from.Split, slot);
        // Where the slot stands, nothing has been read that it has not confirmed.
        _left = new(from.Places.Where(place => place.Position > slot.Confirmed && place.Marks is { Last: not null, OrderTime: not null })
            .Select(place => (place.Position, place.Marks.Last!.Value, place.Marks.OrderTime!.Value)).Distinct().OrderBy(place => place.Position));
        _isOpen = _left.Count > 0;
        if (_isOpen) From = Math.Max(_left.Min(place => place.Last), slot.Confirmed);
    }

    /// <summary>Where the stream has to begin; null: nothing is known that it could show.</summary>
    public long? From { get; }

    /// <summary>Whether something is left to be shown. Any thread may ask.</summary>
    public bool IsOpen => _isOpen;

    /// <summary>A whole transaction has come.</summary>
    /// <param name="position">Of its commit.</param>
    /// <param name="time">When it was committed, in microseconds since the epoch.</param>
    public void Saw(long position, long time)
    {
        if (!IsOpen) return;
        if (position <= _seen?.Position) throw WireFault.Of($"a transaction is committed at {Lsn.Format(position)}, not behind {Lsn.Format(_seen.Value.Position)}");
        _seen = (position, time);
    }

    /// <summary>Before anything is handed on that lies at a position or behind it: all transactions before it have come.</summary>
    /// <exception cref="PipelineException">The lake has read others.</exception>
    public void Reach(long position)
    {
        while (_left.TryPeek(out var next) && next.Position <= position)
        {
            // What the slot has confirmed is not sent again.
            if (_seen is { } seen ? seen != (next.Last, next.Time) : next.Last >= _slot.Confirmed) throw SlotHistory.AnotherLog(_options, _split, next.Position, _slot.Confirmed, next.Last, next.Time);
            _left.Dequeue();
        }

        _isOpen = _left.Count > 0;
    }
}
