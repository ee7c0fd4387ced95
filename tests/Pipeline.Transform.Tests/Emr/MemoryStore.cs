using System.Runtime.CompilerServices;
using Pipeline.Delta.Storage;

namespace Pipeline.Transform.Tests.Emr;

/// <summary>Small objects in memory, as a bucket has them: each operation is one moment.</summary>
internal sealed class MemoryStore : IObjectStore
{
    private readonly SortedDictionary<string, byte[]> _objects = new(StringComparer.Ordinal);

    /// <summary>When an object was written.</summary>
    public Func<string, DateTimeOffset> ModifiedAt { get; init; } = _ => default;

    public IReadOnlyList<string> Paths => [.. _objects.Keys];

    public string Location => "s3://simulated";

    public string? LocalPath(string path) => null;

    public ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) =>
        ValueTask.FromResult(_objects.TryAdd(path, content.ToArray()) ? PutOutcome.Created : PutOutcome.Exists);

    public ValueTask PutAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        _objects[path] = content.ToArray();
        return ValueTask.CompletedTask;
    }

    public ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken) => ValueTask.FromResult(_objects.GetValueOrDefault(path));

    public ValueTask<ObjectInfo?> TryStatAsync(string path, CancellationToken cancellationToken) =>
        ValueTask.FromResult<ObjectInfo?>(_objects.TryGetValue(path, out var found) ? new ObjectInfo(path, found.Length, default) : null);

    public ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken) => ValueTask.FromResult(_objects[path].AsSpan((int)offset, length).ToArray());

    public async IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, string? startAt, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        foreach (var (path, content) in _objects.Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal) && string.CompareOrdinal(pair.Key, startAt) >= 0).ToList())
            yield return new ObjectInfo(path, content.Length, ModifiedAt(path));
    }

    public ValueTask DeleteAsync(string path, CancellationToken cancellationToken)
    {
        _objects.Remove(path);
        return ValueTask.CompletedTask;
    }

    public async IAsyncEnumerable<UnfinishedUpload> ListUnfinishedAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        yield break;
    }

    public ValueTask AbandonAsync(UnfinishedUpload upload, CancellationToken cancellationToken) => ValueTask.CompletedTask;
}
