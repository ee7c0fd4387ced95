using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Table;

namespace Pipeline.Transform.Jobs;

/// <summary>Which commits of a Bronze table one run reads.</summary>
internal static class BronzeRange
{
    /// <summary>
    /// The last version of a run that has read up to <paramref name="after"/>, and its new rows: as many commits as the
    /// bounds allow, at least one. A table whose early commits are compacted or cleaned up is first read as a whole.
    /// </summary>
    /// <param name="rowsMax">Rows of a run, as <paramref name="bytesMax"/> their data files; more only where one commit, or a table read as a whole, has more.</param>
    public static async ValueTask<(long Version, long Rows)> EndAsync(DeltaTable bronze, long? after, long newest, long rowsMax, long bytesMax,
        CancellationToken cancellationToken)
    {
        var current = bronze.Current;
        var whole = (newest, current.RowCount ?? 0);
        if (after is null && (IsSmall(current, rowsMax, bytesMax) || !await HasFirstCommitAsync(bronze, cancellationToken))) return whole;

        var (rows, bytes, end) = (0L, 0L, after);
        await foreach (var (version, actions) in bronze.ChangesAsync(after ?? -1, newest, cancellationToken))
        {
            var isRestored = IsRestored(actions);
            if (isRestored && after is null) return whole;
            if (isRestored && end != after) break;
            if (isRestored) throw Restored(bronze, version);
            var adds = actions.OfType<AddFile>().Where(add => add.DataChange).ToList();
            // Removed again by a compaction: a new reader takes the table as it is now.
            if (after is null && adds.Exists(add => !current.FilesByPath.ContainsKey(add.Path))) return whole;
            var (moreRows, moreBytes) = (rows + adds.Sum(add => add.RowCount ?? 0), bytes + adds.Sum(add => add.Size));
            if (end != after && (moreRows > rowsMax || moreBytes > bytesMax)) break;
            (rows, bytes, end) = (moreRows, moreBytes, version);
        }

        return (end ?? newest, rows);
    }

    /// <summary>Whether clean-up has removed commits behind <paramref name="after"/>, or vacuum files that they added and a compaction took away.</summary>
    public static async ValueTask<bool> IsGoneAsync(DeltaTable bronze, long after, CancellationToken cancellationToken)
    {
        // Clean-up begins with the oldest commit; one that is missing behind others is damage.
        if ((await bronze.CommitTimesAsync(cancellationToken))[0].Version > after + 1) return true;
        var current = bronze.Current;
        await foreach (var (_, actions) in bronze.ChangesAsync(after, current.Version, cancellationToken))
            foreach (var add in actions.OfType<AddFile>().Where(add => add.DataChange && !current.FilesByPath.ContainsKey(add.Path)))
                if (await bronze.Store.TryStatAsync(TableFilePath.In(bronze.Store, bronze.Path, add.Path), cancellationToken) is null) return true;
        return false;
    }

    /// <summary>What has piled up since <paramref name="after"/>.</summary>
    public static async ValueTask<long> BytesAsync(DeltaTable bronze, long? after, long newest, CancellationToken cancellationToken)
    {
        if (after is not { } read) return bronze.Current.Files.Sum(file => file.Size);
        var bytes = 0L;
        await foreach (var (_, actions) in bronze.ChangesAsync(read, newest, cancellationToken))
            bytes += actions.OfType<AddFile>().Where(add => add.DataChange).Sum(add => add.Size);
        return bytes;
    }

    /// <summary>Other programs set a table back by a commit that takes rows away and adds some again which have been read.</summary>
    private static bool IsRestored(IReadOnlyList<DeltaAction> actions) => actions.OfType<CommitInfo>().FirstOrDefault()?.Operation == "RESTORE";

    private static PipelineException Restored(DeltaTable bronze, long version) => new(FaultKind.Damaged, $"Table {bronze.Path}",
        $"version {version} has set it back to an earlier one (operation RESTORE), and what was made of it does not follow", "Look what it holds; then run './pipeline rebuild TABLE --with-dependents' for each Silver table that is made from it.");

    private static bool IsSmall(Snapshot snapshot, long rowsMax, long bytesMax) =>
        snapshot.RowCount <= rowsMax && snapshot.Files.Sum(file => file.Size) <= bytesMax;

    /// <summary>Log clean-up begins with the oldest commit.</summary>
    private static async ValueTask<bool> HasFirstCommitAsync(DeltaTable table, CancellationToken cancellationToken) =>
        await table.Store.TryStatAsync($"{table.Path}/_delta_log/{0:D20}.json", cancellationToken) is not null;

    /// <summary>Files that brought new rows; those that only rearranged rows bring nothing new.</summary>
    public static async ValueTask<ImmutableArray<JobFile>> FilesAsync(DeltaTable bronze, long after, long upTo, CancellationToken cancellationToken)
    {
        var files = ImmutableArray.CreateBuilder<JobFile>();
        await foreach (var (version, actions) in bronze.ChangesAsync(after, upTo, cancellationToken))
        {
            if (IsRestored(actions)) throw Restored(bronze, version);
            files.AddRange(actions.OfType<AddFile>().Where(add => add.DataChange).Select(JobFiles.Of));
        }

        return files.ToImmutable();
    }

    /// <summary>What has come behind what a run reads. What is not kept any more is not looked at.</summary>
    public static async ValueTask<ImmutableArray<JobFile>> AheadAsync(DeltaTable bronze, long after, long upTo, CancellationToken cancellationToken)
    {
        var (files, current) = (ImmutableArray.CreateBuilder<JobFile>(), bronze.Current);
        try
        {
            await foreach (var (version, actions) in bronze.ChangesAsync(after, upTo, cancellationToken))
            {
                if (IsRestored(actions)) throw Restored(bronze, version);
                foreach (var add in actions.OfType<AddFile>().Where(add => add.DataChange))
                    if (current.FilesByPath.ContainsKey(add.Path) || await bronze.Store.TryStatAsync(TableFilePath.In(bronze.Store, bronze.Path, add.Path), cancellationToken) is not null) files.Add(JobFiles.Of(add));
            }
        }
        catch (PipelineException e) when (!e.IsTransient)
        {
            // What is wrong with it says the run that reads it.
            return [];
        }

        return files.ToImmutable();
    }
}
