using Pipeline.Delta.Storage;

namespace Pipeline.Operations.Tests.Inspection;

/// <summary>A directory that is read as a bucket is, by requests whose bytes are counted.</summary>
internal sealed class FarStore(IObjectStore inner) : IObjectStore
{
    private long _ranged;

    /// <summary>Bytes of parts of objects that were read.</summary>
    public long Ranged => Interlocked.Read(ref _ranged);

    public string Location => inner.Location;

    public string? LocalPath(string path) => null;

    public ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => inner.PutIfAbsentAsync(path, content, cancellationToken);

    public ValueTask PutAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => inner.PutAsync(path, content, cancellationToken);

    public ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken) => inner.OpenUploadAsync(path, cancellationToken);

    public ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken) => inner.TryGetAsync(path, cancellationToken);

    public ValueTask<ObjectInfo?> TryStatAsync(string path, CancellationToken cancellationToken) => inner.TryStatAsync(path, cancellationToken);

    public ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken)
    {
        Interlocked.Add(ref _ranged, length);
        return inner.GetRangeAsync(path, offset, length, cancellationToken);
    }

    public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, string? startAt, CancellationToken cancellationToken) => inner.ListAsync(prefix, startAt, cancellationToken);

    public ValueTask DeleteAsync(string path, CancellationToken cancellationToken) => inner.DeleteAsync(path, cancellationToken);

    public IAsyncEnumerable<UnfinishedUpload> ListUnfinishedAsync(string prefix, CancellationToken cancellationToken) => inner.ListUnfinishedAsync(prefix, cancellationToken);

    public ValueTask AbandonAsync(UnfinishedUpload upload, CancellationToken cancellationToken) => inner.AbandonAsync(upload, cancellationToken);
}
