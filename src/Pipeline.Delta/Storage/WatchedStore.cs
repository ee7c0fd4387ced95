using System.Runtime.CompilerServices;
using Pipeline.Core;

namespace Pipeline.Delta.Storage;

/// <summary>A store whose questions are told when they are not answered for long: by a bucket, by a network's file system.</summary>
internal sealed class WatchedStore(IObjectStore store, WaitWatch waits) : IObjectStore
{
    public string Location => store.Location;

    public string? LocalPath(string path) => store.LocalPath(path);

    public ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) =>
        WatchAsync("writing", path, () => store.PutIfAbsentAsync(path, content, cancellationToken));

    public async ValueTask PutAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        using var wait = Begin("writing", path);
        await store.PutAsync(path, content, cancellationToken);
    }

    public async ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken) =>
        new Upload(await WatchAsync("writing", path, () => store.OpenUploadAsync(path, cancellationToken)), () => Begin("writing", path));

    public ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken) =>
        WatchAsync("reading", path, () => store.TryGetAsync(path, cancellationToken));

    public ValueTask<ObjectInfo?> TryStatAsync(string path, CancellationToken cancellationToken) =>
        WatchAsync("looking at", path, () => store.TryStatAsync(path, cancellationToken));

    public ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken) =>
        WatchAsync("reading", path, () => store.GetRangeAsync(path, offset, length, cancellationToken));

    public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, string? startAt, CancellationToken cancellationToken) =>
        WatchAsync(prefix, store.ListAsync(prefix, startAt, cancellationToken), cancellationToken);

    public async ValueTask DeleteAsync(string path, CancellationToken cancellationToken)
    {
        using var wait = Begin("deleting", path);
        await store.DeleteAsync(path, cancellationToken);
    }

    public IAsyncEnumerable<UnfinishedUpload> ListUnfinishedAsync(string prefix, CancellationToken cancellationToken) =>
        WatchAsync(prefix, store.ListUnfinishedAsync(prefix, cancellationToken), cancellationToken);

    public async ValueTask AbandonAsync(UnfinishedUpload upload, CancellationToken cancellationToken)
    {
        using var wait = Begin("deleting", upload.Path);
        await store.AbandonAsync(upload, cancellationToken);
    }

    /// <summary>Whatever is asked of it: a store that hangs is one line.</summary>
    private Wait Begin(string verb, string path) => waits.Begin($"The store {store.Location}", Unanswered(verb, path));

    /// <summary>Which question it was that was not answered first does not matter.</summary>
    private static WaitReason Unanswered(string verb, string path) => new($"{verb} {path} is not answered", "no answer") { NextStep = "Look whether it is well and can be reached from this node." };

    private async ValueTask<T> WatchAsync<T>(string verb, string path, Func<ValueTask<T>> ask)
    {
        using var wait = Begin(verb, path);
        return await ask();
    }

    /// <summary>Whoever takes its time between two objects is not waited for.</summary>
    private async IAsyncEnumerable<T> WatchAsync<T>(string prefix, IAsyncEnumerable<T> listing, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var wait = waits.Open($"The store {store.Location}");
        await using var items = listing.GetAsyncEnumerator(cancellationToken);
        while (true)
        {
            wait.Begin(Unanswered("listing", prefix));
            var isMore = await items.MoveNextAsync();
            wait.End();
            if (!isMore) yield break;
            yield return items.Current;
        }
    }

    private sealed class Upload(ObjectUpload upload, Func<Wait> begin) : ObjectUpload
    {
        public override Stream Content => upload.Content;

        public override async ValueTask<long> CompleteAsync(CancellationToken cancellationToken)
        {
            using var wait = begin();
            return await upload.CompleteAsync(cancellationToken);
        }

        public override ValueTask DisposeAsync() => upload.DisposeAsync();
    }
}
