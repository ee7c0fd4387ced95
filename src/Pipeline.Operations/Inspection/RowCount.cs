namespace Pipeline.Operations.Inspection;

/// <summary>Where the rows of a source table, or of several, are at a moment: every one is in one place.</summary>
/// <param name="Generated">Row versions and records that the source has sent.</param>
/// <param name="DeadLetters">Records that could not be decoded.</param>
/// <param name="Superseded">Rows of Bronze that lost to a newer row of their key.</param>
/// <param name="Deleted">Rows of Bronze whose key the source has deleted, and what deleted them.</param>
/// <param name="Unread">Rows of Bronze that no complete run of Silver has read.</param>
public sealed record RowCount(long Generated, long Bronze, long DeadLetters, long Silver, long Quarantined, long Superseded, long Deleted, long Unread)
{
    public static readonly RowCount None = new(0, 0, 0, 0, 0, 0, 0, 0);

    /// <summary>Rows that have come: in Bronze, or dead letters.</summary>
    public long Arrived => Bronze + DeadLetters;

    /// <summary>Rows that are generated and have not come.</summary>
    public long OnTheWay => Generated - Arrived;

    /// <summary>Rows that no run of Silver has read yet, in Bronze or not.</summary>
    public long ToCome => OnTheWay + Unread;

    /// <summary>Rows that Silver will never have: dead letters, quarantined, superseded and deleted.</summary>
    public long Elsewhere => DeadLetters + Quarantined + Superseded + Deleted;

    public static RowCount operator +(RowCount one, RowCount other)
    {
        ArgumentNullException.ThrowIfNull(one);
        ArgumentNullException.ThrowIfNull(other);
        return new(one.Generated + other.Generated, one.Bronze + other.Bronze, one.DeadLetters + other.DeadLetters,
            one.Silver + other.Silver, one.Quarantined + other.Quarantined, one.Superseded + other.Superseded, one.Deleted + other.Deleted, one.Unread + other.Unread);
    }
}
