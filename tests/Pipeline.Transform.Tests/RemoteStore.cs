using Pipeline.Delta.Storage;

namespace Pipeline.Transform.Tests;

/// <summary>A store without local paths, as a bucket is: files must be fetched to be read and uploaded when written.</summary>
internal sealed class RemoteStore(IObjectStore inner) : IObjectStore
{
    private long _requests;

    public string Location => inner.Location;

    /// <summary>Awaited before an object is put if there is none; null: nothing is.</summary>
    public Func<string, CancellationToken, Task>? BeforePutIfAbsent { get; set; }

    /// <summary>Called before an object is looked for; null: nothing is.</summary>
    public Action<string>? BeforeStat { get; set; }

    /// <summary>Called before an object is begun to be uploaded; null: nothing is.</summary>
    public Action<string>? BeforeUpload { get; set; }

    /// <summary>What has been asked of it.</summary>
    public long Requests => Interlocked.Read(ref _requests);

    public string? LocalPath(string path) => null;

    public async ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        if (BeforePutIfAbsent is { } before) await before(path, cancellationToken);
        return await Counted.PutIfAbsentAsync(path, content, cancellationToken);
    }

    public ValueTask PutAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => Counted.PutAsync(path, content, cancellationToken);

    public ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken)
    {
        BeforeUpload?.Invoke(path);
        return Counted.OpenUploadAsync(path, cancellationToken);
    }

    public ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken) => Counted.TryGetAsync(path, cancellationToken);

    public ValueTask<ObjectInfo?> TryStatAsync(string path, CancellationToken cancellationToken)
    {
        BeforeStat?.Invoke(path);
        return Counted.TryStatAsync(path, cancellationToken);
    }

    public ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken) => Counted.GetRangeAsync(path, offset, length, cancellationToken);

    public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, string? startAt, CancellationToken cancellationToken) => Counted.ListAsync(prefix, startAt, cancellationToken);

    public ValueTask DeleteAsync(string path, CancellationToken cancellationToken) => Counted.DeleteAsync(path, cancellationToken);

    public IAsyncEnumerable<UnfinishedUpload> ListUnfinishedAsync(string prefix, CancellationToken cancellationToken) => Counted.ListUnfinishedAsync(prefix, cancellationToken);

    public ValueTask AbandonAsync(UnfinishedUpload upload, CancellationToken cancellationToken) => Counted.AbandonAsync(upload, cancellationToken);

    private IObjectStore Counted
    {
        get
        {
            Interlocked.Increment(ref _requests);
            return inner;
        }
    }
}
