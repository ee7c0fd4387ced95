using System.Collections.Concurrent;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Ingest.Tests;

/// <summary>A store that can go away as a whole; every request then fails at once, under its own object's name, and is counted.</summary>
internal sealed class AwayStore(IObjectStore inner) : IObjectStore
{
    private int _missed;

    public bool IsAway { get; set; }

    /// <summary>Requests that were made while it was away.</summary>
    public int Missed => Volatile.Read(ref _missed);

    /// <summary>What was asked for, whether it was away or not.</summary>
    public ConcurrentQueue<string> Asked { get; } = new();

    public string Location => inner.Location;

    public string? LocalPath(string path) => inner.LocalPath(path);

    public ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) =>
        Here(path).PutIfAbsentAsync(path, content, cancellationToken);

    public ValueTask PutAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => Here(path).PutAsync(path, content, cancellationToken);

    public ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken) => Here(path).OpenUploadAsync(path, cancellationToken);

    public ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken) => Here(path).TryGetAsync(path, cancellationToken);

    public ValueTask<ObjectInfo?> TryStatAsync(string path, CancellationToken cancellationToken) => Here(path).TryStatAsync(path, cancellationToken);

    public ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken) =>
        Here(path).GetRangeAsync(path, offset, length, cancellationToken);

    public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, string? startAt, CancellationToken cancellationToken) => Here(prefix).ListAsync(prefix, startAt, cancellationToken);

    public ValueTask DeleteAsync(string path, CancellationToken cancellationToken) => Here(path).DeleteAsync(path, cancellationToken);

    public IAsyncEnumerable<UnfinishedUpload> ListUnfinishedAsync(string prefix, CancellationToken cancellationToken) => Here(prefix).ListUnfinishedAsync(prefix, cancellationToken);

    public ValueTask AbandonAsync(UnfinishedUpload upload, CancellationToken cancellationToken) => Here(upload.Path).AbandonAsync(upload, cancellationToken);

    private IObjectStore Here(string path)
    {
        Asked.Enqueue(path);
        if (!IsAway) return inner;
        Interlocked.Increment(ref _missed);
        throw new PipelineException(FaultKind.Unreachable, $"Object {path}", "connection refused", "Check the network path.") { Dependency = $"Lake {Location}" };
    }
}
