using Pipeline.Delta.Storage;

namespace Pipeline.Transform.Tests;

/// <summary>A store without local paths, as a bucket is: files must be fetched to be read and uploaded when written.</summary>
internal sealed class RemoteStore(IObjectStore inner) : IObjectStore
{
    public string Location => inner.Location;

    /// <summary>Awaited before an object is put if there is none; null: nothing is.</summary>
    public Func<string, CancellationToken, Task>? BeforePutIfAbsent { get; set; }

    public string? LocalPath(string path) => null;

    public async ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        if (BeforePutIfAbsent is { } before) await before(path, cancellationToken);
        return await inner.PutIfAbsentAsync(path, content, cancellationToken);
    }

    public ValueTask PutAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => inner.PutAsync(path, content, cancellationToken);

    public ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken) => inner.OpenUploadAsync(path, cancellationToken);

    public ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken) => inner.TryGetAsync(path, cancellationToken);

    public ValueTask<ObjectInfo?> TryStatAsync(string path, CancellationToken cancellationToken) => inner.TryStatAsync(path, cancellationToken);

    public ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken) => inner.GetRangeAsync(path, offset, length, cancellationToken);

    public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, string? startAt, CancellationToken cancellationToken) => inner.ListAsync(prefix, startAt, cancellationToken);

    public ValueTask DeleteAsync(string path, CancellationToken cancellationToken) => inner.DeleteAsync(path, cancellationToken);

    public IAsyncEnumerable<UnfinishedUpload> ListUnfinishedAsync(string prefix, CancellationToken cancellationToken) => inner.ListUnfinishedAsync(prefix, cancellationToken);

    public ValueTask AbandonAsync(UnfinishedUpload upload, CancellationToken cancellationToken) => inner.AbandonAsync(upload, cancellationToken);
}
