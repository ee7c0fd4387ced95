namespace Pipeline.Core;

/// <summary>A commit to a Bronze table is durable.</summary>
public sealed record BronzeCommitted(TableId Table, long Version, long Rows, DateTimeOffset? NewestEventAt, DateTimeOffset CommittedAt);

/// <summary>A Silver or Gold table has a new version.</summary>
public sealed record TableAdvanced(TableId Table, long Version, long Rows, DateTimeOffset CommittedAt);

/// <summary>
/// The topic of the cluster's publish-subscribe on which <see cref="BronzeCommitted"/> and <see cref="TableAdvanced"/>
/// are announced. Announcements are hints: whoever misses one finds the same in the table's log.
/// </summary>
public static class LakeEvents
{
    public const string Topic = "lake-events";
}
