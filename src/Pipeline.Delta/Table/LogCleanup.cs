using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Delta.Table;

/// <summary>
/// Deletes log objects that no version inside <c>delta.logRetentionDuration</c> needs. See PROTOCOL.md, section
/// "Metadata Cleanup".
/// </summary>
internal static class LogCleanup
{
    /// <summary>Returns how many objects were deleted.</summary>
    public static async ValueTask<int> RunAsync(TableHandle table, Snapshot snapshot, CancellationToken cancellationToken)
    {
        if (!TableProperties.CleansLog(snapshot.Metadata)) return 0;
        var cutoff = table.Time.GetUtcNow().Minus(TableProperties.LogRetention(snapshot.Metadata));
        var listing = await table.Log.ListAsync(0, cancellationToken);
        // Written before the cutoff: the last such version can still be asked for, so its checkpoint and all after it stay.
        var newestExpired = listing.Commits.Where(commit => commit.ModifiedAt < cutoff).Select(commit => (long?)commit.Version).Max();
        if (newestExpired is null || listing.NewestCheckpoint(newestExpired) is not { } kept) return 0;

        var deleted = 0;
        foreach (var file in listing.Files)
        {
            if (file.Version >= kept[0].Version || file.ModifiedAt >= cutoff) continue;
            await table.Store.DeleteAsync(file.Path, cancellationToken);
            deleted++;
        }

        return deleted;
    }
}
