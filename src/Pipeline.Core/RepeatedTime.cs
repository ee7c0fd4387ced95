namespace Pipeline.Core;

/// <summary>Stamps that are to be read: <c>[Low, High)</c>.</summary>
/// <param name="WithAhead">Also those from where the reading has come to on: what was stamped before the clock was set back, and not read.</param>
public readonly record struct RepeatedStamps(long Low, long High, bool WithAhead);

/// <summary>
/// What is to be read although it is stamped as if it had been: a server whose clock was set back gives times a second time, and a table whose
/// numbering began again numbers. Until that is past what was read, rows from where it began to repeat itself are read by a cursor of their
/// own. Times are microseconds; for numbers the one behind the greatest is the clock. No I/O.
/// </summary>
public sealed class RepeatedTime
{
    /// <summary>How much longer than by our own count the server's clock may have run since it was looked at.</summary>
    private const long MarginMicros = 10_000_000;

    private long? _next;
    private long? _clock;
    private bool _isAheadUnread;

    /// <summary>Whether the clock is behind what was read, or was and not all is read since.</summary>
    public bool IsOn => _next is not null;

    /// <summary>From where on it is not read; null: all is.</summary>
    public long? From => _next;

    /// <summary>Takes a look at the clock.</summary>
    /// <param name="clock">What it says.</param>
    /// <param name="readUpTo">Where the table has been read to; null: it has not.</param>
    /// <param name="sinceLook">How long ago this reader looked before; null: it never did. Then the clock may have been anywhere.</param>
    /// <param name="beginning">The least that there can be.</param>
    /// <returns>Whether it is news that the clock was set back.</returns>
    public bool Look(long clock, long? readUpTo, TimeSpan? sinceLook, long beginning = 0)
    {
        var hasGoneBack = clock < _clock;
        _clock = clock;
        if (readUpTo is not { } reached || (clock >= reached && !(IsOn && hasGoneBack))) return false;
        if (IsOn && !hasGoneBack) return false;
        var earliest = sinceLook is { } since ? Math.Max(0, clock - (since.Ticks / TimeSpan.TicksPerMicrosecond) - MarginMicros) : beginning;
        _next = Math.Min(_next ?? earliest, earliest);
        _isAheadUnread = true;
        return true;
    }

    /// <summary>The stamps that are to be read next; null while there are none.</summary>
    /// <param name="end">Up to where nothing is committed late.</param>
    public RepeatedStamps? Next(long end, long readUpTo) =>
        _next is { } next && Math.Min(end, readUpTo) is var high && high > next ? new RepeatedStamps(next, high, _isAheadUnread) : null;

    /// <summary>These stamps have been read.</summary>
    /// <returns>Whether reading goes on by the position alone.</returns>
    public bool ReadTo(long high, long readUpTo)
    {
        _next = high >= readUpTo ? null : high;
        _isAheadUnread = false;
        return !IsOn;
    }
}
