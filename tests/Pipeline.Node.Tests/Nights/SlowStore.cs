using Pipeline.Delta.Storage;

namespace Pipeline.Node.Tests.Nights;

/// <summary>A store that answers no commit for a while, and then does.</summary>
internal sealed class SlowStore(IObjectStore inner) : IObjectStore
{
    private TaskCompletionSource _answers = Open();

    public string Location => inner.Location;

    public void Stall() => _answers = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void GoOn() => _answers.TrySetResult();

    public string? LocalPath(string path) => inner.LocalPath(path);

    public async ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        await _answers.Task.WaitAsync(cancellationToken);
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

    private static TaskCompletionSource Open()
    {
        var open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        open.SetResult();
        return open;
    }
}
