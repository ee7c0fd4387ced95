using Pipeline.Delta.Storage;

namespace Pipeline.Node.Tests.Cli;

/// <summary>A store whose first file is opened when somebody else has done something.</summary>
internal sealed class OvertakenStore(IObjectStore inner, Func<Task> overtake) : IObjectStore
{
    private int _isOvertaken;

    public string Location => inner.Location;

    public string? LocalPath(string path) => inner.LocalPath(path);

    public ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => inner.PutIfAbsentAsync(path, content, cancellationToken);

    public ValueTask PutAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => inner.PutAsync(path, content, cancellationToken);

    public async ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _isOvertaken, 1) == 0) await overtake();
        return await inner.OpenUploadAsync(path, cancellationToken);
    }

    public ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken) => inner.TryGetAsync(path, cancellationToken);

    public ValueTask<ObjectInfo?> TryStatAsync(string path, CancellationToken cancellationToken) => inner.TryStatAsync(path, cancellationToken);

    public ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken) => inner.GetRangeAsync(path, offset, length, cancellationToken);

    public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, string? startAt, CancellationToken cancellationToken) => inner.ListAsync(prefix, startAt, cancellationToken);

    public ValueTask DeleteAsync(string path, CancellationToken cancellationToken) => inner.DeleteAsync(path, cancellationToken);

    public IAsyncEnumerable<UnfinishedUpload> ListUnfinishedAsync(string prefix, CancellationToken cancellationToken) => inner.ListUnfinishedAsync(prefix, cancellationToken);

    public ValueTask AbandonAsync(UnfinishedUpload upload, CancellationToken cancellationToken) => inner.AbandonAsync(upload, cancellationToken);
}
