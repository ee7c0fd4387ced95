using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Tests.Storage;

/// <summary>A store that does what another does; tests override what they are about.</summary>
internal abstract class StoreDecorator(IObjectStore inner) : IObjectStore
{
    protected IObjectStore Inner { get; } = inner;

    public string Location => Inner.Location;

    public virtual string? LocalPath(string path) => Inner.LocalPath(path);

    public virtual ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) =>
        Inner.PutIfAbsentAsync(path, content, cancellationToken);

    public virtual ValueTask PutAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) =>
        Inner.PutAsync(path, content, cancellationToken);

    public virtual ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken) => Inner.OpenUploadAsync(path, cancellationToken);

    public virtual ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken) => Inner.TryGetAsync(path, cancellationToken);

    public virtual ValueTask<ObjectInfo?> TryStatAsync(string path, CancellationToken cancellationToken) => Inner.TryStatAsync(path, cancellationToken);

    public virtual ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken) =>
        Inner.GetRangeAsync(path, offset, length, cancellationToken);

    public virtual IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, string? startAt, CancellationToken cancellationToken) =>
        Inner.ListAsync(prefix, startAt, cancellationToken);

    public virtual ValueTask DeleteAsync(string path, CancellationToken cancellationToken) => Inner.DeleteAsync(path, cancellationToken);

    public virtual IAsyncEnumerable<UnfinishedUpload> ListUnfinishedAsync(string prefix, CancellationToken cancellationToken) =>
        Inner.ListUnfinishedAsync(prefix, cancellationToken);

    public virtual ValueTask AbandonAsync(UnfinishedUpload upload, CancellationToken cancellationToken) => Inner.AbandonAsync(upload, cancellationToken);
}
