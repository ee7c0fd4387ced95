using System.Runtime.CompilerServices;
using Apache.Arrow;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Places;
using Pipeline.Delta.Schemas;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Table;

namespace Pipeline.Delta;

/// <summary>A Delta Lake table in a store. Safe to use from several threads; other processes may write it too.</summary>
/// <remarks>Errors are <see cref="PipelineException"/> that name the table or object and the version.</remarks>
public sealed class DeltaTable
{
    private readonly Committer _committer;
    private readonly CheckpointSchedule _checkpoints;

    private DeltaTable(TableHandle handle, ILogger told)
    {
        Handle = handle;
        _committer = new Committer(handle);
        _checkpoints = new CheckpointSchedule(handle, told);
    }

    public IObjectStore Store => Handle.Store;

    /// <summary>The table's directory below the store's root.</summary>
    public string Path => Handle.Path;

    /// <summary>What the parts of the table share.</summary>
    internal TableHandle Handle { get; }

    /// <summary>The newest snapshot this object has seen.</summary>
    public Snapshot Current => Handle.Current;

    /// <summary>
    /// Checkpoints are written after commits, by a task of their own. This is the running one, or the last. It never fails;
    /// what went wrong is told, is in <see cref="CheckpointFailure"/>, and is tried again.
    /// </summary>
    public Task PendingCheckpoint => _checkpoints.Pending;

    /// <summary>Why the last checkpoint was not written; null when it was. The table is whole without it, and opens slower.</summary>
    public Exception? CheckpointFailure => _checkpoints.Failure;

    /// <summary>Why the newest checkpoint was passed over when the table was read; null when it was not, or a later one is written.</summary>
    public PipelineException? DamagedCheckpoint => Handle.Log.DamagedCheckpoint;

    /// <summary>Opens a table; null when there is none.</summary>
    public static ValueTask<DeltaTable?> TryOpenAsync(IObjectStore store, string path, TimeProvider time, CancellationToken cancellationToken) =>
        TryOpenAsync(store, path, time, NullLogger.Instance, cancellationToken);

    /// <inheritdoc cref="TryOpenAsync(IObjectStore, string, TimeProvider, CancellationToken)"/>
    /// <param name="told">Told what goes wrong beside the commits.</param>
    public static ValueTask<DeltaTable?> TryOpenAsync(IObjectStore store, string path, TimeProvider time, ILogger told, CancellationToken cancellationToken) =>
        TryOpenAsync(store, path, version: null, time, told, cancellationToken);

    /// <param name="version">The one that is current; null: the newest.</param>
    internal static async ValueTask<DeltaTable?> TryOpenAsync(IObjectStore store, string path, long? version, TimeProvider time, ILogger told, CancellationToken cancellationToken)
    {
        var own = await store.StoreOfAsync(path, cancellationToken);
        var log = new LogReader(own, path, told);
        if (await log.LoadAsync(version, cancellationToken) is { } snapshot) return new DeltaTable(new TableHandle(store, own, path, time, log, snapshot), told);
        if (store is PlacedStore placed) await placed.RequireThereAsync(path, cancellationToken);
        return null;
    }

    /// <summary>Opens a table or creates it at version 0; safe when several do so at once.</summary>
    /// <param name="configuration">Table properties such as <c>delta.checkpointInterval</c>; for a new table only.</param>
    public static ValueTask<DeltaTable> OpenOrCreateAsync(IObjectStore store, string path, Schema schema, IReadOnlyList<string> partitionColumns,
        IReadOnlyDictionary<string, string> configuration, TimeProvider time, CancellationToken cancellationToken) =>
        OpenOrCreateAsync(store, path, schema, partitionColumns, configuration, time, NullLogger.Instance, cancellationToken);

    /// <inheritdoc cref="OpenOrCreateAsync(IObjectStore, string, Schema, IReadOnlyList{string}, IReadOnlyDictionary{string, string}, TimeProvider, CancellationToken)"/>
    /// <param name="told">Told what goes wrong beside the commits.</param>
    public static async ValueTask<DeltaTable> OpenOrCreateAsync(IObjectStore store, string path, Schema schema, IReadOnlyList<string> partitionColumns,
        IReadOnlyDictionary<string, string> configuration, TimeProvider time, ILogger told, CancellationToken cancellationToken)
    {
        if (await TryOpenAsync(store, path, time, told, cancellationToken) is { } existing) return existing;

        await TableCreation.WriteAsync(store, path, schema, partitionColumns, configuration, time, cancellationToken);
        // Ours or that of somebody who was faster.
        return await TryOpenAsync(store, path, time, told, cancellationToken)
            ?? throw new PipelineException(FaultKind.Unreachable, $"Table {path}", "its first version was written and cannot be found",
                $"Check {store.Location}.");
    }

    /// <summary>Reads the log from where <see cref="Current"/> is to its end.</summary>
    public ValueTask<Snapshot> RefreshAsync(CancellationToken cancellationToken) => Handle.RefreshAsync(cancellationToken);

    /// <summary>The table as of <paramref name="version"/>.</summary>
    /// <exception cref="PipelineException">There is no such version, or no longer.</exception>
    public async ValueTask<Snapshot> AtVersionAsync(long version, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(version);
        var current = Current;
        if (version == current.Version) return current;
        return await Handle.Log.LoadAsync(version, cancellationToken)
            ?? throw new PipelineException(FaultKind.Missing, $"Table {Path}", "its log is gone", $"Check {Store.Location}.");
    }

    /// <summary>The table as of the last commit at or before <paramref name="at"/>.</summary>
    /// <exception cref="PipelineException">The table, or what is left of its log, is younger.</exception>
    public async ValueTask<Snapshot> AtTimeAsync(DateTimeOffset at, CancellationToken cancellationToken) =>
        await AtVersionAsync(await TimeTravel.VersionAtAsync(Handle.Log, Path, at, cancellationToken), cancellationToken);

    /// <summary>Commits, rebasing over winners of a race where the isolation allows it.</summary>
    /// <exception cref="PipelineException">
    /// The transaction is not allowed on this table; too many races were lost; or the store does not answer, which is not
    /// waited for here. After <see cref="FaultKind.Unreachable"/> the commit may have happened: positions tell.
    /// </exception>
    public async ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken)
    {
        var result = await _committer.CommitAsync(transaction, cancellationToken);
        if (result is CommitResult.Committed committed) _checkpoints.AfterCommit(committed.Snapshot);
        return result;
    }

    /// <summary>The table's schema after a commit that needs these columns.</summary>
    /// <exception cref="PipelineException">They contradict the table's; the message is the diff.</exception>
    public Schema SchemaWith(Schema needed) => SchemaEvolution.Merge(Path, Current.Schema, needed);

    /// <summary>The actions of the commits in <c>(after, upTo]</c>, one list a version, in order; for incremental readers.</summary>
    /// <exception cref="PipelineException">A version is not there (any more).</exception>
    public async IAsyncEnumerable<(long Version, IReadOnlyList<DeltaAction> Actions)> ChangesAsync(long after, long upTo,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var version = after + 1; version <= upTo; version++)
        {
            var actions = await Handle.Log.TryReadCommitAsync(version, cancellationToken)
                ?? throw new PipelineException(FaultKind.Missing, $"Table {Path}", $"the changes of version {version} are not in its log (any more)",
                    "Read the whole table instead.");
            yield return (version, actions);
        }
    }

    /// <summary>Commits newest first.</summary>
    public async IAsyncEnumerable<(long Version, CommitInfo? Info)> HistoryAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var newest = await RefreshAsync(cancellationToken);
        for (var version = newest.Version; version >= 0; version--)
        {
            if (await Handle.Log.TryReadCommitAsync(version, cancellationToken) is not { } actions) yield break;
            yield return (version, actions.OfType<CommitInfo>().FirstOrDefault());
        }
    }

    /// <summary>The commits that the log still has, the oldest first, with when the store received each. Reads none of them: costs a listing.</summary>
    public async ValueTask<IReadOnlyList<(long Version, DateTimeOffset StoredAt)>> CommitTimesAsync(CancellationToken cancellationToken) =>
        [.. (await Handle.Log.ListAsync(0, cancellationToken)).Commits.Select(commit => (commit.Version, commit.ModifiedAt))];

    /// <summary>What a commit did; null when the log no longer has it.</summary>
    public ValueTask<IReadOnlyList<DeltaAction>?> TryReadCommitAsync(long version, CancellationToken cancellationToken) => Handle.Log.TryReadCommitAsync(version, cancellationToken);

    /// <summary>Starts a data file for this table; not part of it until its <see cref="AddFile"/> is committed.</summary>
    /// <param name="schema">The columns of the file; partition columns may be among them and are left out.</param>
    /// <param name="partitionValues">A value for each partition column of the table.</param>
    public ValueTask<DataFileWriter> OpenDataFileAsync(Schema schema, IReadOnlyDictionary<string, string?> partitionValues, DataFileOptions options,
        CancellationToken cancellationToken) => DataFiles.OpenAsync(Handle, schema, partitionValues, options, cancellationToken);

    /// <summary>Until disposed, vacuum in this process deletes none of the snapshot's files.</summary>
    public IDisposable Pin(Snapshot snapshot) => SnapshotPins.Add(Handle, snapshot);
}
