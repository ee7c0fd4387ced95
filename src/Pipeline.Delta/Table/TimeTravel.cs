using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Delta.Table;

/// <summary>Finds the version of a moment by the times that commits carry, reading few of them.</summary>
internal static class TimeTravel
{
    /// <exception cref="PipelineException">The table, or what is left of its log, is younger.</exception>
    public static async ValueTask<long> VersionAtAsync(LogReader log, string table, DateTimeOffset at, CancellationToken cancellationToken)
    {
        var listing = await log.ListAsync(0, cancellationToken);
        List<LogFile> commits = [.. listing.Commits];
        // Times grow with versions: the first commit after the moment is found by halving.
        var (low, high) = (0, commits.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            var isAfter = await TimeOfAsync(log, commits[middle], cancellationToken) > at;
            if (isAfter) high = middle;
            else low = middle + 1;
        }

        if (low == 0)
            throw new PipelineException(FaultKind.Missing, $"Table {table}", $"it has no version as old as {at.InWords(decimals: 3)}",
                "Choose a time that `history` shows.");
        return commits[low - 1].Version;
    }

    private static async ValueTask<DateTimeOffset> TimeOfAsync(LogReader log, LogFile commit, CancellationToken cancellationToken)
    {
        var actions = await log.TryReadCommitAsync(commit.Version, cancellationToken) ?? [];
        var info = actions.OfType<CommitInfo>().FirstOrDefault();
        return info is not null && info.Timestamp > DateTimeOffset.UnixEpoch ? info.Timestamp : commit.ModifiedAt;
    }
}
