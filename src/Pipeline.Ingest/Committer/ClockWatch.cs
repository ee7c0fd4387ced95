namespace Pipeline.Ingest.Committer;

/// <summary>
/// Finds out that this node's clock and those of other writers differ: a table has a commit of the future. Once for all tables of a node, and again
/// when they have agreed in between. Thread-safe.
/// </summary>
internal sealed class ClockWatch
{
    /// <summary>What clocks that are kept differ by at most.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(1);

    private int _isTold;

    /// <summary>Takes a look at a table's newest commit.</summary>
    /// <returns>By how much it is ahead, when that is news; null otherwise.</returns>
    public TimeSpan? Look(DateTimeOffset committedAt, DateTimeOffset now)
    {
        var ahead = committedAt - now;
        if (ahead > Tolerance) return Interlocked.Exchange(ref _isTold, 1) == 0 ? ahead : null;
        // Commits follow each other: one behind the clock says that those before it are too.
        if (ahead > -Tolerance) Interlocked.Exchange(ref _isTold, 0);
        return null;
    }
}
