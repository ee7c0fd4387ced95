using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Tests.Storage;

/// <summary>A lake whose store does not answer, and does not refuse, says so.</summary>
public sealed class WatchedStoreSpec
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private readonly FakeTimeProvider _time = new();
    private readonly List<WaitNotice> _said = [];

    [Fact]
    public async Task A_store_that_hangs_is_one_line_whatever_is_asked_of_it_and_one_when_it_answers()
    {
        using var watch = new WaitWatch(_time, _said.Add);
        var hung = new HungStore(new MemoryStore());
        var store = new Lake(hung, _time).Telling(NullLoggerFactory.Instance, watch).Store;
        Task[] asked =
        [
            store.TryGetAsync("a", Cancel).AsTask(), store.PutIfAbsentAsync("b", new byte[1], Cancel).AsTask(), store.PutAsync("c", new byte[1], Cancel).AsTask(),
            store.DeleteAsync("d", Cancel).AsTask(), store.TryStatAsync("e", Cancel).AsTask(), store.GetRangeAsync("c", 0, 1, Cancel).AsTask(),
            store.OpenUploadAsync("f", Cancel).AsTask(), ListAsync(store),
        ];
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.Empty(_said);
        _time.Advance(TimeSpan.FromMinutes(9));

        var waits = Assert.Single(_said);
        Assert.Contains(store.Location, waits.Thing, StringComparison.Ordinal);
        Assert.EndsWith("is not answered. Look whether it is well and can be reached from this node", waits.Reason, StringComparison.Ordinal);

        hung.Answer();
        await Task.WhenAll(asked);
        Assert.Equal([false, true], _said.Select(notice => notice.IsOver));
        Assert.Equal(0, watch.Count);
    }

    private static async Task ListAsync(IObjectStore store)
    {
        await foreach (var _ in store.ListAsync("", null, Cancel))
        {
            // Only that it ends counts.
        }
    }

    private sealed class HungStore(IObjectStore inner) : StoreDecorator(inner)
    {
        private readonly TaskCompletionSource _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Answer() => _answer.SetResult();

        public override async ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
        {
            await _answer.Task;
            return await Inner.PutIfAbsentAsync(path, content, cancellationToken);
        }

        public override async ValueTask PutAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
        {
            await Inner.PutAsync(path, content, cancellationToken);
            await _answer.Task;
        }

        public override async ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken)
        {
            await _answer.Task;
            return await Inner.OpenUploadAsync(path, cancellationToken);
        }

        public override async ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken)
        {
            await _answer.Task;
            return await Inner.TryGetAsync(path, cancellationToken);
        }

        public override async ValueTask<ObjectInfo?> TryStatAsync(string path, CancellationToken cancellationToken)
        {
            await _answer.Task;
            return await Inner.TryStatAsync(path, cancellationToken);
        }

        public override async ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken)
        {
            await _answer.Task;
            return await Inner.GetRangeAsync(path, offset, length, cancellationToken);
        }

        public override async IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, string? startAt, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await _answer.Task;
            await foreach (var found in Inner.ListAsync(prefix, startAt, cancellationToken)) yield return found;
        }

        public override async ValueTask DeleteAsync(string path, CancellationToken cancellationToken)
        {
            await _answer.Task;
            await Inner.DeleteAsync(path, cancellationToken);
        }
    }
}
