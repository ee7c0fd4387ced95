namespace Pipeline.Sources.Postgres.Reading.Watermark;

/// <summary>What the server says about its clock and its transactions at one moment.</summary>
/// <param name="Clock">The server's clock before the transactions were looked at.</param>
/// <param name="OldestTransaction">When the oldest transaction now open began; null when none is.</param>
/// <param name="Prepared">Names of the transactions that are prepared and not yet committed.</param>
internal sealed record TransactionObservation(DateTimeOffset Clock, DateTimeOffset? OldestTransaction, IReadOnlyCollection<string> Prepared)
{
    /// <summary>Between two looks at the server within one statement.</summary>
    private static readonly TimeSpan Simultaneous = TimeSpan.FromSeconds(1);

    /// <summary>When the newest transaction now open began; null when none is.</summary>
    public DateTimeOffset? NewestTransaction { get; init; }

    /// <summary>The server's process that has the oldest of them open; 0 when none is.</summary>
    public int OldestProcess { get; init; }

    /// <summary>The name by which one of <see cref="Prepared"/> is ended; null when there is none.</summary>
    public string? PreparedName => Prepared.FirstOrDefault() is { } first ? first[(first.IndexOf(' ') + 1)..] : null;

    /// <summary>A transaction is open since before the clock was set back: when it began says nothing of when it was.</summary>
    public bool HasOneOfLater => NewestTransaction > Clock + Simultaneous;
}

/// <summary>
/// Up to where a table can be read without missing rows that are still to be committed: below the start of every open
/// transaction, because <c>now()</c> in it is that start, however late it commits.
/// </summary>
/// <remarks>
/// A prepared transaction has left the list of open ones, and the server does not tell when it began. But at the
/// observation before the first that saw it prepared it was either open, and counted, or it began later. So the horizon
/// of that observation is below its start, and holds until it is gone.
/// </remarks>
internal sealed class TransactionHorizon(TimeSpan commitLag, DateTimeOffset? readUpTo)
{
    private readonly Dictionary<string, DateTimeOffset?> _bounds = new(StringComparer.Ordinal);

    /// <summary>
    /// Lies at or below the start of all transactions open at the last observation. A restarted reader knows that from
    /// where its predecessor had read to.
    /// </summary>
    private DateTimeOffset? _last = readUpTo;

    /// <summary>
    /// The horizon after an observation. Null while a transaction is prepared that was already so before the first
    /// observation ever: it may hold rows of any age.
    /// </summary>
    public DateTimeOffset? Observe(TransactionObservation now)
    {
        foreach (var gone in _bounds.Keys.Except(now.Prepared, StringComparer.Ordinal).ToList()) _bounds.Remove(gone);
        foreach (var name in now.Prepared) _bounds.TryAdd(name, _last);

        var open = now.Clock - commitLag;
        if (now.OldestTransaction < open) open = now.OldestTransaction.Value;
        _last = open;

        if (_bounds.Values.Any(bound => bound is null)) return null;
        return _bounds.Count > 0 && _bounds.Values.Min() is { } lowest && lowest < open ? lowest : open;
    }
}
