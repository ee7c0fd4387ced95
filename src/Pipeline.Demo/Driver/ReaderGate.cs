using Pipeline.Core;

namespace Pipeline.Demo.Driver;

/// <summary>
/// Waits until the pipeline has read something, by looking at the lake again and again. While that is away nothing is seen to
/// have been read: the pipeline says why, and the patience is the same.
/// </summary>
/// <param name="patience">How long the pipeline may make no progress before the wait is given up.</param>
internal sealed class ReaderGate(IReaderProgress progress, TimeProvider time, TimeSpan patience)
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>Waits for the first <paramref name="rows"/> rows of a Bronze table.</summary>
    /// <exception cref="PipelineException">The table has not grown for longer than the patience.</exception>
    public Task WaitForRowsAsync(TableId table, long rows, CancellationToken cancellationToken) =>
        WaitAsync(table, cancel => progress.RowsAsync(table, cancel), read => read >= rows, cancellationToken);

    /// <summary>Waits for a position at which <paramref name="isEnough"/> holds; answers with it. 0 is the beginning.</summary>
    public Task<long> WaitForPositionAsync(TableId table, SplitId split, Func<long, bool> isEnough, CancellationToken cancellationToken) =>
        WaitAsync(table, async cancel => await progress.PositionAsync(table, split, cancel) ?? 0, isEnough, cancellationToken);

    private async Task<long> WaitAsync(TableId table, Func<CancellationToken, ValueTask<long>> read, Func<long, bool> isEnough, CancellationToken cancellationToken)
    {
        var last = await TryReadAsync(read, unknown: 0, cancellationToken);
        if (isEnough(last)) return last;
        var progressedAt = time.GetTimestamp();
        using var timer = new PeriodicTimer(LookInterval, time);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            var now = await TryReadAsync(read, unknown: last, cancellationToken);
            if (isEnough(now)) return now;
            if (now != last) (last, progressedAt) = (now, time.GetTimestamp());
            if (time.GetElapsedTime(progressedAt) > patience)
                throw new PipelineException(FaultKind.Unreachable, $"The generator of {table}",
                    $"the pipeline has not read on from {last} for {patience.TotalSeconds:0} s",
                    $"See the log for what stops the ingest of {table}, then start again with --resume.");
        }

        throw new OperationCanceledException(cancellationToken);
    }

    private static async Task<long> TryReadAsync(Func<CancellationToken, ValueTask<long>> read, long unknown, CancellationToken cancellationToken)
    {
        try
        {
            return await read(cancellationToken);
        }
        catch (PipelineException) when (!cancellationToken.IsCancellationRequested)
        {
            return unknown;
        }
    }
}
