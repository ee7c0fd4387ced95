using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Table;

namespace Pipeline.Delta.Maintenance;

/// <summary>What to clean up.</summary>
/// <param name="Retention">
/// Files that left the table less than this ago stay, and so do files younger than this, which may be about to be
/// committed. Null: the table's <c>delta.deletedFileRetentionDuration</c>.
/// </param>
/// <param name="IsDryRun">Deletes nothing.</param>
/// <param name="PinnedVersions">Versions whose files stay whatever their age: those that pending runs read.</param>
/// <param name="ChangesAfter">Files with rows that later commits brought stay too: a reader of changes has not got to them. Null: nobody waits.</param>
/// <param name="AllowsShortRetention">Accepts a retention below the table's own: readers and writers elsewhere may lose files.</param>
public sealed record VacuumOptions(TimeSpan? Retention = null, bool IsDryRun = false, IReadOnlyCollection<long>? PinnedVersions = null,
    long? ChangesAfter = null, bool AllowsShortRetention = false)
{
    /// <summary>
    /// Whatever retention is allowed, what executions wrote within this time and nobody has committed stays: the longest time that one may take, and what it takes
    /// to commit it. Default 8 days.
    /// </summary>
    public TimeSpan ExecutionAgeMin { get; init; } = TimeSpan.FromDays(8);

    /// <summary>The time by which ages are judged, where that is not our clock's: see <see cref="StoreClock"/>. Null: our clock's.</summary>
    public DateTimeOffset? Now { get; init; }

    /// <summary>Whether an execution may still be committed, however old its files are; null: age alone tells.</summary>
    public Func<string, bool>? IsExecutionOpen { get; init; }
}

/// <summary>What was deleted, or would be.</summary>
/// <param name="Files">Data files, and uploads that a writer left unfinished.</param>
/// <param name="Paths">The first of them, below the table's directory; an unfinished one is said to be.</param>
public sealed record VacuumResult(long Files, long Bytes, IReadOnlyList<string> Paths);

/// <summary>
/// Deletes data files that no version inside the retention needs, and that no reader in this process, no pinned version
/// and no reader of changes reads, and what writers that were killed left unfinished, in the log's directory too. Whole log objects are not
/// its business.
/// </summary>
public static class Vacuum
{
    private const int PathsMax = 1000;

    /// <summary>Where stages that are too large for a message wait to be committed.</summary>
    private const string StagedManifests = "_staged/";

    /// <summary>An upload that was written to within this time may be going on, whatever retention is allowed.</summary>
    private static readonly TimeSpan UploadAgeMin = TimeSpan.FromDays(1);

    /// <exception cref="PipelineException">The retention is too short, or the table is not ours to write.</exception>
    public static async ValueTask<VacuumResult> RunAsync(DeltaTable table, VacuumOptions options, CancellationToken cancellationToken)
    {
        var snapshot = await table.RefreshAsync(cancellationToken);
        ProtocolSupport.CheckWritable(table.Path, snapshot);
        var least = TableProperties.DeletedFileRetention(snapshot.Metadata);
        var retention = options.Retention ?? least;
        if (retention < least && !options.AllowsShortRetention)
            throw new PipelineException(FaultKind.Invalid, $"Table {table.Path}", $"a retention of {retention} is below its {TableProperties.DeletedFileRetentionKey} of {least}",
                "Choose a longer one, or allow it when no other reader or writer is at work.");

        var now = options.Now ?? table.Handle.Time.GetUtcNow();
        var cutoff = now.Minus(retention);
        var executionCutoff = now.Minus(Max(retention, options.ExecutionAgeMin));
        var needed = await NeededAsync(table, snapshot, cutoff, options, cancellationToken);
        // What was once committed is nobody's that may still be: the retention tells of it, as of any file that left the table.
        var wasCommitted = snapshot.Tombstones.Values.Select(tombstone => TableFilePath.TryBelow(table.Store, table.Path, tombstone.Path)).OfType<string>().ToHashSet(StringComparer.Ordinal);
        var (files, bytes) = (0L, 0L);
        List<string> paths = [];
        var prefix = table.Path.Length == 0 ? "" : $"{table.Path}/";
        await foreach (var found in table.Store.ListAsync(prefix, startAt: null, cancellationToken))
        {
            var path = found.Path[prefix.Length..];
            if (IsKept(path, found.ModifiedAt, cutoff) || !IsDataFile(path, snapshot) || needed.Contains(path) || !TableFilePath.IsReachedWithoutLink(table.Store, table.Path, path)) continue;
            if (!options.IsDryRun) await table.Store.DeleteAsync(found.Path, cancellationToken);
            Count(path, found.Size);
        }

        var unfinishedCutoff = now.Minus(Max(retention, UploadAgeMin));
        await foreach (var upload in table.Store.ListUnfinishedAsync(prefix, cancellationToken))
        {
            if (IsKept(upload.Path[prefix.Length..], upload.ModifiedAt, unfinishedCutoff) || !TableFilePath.IsReachedWithoutLink(table.Store, table.Path, upload.Path[prefix.Length..])) continue;
            if (!options.IsDryRun) await table.Store.AbandonAsync(upload, cancellationToken);
            Count($"{upload.Path[prefix.Length..]} (unfinished upload {upload.Id})", upload.Size);
        }

        return new VacuumResult(files, bytes, paths);

        // A store may say of an upload, and of a file, only when it was begun.
        bool IsKept(string path, DateTimeOffset modifiedAt, DateTimeOffset cutoffOfOthers) => ExecutionDirectory.ExecutionOf(path) is { } execution && !wasCommitted.Contains(path)
            ? modifiedAt >= executionCutoff || options.IsExecutionOpen?.Invoke(execution) == true
            : modifiedAt >= cutoffOfOthers;

        void Count(string path, long size)
        {
            files++;
            bytes += size;
            if (paths.Count < PathsMax) paths.Add(path);
        }
    }

    /// <exception cref="PipelineException">The log names files outside of the table.</exception>
    private static async ValueTask<HashSet<string>> NeededAsync(DeltaTable table, Snapshot snapshot, DateTimeOffset cutoff,
        VacuumOptions options, CancellationToken cancellationToken)
    {
        HashSet<string> named = new(snapshot.FilesByPath.Keys, StringComparer.Ordinal);
        named.UnionWith(snapshot.Tombstones.Values.Where(tombstone => tombstone.ModifiedAt >= cutoff).Select(tombstone => tombstone.Path));
        foreach (var pinned in SnapshotPins.Of(table.Handle)) named.UnionWith(pinned.FilesByPath.Keys);
        foreach (var version in options.PinnedVersions ?? [])
            if (await TryAtVersionAsync(table, version, cancellationToken) is { } pinned) named.UnionWith(pinned.FilesByPath.Keys);
        // Backwards, since what the log no longer tells cannot be read as changes either.
        for (var version = snapshot.Version; version > options.ChangesAfter && await table.Handle.Log.TryReadCommitAsync(version, cancellationToken) is { } actions; version--)
            named.UnionWith(actions.OfType<AddFile>().Where(add => add.DataChange).Select(add => add.Path));
        // Files are listed as they lie below the table, however the log calls them. One that cannot be told from them ends it.
        return named.Select(path => TableFilePath.TryBelow(table.Store, table.Path, path) ?? throw TableFilePath.Outside(table.Path, path))
            .ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>Null: nobody can read it any more, and so nobody needs its files.</summary>
    private static async ValueTask<Snapshot?> TryAtVersionAsync(DeltaTable table, long version, CancellationToken cancellationToken)
    {
        try
        {
            return await table.AtVersionAsync(version, cancellationToken);
        }
        catch (PipelineException gone) when (gone.Kind == FaultKind.Missing)
        {
            return null;
        }
    }

    private static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;

    /// <summary>
    /// Hidden directories and files belong to somebody else, but for manifests of stages that nobody decided, and for whatever an execution has
    /// left in its own; a partition's directory may look like one.
    /// </summary>
    private static bool IsDataFile(string path, Snapshot snapshot)
    {
        // An empty directory, as local stores list it.
        if (path.EndsWith('/')) return false;
        if (path.StartsWith(StagedManifests, StringComparison.Ordinal) || ExecutionDirectory.ExecutionOf(path) is not null) return true;
        return path.Split('/').All(part => part is not ['_' or '.', ..]
            || snapshot.Metadata.PartitionColumns.Any(column => part.StartsWith(column + "=", StringComparison.Ordinal)));
    }
}
