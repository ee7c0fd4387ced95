namespace Pipeline.Core;

/// <summary>A commit to a Bronze table is durable.</summary>
public sealed record BronzeCommitted(TableId Table, long Version, long Rows, DateTimeOffset? NewestEventAt, DateTimeOffset CommittedAt);

/// <summary>A Silver or Gold table has a new version.</summary>
public sealed record TableAdvanced(TableId Table, long Version, long Rows, DateTimeOffset CommittedAt);

/// <summary>
/// What one reader of a Bronze table's splits knows of how far the table reflects its source, told again and again, and whenever it
/// knows more. A reader that is silent is one that has not looked.
/// </summary>
/// <param name="Reader">The reader: what it says replaces what it said before.</param>
/// <param name="Splits">Splits of the table that it speaks for: each has been looked at, and what it held by then is in the table.</param>
/// <param name="Listed">All splits that feed the table now, whoever reads them; null: from one who does not list them.</param>
/// <param name="Version">A version of the table that holds all of that; -1: none is known.</param>
/// <param name="AgeMs">How long ago the earliest of those looks was; null: they get nothing more.</param>
/// <param name="Fault">What keeps the reader from reading on, or a split of it; null: nothing.</param>
public sealed record BronzeLooked(TableId Table, string Reader, int Splits, int? Listed, long Version, long? AgeMs, Fault? Fault)
{
    /// <summary>The split of the earliest look, where it is known where that ends; null in a message of a release that does not say.</summary>
    public SplitBacklog? Backlog { get; init; }

    /// <summary>Why rows of the source may be passed by although the reader reads on; null: nothing is known, or it is a message of a release that does not say.</summary>
    public Fault? Doubt { get; init; }
}

/// <summary>What waits of a split at its source. Positions tell it: they only grow, and what is before another is landed before it.</summary>
/// <param name="Landed">The position up to which the table has it.</param>
/// <param name="End">Where it ended at the source when that was last heard; at least <paramref name="Landed"/>.</param>
public sealed record SplitBacklog(SplitId Split, long Landed, long End);

/// <summary>
/// The topic of the cluster's publish-subscribe on which <see cref="BronzeCommitted"/> and <see cref="TableAdvanced"/>
/// are announced. Announcements are hints: whoever misses one finds the same in the table's log.
/// </summary>
public static class LakeEvents
{
    public const string Topic = "lake-events";

    /// <summary>That of <see cref="BronzeLooked"/>: nodes of the release before, which do not know it, do not hear it.</summary>
    public const string LooksTopic = "table-looks";
}
