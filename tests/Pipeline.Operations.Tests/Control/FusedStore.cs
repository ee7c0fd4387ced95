using Pipeline.Delta.Storage;

namespace Pipeline.Operations.Tests.Control;

/// <summary>A store at which its process dies after so many requests: before the last one is done, or behind it and before its answer.</summary>
internal sealed class FusedStore(IObjectStore inner) : IObjectStore
{
    private int _left = int.MaxValue;
    private bool _isBehind;

    public string Location => inner.Location;

    /// <param name="requests">That are answered.</param>
    /// <param name="isBehind">Whether the next is done, though not answered.</param>
    public void Light(int requests, bool isBehind) => (_left, _isBehind) = (requests, isBehind);

    public void Mend() => (_left, IsBurnt) = (int.MaxValue, false);

    /// <summary>Whether the process has died.</summary>
    public bool IsBurnt { get; private set; }

    public string? LocalPath(string path) => inner.LocalPath(path);

    public ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => OnceAsync(() => inner.PutIfAbsentAsync(path, content, cancellationToken));

    public async ValueTask PutAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => await OnceAsync(async () =>
    {
        await inner.PutAsync(path, content, cancellationToken);
        return true;
    });

    public ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken) => OnceAsync(() => inner.OpenUploadAsync(path, cancellationToken));

    public ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken) => OnceAsync(() => inner.TryGetAsync(path, cancellationToken));

    public ValueTask<ObjectInfo?> TryStatAsync(string path, CancellationToken cancellationToken) => OnceAsync(() => inner.TryStatAsync(path, cancellationToken));

    public ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken) => OnceAsync(() => inner.GetRangeAsync(path, offset, length, cancellationToken));

    public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, string? startAt, CancellationToken cancellationToken)
    {
        Burn();
        return inner.ListAsync(prefix, startAt, cancellationToken);
    }

    public ValueTask DeleteAsync(string path, CancellationToken cancellationToken) => inner.DeleteAsync(path, cancellationToken);

    public IAsyncEnumerable<UnfinishedUpload> ListUnfinishedAsync(string prefix, CancellationToken cancellationToken) => inner.ListUnfinishedAsync(prefix, cancellationToken);

    public ValueTask AbandonAsync(UnfinishedUpload upload, CancellationToken cancellationToken) => inner.AbandonAsync(upload, cancellationToken);

    private async ValueTask<T> OnceAsync<T>(Func<ValueTask<T>> request)
    {
        if (_left == 0 && _isBehind) await request();
        Burn();
        return await request();
    }

    private void Burn()
    {
        if (_left == int.MaxValue) return;
        if (_left-- > 0) return;
        IsBurnt = true;
        throw new ProcessDiedException();
    }
}

/// <summary>Nothing of the process goes on.</summary>
internal sealed class ProcessDiedException : Exception;
