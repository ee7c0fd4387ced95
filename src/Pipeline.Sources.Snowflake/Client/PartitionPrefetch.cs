using Pipeline.Core;

namespace Pipeline.Sources.Snowflake.Client;

/// <summary>
/// The partitions of a result after the first, in order, fetched in parallel: at most so many at a time and at most so
/// many bytes ahead of the reader (one is always fetched, however large).
/// </summary>
internal sealed class PartitionPrefetch(SnowflakeClient client, string thing, StatementResult result, int readersMax, long bytesMax,
    SnowflakeMetrics metrics, CancellationToken cancellationToken) : IAsyncDisposable
{
    private readonly Queue<(Task<ResponseBody> Body, long Bytes)> _fetching = new();
    private readonly CancellationTokenSource _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
    private int _next = 1;
    private long _bytesAhead;
    private long _bytesGiven;

    /// <summary>The next partition; null after the last. The caller disposes it before it asks for another.</summary>
    public async ValueTask<ResponseBody?> NextAsync()
    {
        Count(-_bytesGiven);
        _bytesGiven = 0;
        Fetch();
        if (!_fetching.TryDequeue(out var first)) return null;
        _bytesGiven = first.Bytes;
        return await first.Body;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        var defects = new List<Exception?>();
        foreach (var (fetch, _) in _fetching)
        {
            // Nobody wants it any more, nor to know why it did not come.
            var failure = await Background.FailureAsync(async _ => (await fetch).Dispose(), _stop.Token);
            if (failure is not PipelineException) defects.Add(failure);
        }

        Count(-_bytesAhead);
        _fetching.Clear();
        _stop.Dispose();
        Background.ThrowIfAny([.. defects]);
    }

    private void Count(long bytes)
    {
        _bytesAhead += bytes;
        metrics.Ahead(bytes);
    }

    private void Fetch()
    {
        var partitions = result.Metadata.Partitions;
        while (_next < partitions.Count && _fetching.Count < readersMax && (_fetching.Count == 0 || _bytesAhead + partitions[_next].Bytes <= bytesMax))
        {
            var bytes = partitions[_next].Bytes;
            Count(bytes);
            _fetching.Enqueue((client.PartitionAsync(thing, result.Handle, _next, _stop.Token), bytes));
            _next++;
        }
    }
}
