using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Ingest.Tests;

/// <summary>
/// A store that now and then fails before or after it has acted, answers late, loses the answer of a conditional write, or
/// is full. Which request fares how is random, from a seed.
/// </summary>
internal sealed class UnreliableStore(IObjectStore inner, int seed) : IObjectStore
{
    private readonly Lock _lock = new();
    private readonly Random _random = new(seed);

    /// <summary>Share of requests that fail, and of those that are late.</summary>
    public double FaultRate { get; set; }

    /// <summary>What a request for a path throws; null: nothing.</summary>
    public Func<string, Exception?>? Break { get; set; }

    /// <summary>Nothing more can be written.</summary>
    public bool IsFull { get; set; }

    /// <summary>Failures so far.</summary>
    public int Failures { get; private set; }

    public string Location => inner.Location;

    public string? LocalPath(string path) => inner.LocalPath(path);

    public async ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        ThrowIfFull(path);
        await MaybeAsync(path, cancellationToken);
        if (Happens()) return PutOutcome.Ambiguous;
        var outcome = await inner.PutIfAbsentAsync(path, content, cancellationToken);
        return outcome == PutOutcome.Created && Happens() ? PutOutcome.Ambiguous : outcome;
    }

    public async ValueTask PutAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        ThrowIfFull(path);
        await MaybeAsync(path, cancellationToken);
        await inner.PutAsync(path, content, cancellationToken);
        await MaybeAsync(path, cancellationToken);
    }

    public async ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken)
    {
        ThrowIfFull(path);
        await MaybeAsync(path, cancellationToken);
        return new Upload(this, path, await inner.OpenUploadAsync(path, cancellationToken));
    }

    public async ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken)
    {
        await MaybeAsync(path, cancellationToken);
        return await inner.TryGetAsync(path, cancellationToken);
    }

    public async ValueTask<ObjectInfo?> TryStatAsync(string path, CancellationToken cancellationToken)
    {
        await MaybeAsync(path, cancellationToken);
        return await inner.TryStatAsync(path, cancellationToken);
    }

    public async ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken)
    {
        await MaybeAsync(path, cancellationToken);
        return await inner.GetRangeAsync(path, offset, length, cancellationToken);
    }

    public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, string? startAt, CancellationToken cancellationToken) =>
        inner.ListAsync(prefix, startAt, cancellationToken);

    public async ValueTask DeleteAsync(string path, CancellationToken cancellationToken)
    {
        await MaybeAsync(path, cancellationToken);
        await inner.DeleteAsync(path, cancellationToken);
    }

    public IAsyncEnumerable<UnfinishedUpload> ListUnfinishedAsync(string prefix, CancellationToken cancellationToken) =>
        inner.ListUnfinishedAsync(prefix, cancellationToken);

    public ValueTask AbandonAsync(UnfinishedUpload upload, CancellationToken cancellationToken) => inner.AbandonAsync(upload, cancellationToken);

    private bool Happens()
    {
        lock (_lock)
        {
            if (_random.NextDouble() >= FaultRate) return false;
            Failures++;
            return true;
        }
    }

    /// <summary>Late, or not at all.</summary>
    private async ValueTask MaybeAsync(string path, CancellationToken cancellationToken)
    {
        if (Break?.Invoke(path) is { } broken) throw broken;
        if (Happens()) await Task.Delay(50, cancellationToken);
        if (Happens())
            throw new PipelineException(FaultKind.Unreachable, $"Object {path}", "the store did not answer", "Check the store.");
    }

    private void ThrowIfFull(string path)
    {
        if (IsFull) throw new PipelineException(FaultKind.StorageFull, $"Object {path}", "no space is left", "Make room.");
    }

    private sealed class Upload(UnreliableStore store, string path, ObjectUpload inner) : ObjectUpload
    {
        public override Stream Content => inner.Content;

        public override async ValueTask<long> CompleteAsync(CancellationToken cancellationToken)
        {
            store.ThrowIfFull(path);
            await store.MaybeAsync(path, cancellationToken);
            var size = await inner.CompleteAsync(cancellationToken);
            await store.MaybeAsync(path, cancellationToken);
            return size;
        }

        public override ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
