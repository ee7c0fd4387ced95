using System.Runtime.CompilerServices;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Tests.Storage;

/// <summary>Objects in memory: a bucket without a network, for tests of many small tables.</summary>
internal sealed class MemoryStore : IObjectStore
{
    private readonly Lock _lock = new();
    private readonly DateTimeOffset _madeAt = TimeProvider.System.GetUtcNow();
    private readonly SortedDictionary<string, byte[]> _objects = new(StringComparer.Ordinal);

    public string Location => "memory:";

    /// <summary>Of all objects, in their order.</summary>
    public IReadOnlyList<string> Paths
    {
        get
        {
            lock (_lock) return [.. _objects.Keys];
        }
    }

    /// <summary>As of a bucket that was emptied.</summary>
    public void Clear()
    {
        lock (_lock) _objects.Clear();
    }

    public string? LocalPath(string path) => null;

    public ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        lock (_lock) return new(_objects.TryAdd(path, content.ToArray()) ? PutOutcome.Created : PutOutcome.Exists);
    }

    public ValueTask PutAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        lock (_lock) _objects[path] = content.ToArray();
        return ValueTask.CompletedTask;
    }

    public ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken) => new(new Upload(this, path));

    public ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken)
    {
        lock (_lock) return new(_objects.GetValueOrDefault(path));
    }

    public ValueTask<ObjectInfo?> TryStatAsync(string path, CancellationToken cancellationToken)
    {
        lock (_lock) return new(_objects.TryGetValue(path, out var content) ? new ObjectInfo(path, content.Length, _madeAt) : null);
    }

    public ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return new(_objects.TryGetValue(path, out var content)
                ? content.AsSpan((int)offset, length).ToArray()
                : throw new PipelineException(FaultKind.Missing, path, "it does not exist", "Look elsewhere."));
        }
    }

    public async IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, string? startAt, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        List<ObjectInfo> found;
        lock (_lock)
        {
            found = [.. _objects.Where(entry => entry.Key.StartsWith(prefix, StringComparison.Ordinal) && string.CompareOrdinal(entry.Key, startAt) >= 0)
                .Select(entry => new ObjectInfo(entry.Key, entry.Value.Length, _madeAt))];
        }

        foreach (var info in found) yield return info;
    }

    public ValueTask DeleteAsync(string path, CancellationToken cancellationToken)
    {
        lock (_lock) _objects.Remove(path);
        return ValueTask.CompletedTask;
    }

    public IAsyncEnumerable<UnfinishedUpload> ListUnfinishedAsync(string prefix, CancellationToken cancellationToken) => AsyncEnumerable.Empty<UnfinishedUpload>();

    public ValueTask AbandonAsync(UnfinishedUpload upload, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    private sealed class Upload(MemoryStore store, string path) : ObjectUpload
    {
        private readonly MemoryStream _content = new();

        public override Stream Content => _content;

        public override async ValueTask<long> CompleteAsync(CancellationToken cancellationToken)
        {
            await store.PutAsync(path, _content.ToArray(), cancellationToken);
            return _content.Length;
        }

        public override ValueTask DisposeAsync() => _content.DisposeAsync();
    }
}
