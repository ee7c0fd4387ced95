using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Delta.Table;

/// <summary>What a clean-up has done.</summary>
/// <param name="Deleted">Objects of the log.</param>
/// <param name="Held">The readers that have not read everything that is old enough to go; what they need has stayed.</param>
/// <param name="Dropped">The readers that need what has gone: they have asked for nothing for as long as versions are kept.</param>
internal sealed record LogCleanupResult(int Deleted, IReadOnlyList<LogReading> Held, IReadOnlyList<LogReading> Dropped);

/// <summary>
/// Deletes log objects that no version inside <c>delta.logRetentionDuration</c> needs, and no table that has yet to read them. See
/// PROTOCOL.md, section "Metadata Cleanup".
/// </summary>
internal static class LogCleanup
{
    public static async ValueTask<LogCleanupResult> RunAsync(TableHandle table, Snapshot snapshot, CancellationToken cancellationToken)
    {
        var nothing = new LogCleanupResult(0, [], []);
        if (!TableProperties.CleansLog(snapshot.Metadata)) return nothing;
        var listing = await table.Log.ListAsync(0, cancellationToken);
        if (listing.Files.Count == 0) return nothing;
        // Two clocks must agree that something is old: ours, and that of the store, which has just received the newest object.
        var now = table.Time.GetUtcNow();
        var newest = listing.Files.Max(file => file.ModifiedAt);
        var cutoff = (newest < now ? newest : now).Minus(TableProperties.LogRetention(snapshot.Metadata));
        // Written before the cutoff: the last such version can still be asked for, so its checkpoint and all after it stay.
        var newestExpired = listing.Commits.Where(commit => commit.ModifiedAt < cutoff).Select(commit => (long?)commit.Version).Max();
        if (newestExpired is null || listing.NewestCheckpoint(newestExpired) is not { } kept || !listing.Files.Any(IsExpired)) return nothing;

        var behind = (await LogReaders.FindAsync(table.Lake, table.Path, cancellationToken)).Where(reading => reading.Version < kept[0].Version).ToLookup(reading => reading.AskedAt < cutoff);
        var (dropped, held) = (behind[true].ToList(), behind[false].ToList());
        if (held.Count > 0)
        {
            if (listing.NewestCheckpoint(held.Min(reading => reading.Version)) is not { } needed) return new LogCleanupResult(0, held, []);
            kept = needed;
        }

        var deleted = 0;
        foreach (var file in listing.Files.Where(IsExpired))
        {
            await table.Store.DeleteAsync(file.Path, cancellationToken);
            deleted++;
        }

        return new LogCleanupResult(deleted, held, [.. dropped.Where(reading => reading.Version < kept[0].Version)]);

        bool IsExpired(LogFile file) => file.Version < kept[0].Version && file.ModifiedAt < cutoff;
    }
}
