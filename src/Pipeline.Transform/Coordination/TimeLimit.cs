using Pipeline.Core;

namespace Pipeline.Transform.Coordination;

/// <summary>
/// Bounds the time of a job's work, so that one without an end does not keep others from their turn. At its end the work is
/// cancelled; what does not obey is left alone, and refused by its table should it commit after all.
/// </summary>
internal sealed class TimeLimit(TimeSpan max, TimeProvider time)
{
    /// <summary>How long cancelled work may take to end.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(30);

    /// <param name="isDivisible">Whether less of it can be done at a time; otherwise it is what it asks that takes so long.</param>
    /// <exception cref="PipelineException">The work has taken longer.</exception>
    public async ValueTask<T> RunAsync<T>(string thing, string what, Func<CancellationToken, ValueTask<T>> work, CancellationToken stopping, bool isDivisible = true)
    {
        using var limit = new CancellationTokenSource(max, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stopping);
        try
        {
            return await work(either.Token).AsTask().WaitAsync(max + Grace, time, CancellationToken.None);
        }
        catch (Exception e) when (limit.IsCancellationRequested && !stopping.IsCancellationRequested && e is OperationCanceledException or TimeoutException)
        {
            throw new PipelineException(isDivisible ? FaultKind.TooLarge : FaultKind.Unreachable, thing, $"{what} has taken more than {max.TotalSeconds:#,0} s and was cancelled",
                $"If it needs longer, raise transform.job-time-max; if it has no end, {(isDivisible ? "correct the SQL" : "look at the lake's store: it does not answer")}.", e);
        }
    }
}
