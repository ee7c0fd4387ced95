namespace Pipeline.Delta.Log;

/// <summary>
/// What a table's commits have done to its rows since they are counted, as <c>txn</c> actions: a log that was cleaned up still says it. Every
/// commit adds to them on top of the version that it follows, so that no race is lost to a count.
/// </summary>
public static class RowCounts
{
    /// <summary>The version after which counting began; 0: everything is counted.</summary>
    public const string Since = "rows-counted-since";

    /// <summary>Rows that commits have added; counting begins with those that the table has.</summary>
    public const string Added = "rows-added";

    /// <summary>Rows that were removed on purpose, by an operator's or a policy's word.</summary>
    public const string Removed = "rows-removed";

    /// <summary>Bronze: records of the ranges of its commits that went to the dead letters.</summary>
    public const string Letters = "dead-letters";

    /// <summary>Bronze with numbered records: numbers in the ranges of its commits for which the source had no record.</summary>
    public const string Unused = "numbers-unused";

    /// <summary>Bronze: how far operators have moved its splits past what was lost.</summary>
    public const string GivenUp = "numbers-given-up";

    /// <summary>The actions that add to a table's counts; none where how many rows it has is not known.</summary>
    internal static IEnumerable<TxnAction> ActionsOf(Snapshot before, IReadOnlyCollection<TxnCount> counts, DateTimeOffset at)
    {
        if (counts.Count == 0) yield break;
        var (isFirst, rows) = (before.Position(Since) is null, 0L);
        if (isFirst)
        {
            if (before.RowCount is not { } known) yield break;
            rows = known;
            // Splits that have moved before have done so uncounted.
            yield return new TxnAction(Since, rows == 0 && !before.Txns.Keys.Any(appId => appId.Contains('/', StringComparison.Ordinal)) ? 0 : Math.Max(1, before.Version), at);
        }

        foreach (var (appId, by) in counts)
            if (by != 0 || (isFirst && appId == Added))
                yield return new TxnAction(appId, (before.Position(appId) ?? (appId == Added ? rows : 0)) + by, at);
    }
}
