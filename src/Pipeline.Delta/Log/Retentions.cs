namespace Pipeline.Delta.Log;

/// <summary>How long a table keeps what it was.</summary>
public static class Retentions
{
    /// <summary>Whether a moment is longer ago than versions of a table can be read.</summary>
    public static bool HasPassed(Snapshot table, DateTimeOffset since, DateTimeOffset now) => now - since > TableProperties.LogRetention(table.Metadata);
}
