namespace Pipeline.Delta.Storage;

/// <summary>An object below a store's root: its path with forward slashes, size in bytes, time of writing.</summary>
public readonly record struct ObjectInfo(string Path, long Size, DateTimeOffset ModifiedAt);

/// <summary>What a writer that was cut off has left: an upload that was begun and neither completed nor given up.</summary>
/// <param name="Path">The object that it would have become.</param>
/// <param name="Id">The store's own name for it.</param>
/// <param name="Size">Bytes; 0 where the store does not say.</param>
/// <param name="ModifiedAt">When it was last written to, or begun where the store does not say.</param>
public readonly record struct UnfinishedUpload(string Path, string Id, long Size, DateTimeOffset ModifiedAt);

/// <summary>What became of a conditional write.</summary>
public enum PutOutcome
{
    /// <summary>The object is there, whole, and it is ours.</summary>
    Created,

    /// <summary>Another object was there first; it is untouched.</summary>
    Exists,

    /// <summary>The answer was lost: it may or may not be there. Read it back to find out.</summary>
    Ambiguous,
}

/// <summary>
/// The few operations a Delta table needs from a file system or bucket. Paths are relative to the store's root, with
/// forward slashes, not URI-encoded.
/// </summary>
/// <remarks>Errors are <see cref="Pipeline.Core.PipelineException"/> that name the object.</remarks>
public interface IObjectStore
{
    /// <summary>Where the store is, for messages and links: <c>/data/lake</c> or <c>s3://bucket/prefix</c>.</summary>
    string Location { get; }

    /// <summary>Where the store is that has a path, where parts of this one lie elsewhere: for messages, and for paths that begin with it.</summary>
    string LocationOf(string path) => Location;

    /// <summary>The store that has a path, where that is another: it has it under the same path.</summary>
    /// <exception cref="Pipeline.Core.PipelineException">Where the path lies cannot be found out.</exception>
    ValueTask<IObjectStore> StoreOfAsync(string path, CancellationToken cancellationToken) => new(this);

    /// <summary>The path in the local file system, or null: lets DuckDB read files in place.</summary>
    string? LocalPath(string path);

    /// <summary>Writes an object only if there is none of that name; readers never see a part of it.</summary>
    ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    /// <summary>Writes or replaces an object; readers see the old or the new one, whole.</summary>
    ValueTask PutAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    /// <summary>A new large object, streamed with bounded memory; it appears when completed.</summary>
    ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken);

    /// <summary>The whole object; null when there is none.</summary>
    ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken);

    /// <summary>Size and time; null when there is no such object.</summary>
    ValueTask<ObjectInfo?> TryStatAsync(string path, CancellationToken cancellationToken);

    /// <summary>A part of an object.</summary>
    ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken);

    /// <summary>
    /// Objects whose path begins with <paramref name="prefix"/>, in ordinal order of their paths, from
    /// <paramref name="startAt"/> (inclusive) when given. Recursive. An empty directory is listed with a slash at its end:
    /// where an object should be, it is damage.
    /// </summary>
    IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, string? startAt, CancellationToken cancellationToken);

    /// <summary>Removes an object; nothing happens when there is none.</summary>
    ValueTask DeleteAsync(string path, CancellationToken cancellationToken);

    /// <summary>
    /// Uploads of ours below a prefix that are not complete. Where the store can tell (a local disk), those that a running
    /// process still writes are left out; elsewhere only their age tells.
    /// </summary>
    IAsyncEnumerable<UnfinishedUpload> ListUnfinishedAsync(string prefix, CancellationToken cancellationToken);

    /// <summary>Removes what an unfinished upload holds; nothing happens when it is gone.</summary>
    ValueTask AbandonAsync(UnfinishedUpload upload, CancellationToken cancellationToken);
}

/// <summary>An object being written. Disposed without <see cref="CompleteAsync"/> it leaves nothing behind.</summary>
public abstract class ObjectUpload : IAsyncDisposable
{
    /// <summary>Where to write; not seekable.</summary>
    public abstract Stream Content { get; }

    /// <summary>Makes the object durable and visible; returns its size.</summary>
    public abstract ValueTask<long> CompleteAsync(CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();
}
