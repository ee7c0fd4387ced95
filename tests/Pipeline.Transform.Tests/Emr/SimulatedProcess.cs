using System.Runtime.CompilerServices;
using Pipeline.Delta.Storage;

namespace Pipeline.Transform.Tests.Emr;

/// <summary>
/// A process that may die, or stand still, before and after whatever it does to the world outside: from its death on nothing that it
/// does has an effect, and nothing that it waits for comes.
/// </summary>
/// <param name="fate">What happens at the next thing that it does.</param>
internal sealed class SimulatedProcess(TimeProvider time, Func<(Mishap Mishap, TimeSpan For)> fate, Action<SimulatedProcess> died)
{
    private readonly int _thread = Environment.CurrentManagedThreadId;

    public bool IsDead { get; private set; }

    public void Kill()
    {
        if (IsDead) return;
        IsDead = true;
        died(this);
    }

    /// <summary>Does something to the world outside.</summary>
    public async Task<T> DoAsync<T>(Func<Task<T>> act)
    {
        if (Environment.CurrentManagedThreadId != _thread) throw new InvalidOperationException($"Something went on on another thread: {Environment.StackTrace}");
        if (IsDead) await NeverAsync();
        var (mishap, span) = fate();
        switch (mishap)
        {
            case Mishap.DiesBefore:
                Kill();
                break;
            case Mishap.StandsStillBefore:
                await Task.Delay(span, time, CancellationToken.None);
                break;
        }

        if (IsDead) await NeverAsync();
        T result;
        try
        {
            result = await act();
        }
        finally
        {
            if (mishap == Mishap.DiesAfter) Kill();
            if (mishap == Mishap.StandsStillAfter) await Task.Delay(span, time, CancellationToken.None);
            if (IsDead) await NeverAsync();
        }

        return result;
    }

    private static Task NeverAsync() => new TaskCompletionSource().Task;
}

/// <summary>What becomes of a process at something that it does.</summary>
internal enum Mishap
{
    None,
    DiesBefore,
    DiesAfter,
    StandsStillBefore,
    StandsStillAfter,
}

/// <summary>The store as a process uses it.</summary>
internal sealed class ProcessStore(SimulatedProcess process, IObjectStore inner) : IObjectStore
{
    public string Location => inner.Location;

    public string? LocalPath(string path) => inner.LocalPath(path);

    public ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) =>
        new(process.DoAsync(() => inner.PutIfAbsentAsync(path, content, cancellationToken).AsTask()));

    public ValueTask PutAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => new(process.DoAsync(async () =>
    {
        await inner.PutAsync(path, content, cancellationToken);
        return true;
    }));

    public ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken) => inner.OpenUploadAsync(path, cancellationToken);

    public ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken) => new(process.DoAsync(() => inner.TryGetAsync(path, cancellationToken).AsTask()));

    public ValueTask<ObjectInfo?> TryStatAsync(string path, CancellationToken cancellationToken) => new(process.DoAsync(() => inner.TryStatAsync(path, cancellationToken).AsTask()));

    public ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken) => inner.GetRangeAsync(path, offset, length, cancellationToken);

    public async IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, string? startAt, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await process.DoAsync(() => Task.FromResult(true));
        await foreach (var found in inner.ListAsync(prefix, startAt, cancellationToken)) yield return found;
    }

    public ValueTask DeleteAsync(string path, CancellationToken cancellationToken) => inner.DeleteAsync(path, cancellationToken);

    public IAsyncEnumerable<UnfinishedUpload> ListUnfinishedAsync(string prefix, CancellationToken cancellationToken) => inner.ListUnfinishedAsync(prefix, cancellationToken);

    public ValueTask AbandonAsync(UnfinishedUpload upload, CancellationToken cancellationToken) => inner.AbandonAsync(upload, cancellationToken);
}

/// <summary>The network as a process uses it.</summary>
internal sealed class ProcessTransport(SimulatedProcess process, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        process.DoAsync(() => base.SendAsync(request, cancellationToken));
}
