using Apache.Arrow;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta;

/// <summary>A Delta Lake table in a store. Safe to use from several threads; other processes may write it too.</summary>
public sealed class DeltaTable
{
    private DeltaTable(IObjectStore store, string path, TimeProvider time)
    {
        Store = store;
        Path = path;
        Time = time;
    }

    public IObjectStore Store { get; }

    /// <summary>The table's directory below the store's root.</summary>
    public string Path { get; }

    internal TimeProvider Time { get; }

    /// <summary>The newest snapshot this object has seen.</summary>
    public Snapshot Current => throw new NotImplementedException();

    /// <summary>Opens a table; null when there is none.</summary>
    public static ValueTask<DeltaTable?> TryOpenAsync(IObjectStore store, string path, TimeProvider time, CancellationToken cancellationToken) =>
        throw new NotImplementedException();

    /// <summary>Opens a table or creates it at version 0; safe when several do so at once.</summary>
    /// <param name="configuration">Table properties such as <c>delta.checkpointInterval</c>; for a new table only.</param>
    public static ValueTask<DeltaTable> OpenOrCreateAsync(IObjectStore store, string path, Schema schema, IReadOnlyList<string> partitionColumns,
        IReadOnlyDictionary<string, string> configuration, TimeProvider time, CancellationToken cancellationToken) =>
        throw new NotImplementedException();

    /// <summary>Reads the log from where <see cref="Current"/> is to its end.</summary>
    public ValueTask<Snapshot> RefreshAsync(CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>The table as of <paramref name="version"/>.</summary>
    public ValueTask<Snapshot> AtVersionAsync(long version, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>The table as of the last commit at or before <paramref name="at"/>.</summary>
    public ValueTask<Snapshot> AtTimeAsync(DateTimeOffset at, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Commits, rebasing over winners of a race where the isolation allows it.</summary>
    public ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>The actions of the commits in <c>(after, upTo]</c>, one list a version, in order; for incremental readers.</summary>
    public IAsyncEnumerable<(long Version, IReadOnlyList<DeltaAction> Actions)> ChangesAsync(long after, long upTo, CancellationToken cancellationToken) =>
        throw new NotImplementedException();

    /// <summary>Commits newest first.</summary>
    public IAsyncEnumerable<(long Version, CommitInfo? Info)> HistoryAsync(CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Starts a data file for this table; not part of it until its <see cref="AddFile"/> is committed.</summary>
    public ValueTask<DataFileWriter> OpenDataFileAsync(Schema schema, IReadOnlyDictionary<string, string?> partitionValues, DataFileOptions options,
        CancellationToken cancellationToken) => throw new NotImplementedException();
}
