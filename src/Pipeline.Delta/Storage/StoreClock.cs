using Pipeline.Core;

namespace Pipeline.Delta.Storage;

/// <summary>What time a store says it is, for who must not believe one clock: a file is old when its store, which has stamped it, and we agree.</summary>
public static class StoreClock
{
    private const string Path = "_pipeline/clock";

    /// <summary>The earlier of our time and the store's, which is that of an object written now.</summary>
    /// <exception cref="PipelineException">The store fails.</exception>
    public static async ValueTask<DateTimeOffset> EarlierAsync(IObjectStore store, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await store.PutAsync(Path, "{}"u8.ToArray(), cancellationToken);
        return await store.TryStatAsync(Path, cancellationToken) is { ModifiedAt: var there } && there < now ? there : now;
    }
}
