using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Table;

/// <summary>Makes snapshots from what lies in a table's log. See PROTOCOL.md, section "Action Reconciliation".</summary>
internal sealed partial class LogReader(IObjectStore store, string table, ILogger told)
{
    /// <summary>Commits fetched at the same time: hides the latency of a bucket, bounds memory.</summary>
    private const int CommitsInFlight = 16;

    /// <summary>Those that this process has told of: several parts of it may open one table.</summary>
    private static readonly ConcurrentDictionary<string, bool> ToldOf = new(StringComparer.Ordinal);

    /// <summary>What the newest commits did, for writers who lose races to them.</summary>
    private readonly CommitEffects _effects = new();

    /// <summary>Why the newest checkpoint was passed over; null since one was written that can be read.</summary>
    public PipelineException? DamagedCheckpoint { get; set; }

    public string Name(string path) => $"Object {store.LocationOf(path)}/{path}";

    /// <summary>The newest snapshot, or that of <paramref name="version"/>; null when there is no table.</summary>
    /// <exception cref="PipelineException">The log is damaged, or does not reach back to the version.</exception>
    public async ValueTask<Snapshot?> LoadAsync(long? version, CancellationToken cancellationToken)
    {
        var search = new CheckpointSearch(store, table, version);
        var hint = await ReadHintAsync(cancellationToken);
        var log = hint is { } from && (version is null || from <= version) ? await ListAsync(from, cancellationToken) : null;
        var builder = log is null ? null : await search.ReadAsync(log, cancellationToken);
        // The hint may name a checkpoint that is not there (any more), or cannot be read.
        if (builder is null)
        {
            log = await ListAsync(0, cancellationToken);
            builder = await search.ReadAsync(log, cancellationToken) ?? new SnapshotBuilder(table);
        }

        if (log!.IsEmpty) return null;
        var commits = Commits(log, builder.Version, version, search);
        await foreach (var (commit, actions) in ReadCommitsAsync(commits, cancellationToken))
            builder.ApplyCommit(commit.Version, commit.ModifiedAt, actions);
        var snapshot = builder.Build();
        if (version is null) DamagedCheckpoint = search.Damage;
        if (search.Damage is { } damage && told.IsEnabled(LogLevel.Warning) && ToldOf.TryAdd(damage.Thing, true)) LogPassedOver(damage.Thing, damage.Cause);
        return snapshot;
    }

    /// <summary>
    /// Moves a snapshot forward to the end of the log; the same object when there is nothing new. Null when the log does not have
    /// the snapshot's version (any more), or another one of that number: what stands behind it, or does not, says nothing then.
    /// </summary>
    /// <param name="progress">Gets what was reached when the store fails on the way, so that nothing is read twice.</param>
    public async ValueTask<Snapshot?> AdvanceAsync(Snapshot snapshot, Action<Snapshot> progress, CancellationToken cancellationToken)
    {
        SnapshotBuilder? builder = null;
        try
        {
            for (var next = snapshot.Version + 1; ; next++)
            {
                var path = LogNames.Commit(table, next);
                var content = await store.TryGetAsync(path, cancellationToken);
                if (builder is null && !await IsKeptAsync(snapshot, cancellationToken)) return null;
                if (content is null) return builder is null ? snapshot : builder.Build();
                var actions = ActionReader.Read(Name(path), next, content);
                _effects.Add(next, actions);
                var modifiedAt = await CommitTimeAsync(path, actions, cancellationToken);
                builder ??= new SnapshotBuilder(table, snapshot);
                builder.ApplyCommit(next, modifiedAt, actions);
            }
        }
        catch (PipelineException e) when (e.IsTransient)
        {
            if (builder is not null) progress(builder.Build());
            throw;
        }
    }

    /// <summary>
    /// Whether the log still reaches back to a version, and that is the one that was seen and none of another history: of a table that
    /// was removed and made anew, or restored from a copy. Asked after looking at the version behind it, or after writing that,
    /// it says whether this was done at the log's end: clean-up goes from the oldest commit on, so while one is there, so is
    /// all behind it. Where it is not, the numbers behind it are free and mean nothing.
    /// </summary>
    public async ValueTask<bool> IsKeptAsync(Snapshot seen, CancellationToken cancellationToken)
    {
        var path = LogNames.Commit(table, seen.Version);
        if (seen.CommitId is null ? await store.TryStatAsync(path, cancellationToken) is not null : await store.TryGetAsync(path, cancellationToken) is { } content && Says(content)) return true;
        // A table may begin with a checkpoint alone.
        var rest = (await ListAsync(seen.Version, cancellationToken)).Files;
        return !rest.Any(file => file.Version == seen.Version && file.Kind == LogFileKind.Commit)
            && rest.Where(file => file.Kind != LogFileKind.Commit).Select(file => file.Version).Distinct().SequenceEqual([seen.Version]);

        // Only the first line is read: it is the commit's info, of whoever writes one.
        bool Says(byte[] content)
        {
            var line = content.AsMemory(0, content.AsSpan().IndexOf((byte)'\n') is var end and >= 0 ? end : content.Length);
            return ActionReader.TryReadLine(line) is not CommitInfo { Id: { } id } || id == seen.CommitId;
        }
    }

    /// <summary>What is remembered of commits is of another history.</summary>
    public void Forget() => _effects.Clear();

    /// <summary>Null when there is no such version (any more).</summary>
    public async ValueTask<IReadOnlyList<DeltaAction>?> TryReadCommitAsync(long version, CancellationToken cancellationToken)
    {
        var path = LogNames.Commit(table, version);
        return await store.TryGetAsync(path, cancellationToken) is { } content ? ActionReader.Read(Name(path), version, content) : null;
    }

    /// <summary>What a commit did; read only if it is not among the newest that were read before.</summary>
    public async ValueTask<CommitEffect?> TryReadEffectAsync(long version, CancellationToken cancellationToken)
    {
        if (_effects.Find(version) is { } known) return known;
        return await TryReadCommitAsync(version, cancellationToken) is { } actions ? _effects.Add(version, actions) : null;
    }

    /// <summary>All of the log from <paramref name="version"/> on.</summary>
    public async ValueTask<LogListing> ListAsync(long version, CancellationToken cancellationToken)
    {
        List<LogFile> files = [];
        await foreach (var found in store.ListAsync(LogNames.Prefix(table), LogNames.From(table, version), cancellationToken))
        {
            if (LogNames.Parse(table, found.Path, found.ModifiedAt) is not { } file) continue;
            var isDirectory = found.Path.EndsWith('/') || found.Path.AsSpan(LogNames.Prefix(table).Length).Contains('/');
            if (isDirectory && file.Kind != LogFileKind.Commit) continue;
            if (isDirectory)
                throw new PipelineException(FaultKind.Damaged, Name(found.Path), $"version {file.Version} of the table is a directory, not an object",
                    "Move the directory away and restore the object.");
            files.Add(file);
        }

        return new LogListing(files);
    }

    /// <summary>When a commit was made; costs a request only if it does not say.</summary>
    private async ValueTask<DateTimeOffset> CommitTimeAsync(string path, List<DeltaAction> actions, CancellationToken cancellationToken)
    {
        foreach (var action in actions)
        {
            if (action is CommitInfo info && info.Timestamp > DateTimeOffset.UnixEpoch) return info.Timestamp;
        }

        return (await store.TryStatAsync(path, cancellationToken))?.ModifiedAt ?? DateTimeOffset.UnixEpoch;
    }

    /// <summary>The version in <c>_last_checkpoint</c>; null when there is none or it cannot be understood: it is only a hint.</summary>
    private async ValueTask<long?> ReadHintAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (await store.TryGetAsync(LogNames.LastCheckpoint(table), cancellationToken) is not { } content) return null;
            using var hint = JsonDocument.Parse(content);
            return hint.RootElement.ValueKind == JsonValueKind.Object && hint.RootElement.TryGetProperty("version", out var version)
                && version.ValueKind == JsonValueKind.Number && version.TryGetInt64(out var number) && number >= 0 ? number : null;
        }
        catch (Exception e) when (DataFaults.Are(e) || e is PipelineException fault && CheckpointSearch.CanBeDoneWithout(fault))
        {
            return null;
        }
    }

    /// <summary>The commits that lead from a checkpoint to a version or the end.</summary>
    /// <exception cref="PipelineException">They do not; where a checkpoint is damaged that would, that is the reason.</exception>
    private List<LogFile> Commits(LogListing log, long after, long? version, CheckpointSearch search)
    {
        try
        {
            if (version is { } wanted) CheckReachable(log, after, wanted);
            var commits = Contiguous(log, after, version);
            return commits is [.., var last] && last.Version >= search.DamagedVersion || after >= search.DamagedVersion ? commits : throw search.Damage!;
        }
        catch (PipelineException) when (search.Damage is not null)
        {
            throw search.Damage;
        }
    }

    /// <summary>The commits after <paramref name="after"/> up to <paramref name="version"/> or the end, without a gap.</summary>
    private List<LogFile> Contiguous(LogListing log, long after, long? version)
    {
        List<LogFile> commits = [.. log.Commits.Where(file => file.Version > after && (version is null || file.Version <= version))];
        var expected = after + 1;
        foreach (var commit in commits)
        {
            if (commit.Version != expected) throw Missing(expected, log);
            expected++;
        }

        if (expected == 0) throw Missing(0, log);
        return commits;
    }

    /// <summary>Versions before the oldest checkpoint go when the log is cleaned up; those after the end never were.</summary>
    private void CheckReachable(LogListing log, long checkpoint, long wanted)
    {
        var oldest = checkpoint >= 0 || log.Commits.FirstOrDefault() is { Version: 0, Path: not null } ? 0
            : log.Files.Where(file => file.Kind is LogFileKind.Checkpoint or LogFileKind.CheckpointPart).Select(file => file.Version).DefaultIfEmpty().Min();
        if (wanted < oldest)
            throw new PipelineException(FaultKind.Missing, $"Table {table}", $"version {wanted} can no longer be read: the oldest is {oldest}",
                "Choose a version that `history` shows.");
        var newest = Math.Max(checkpoint, log.Commits.Select(file => file.Version).DefaultIfEmpty(-1).Max());
        if (wanted > newest)
            throw new PipelineException(FaultKind.Missing, $"Table {table}", $"it has no version {wanted}: its newest is {newest}",
                "Choose a version that `history` shows.");
    }

    private PipelineException Missing(long version, LogListing log) => version == 0 && log.HasV2Checkpoint
        ? new PipelineException(FaultKind.Invalid, $"Table {table}",
            "it cannot be read: it needs the reader feature v2Checkpoint, which this version of pipeline does not support",
            "Use another engine for this table, or drop the feature from it.")
        : new PipelineException(FaultKind.Damaged, Name(LogNames.Commit(table, version)),
            $"version {version} of the table is missing, and no checkpoint replaces it", "Restore the object from a backup.");

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Checkpoint}: {Cause}. The table is whole without it and opens slower; its next commit writes a new one.")]
    private partial void LogPassedOver(string checkpoint, string cause);

    private async IAsyncEnumerable<(LogFile Commit, List<DeltaAction> Actions)> ReadCommitsAsync(List<LogFile> commits,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var reading = new Queue<(LogFile Commit, Task<byte[]?> Content)>(CommitsInFlight);
        var next = 0;
        while (next < commits.Count || reading.Count > 0)
        {
            while (next < commits.Count && reading.Count < CommitsInFlight)
            {
                reading.Enqueue((commits[next], store.TryGetAsync(commits[next].Path, cancellationToken).AsTask()));
                next++;
            }

            var (commit, content) = reading.Dequeue();
            var bytes = await content ?? throw new PipelineException(FaultKind.Damaged, Name(commit.Path),
                $"version {commit.Version} of the table disappeared while it was read", "Open the table again.");
            yield return (commit, ActionReader.Read(Name(commit.Path), commit.Version, bytes));
        }
    }
}

/// <summary>The log's objects from some version on.</summary>
internal sealed class LogListing(IReadOnlyList<LogFile> files)
{
    public bool IsEmpty => files.Count == 0;

    public IReadOnlyList<LogFile> Files => files;

    public IEnumerable<LogFile> Commits => files.Where(file => file.Kind == LogFileKind.Commit);

    public bool HasV2Checkpoint => files.Any(file => file.Kind == LogFileKind.CheckpointV2);

    /// <summary>All parts of the newest complete checkpoint at or before a version; null when there is none.</summary>
    public ImmutableArray<LogFile>? NewestCheckpoint(long? upTo) => Checkpoints(upTo).Select(parts => (ImmutableArray<LogFile>?)parts).FirstOrDefault();

    /// <summary>The complete checkpoints at or before a version, the newest first.</summary>
    public IEnumerable<ImmutableArray<LogFile>> Checkpoints(long? upTo) =>
        files.Where(file => file.Kind is LogFileKind.Checkpoint or LogFileKind.CheckpointPart && (upTo is null || file.Version <= upTo))
            .GroupBy(file => (file.Version, file.Kind, file.Parts))
            .Where(parts => parts.Select(part => part.Part).Distinct().Count() == parts.Key.Parts)
            .OrderByDescending(parts => parts.Key.Version)
            .Select(parts => parts.OrderBy(part => part.Part).ToImmutableArray());
}
