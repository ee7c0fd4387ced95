namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>
/// Where the server's log ended when it was asked: a keepalive alone says how far the server has come with sending, not that there is
/// nothing more. The first answer that has not been reached yet counts. One thread asks, another reads.
/// </summary>
internal sealed class AskedEnd
{
    private Answer? _waiting;

    /// <param name="askedAt">By a time provider's timestamp, from before it was asked.</param>
    public void Answered(long end, long askedAt) => Interlocked.CompareExchange(ref _waiting, new Answer(end, askedAt), comparand: null);

    /// <summary>Everything before <paramref name="position"/> has been read: when it was asked for an end that lies there; null: it has not been, or is further on.</summary>
    public long? Reach(long position)
    {
        if (Volatile.Read(ref _waiting) is not { } waiting || waiting.End > position) return null;
        Volatile.Write(ref _waiting, null);
        return waiting.AskedAt;
    }

    private sealed record Answer(long End, long AskedAt);
}
