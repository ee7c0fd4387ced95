namespace Pipeline.Core;

/// <summary>One attempt of an operation that did not settle it.</summary>
/// <param name="Failures">Attempts so far, this one included.</param>
/// <param name="Error">Null: it ended with a result that asks for another attempt.</param>
/// <param name="Pause">Until the next attempt.</param>
public readonly record struct FailedAttempt(int Failures, Exception? Error, TimeSpan Pause);

/// <summary>Tries one operation until it is settled: the only place that waits between attempts.</summary>
public static class Retry
{
    /// <summary>Runs an operation, again while it fails for reasons that may pass, as the policy says.</summary>
    /// <param name="attempt">One attempt; it may be made more than once, so it must be safe to repeat.</param>
    /// <param name="isAgain">Results that do not settle it; null: every result does. After the last attempt such a result is returned.</param>
    /// <param name="isTransient">Errors that may pass; null: a <see cref="PipelineException"/> that says so.</param>
    /// <param name="onFailure">Told of each attempt that another follows.</param>
    /// <exception cref="PipelineException">That of the last attempt; so any other exception.</exception>
    public static async Task<T> RunAsync<T>(this RetryPolicy policy, TimeProvider time, Func<CancellationToken, ValueTask<T>> attempt, CancellationToken cancellationToken,
        Func<T, bool>? isAgain = null, Func<Exception, bool>? isTransient = null, Action<FailedAttempt>? onFailure = null)
    {
        var began = time.GetTimestamp();
        TimeSpan? Next(int failures, TimeSpan? asked) => policy.Next(failures, time.GetElapsedTime(began), Random.Shared.NextDouble(), asked);
        for (var failures = 1; ; failures++)
        {
            FailedAttempt failed;
            try
            {
                var result = await attempt(cancellationToken);
                if (isAgain is null || !isAgain(result) || Next(failures, asked: null) is not { } pause) return result;
                failed = new FailedAttempt(failures, Error: null, pause);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested && (isTransient?.Invoke(e) ?? e is PipelineException { IsTransient: true })
                && Next(failures, (e as PipelineException)?.RetryAfter) is { } pause)
            {
                failed = new FailedAttempt(failures, e, pause);
            }

            onFailure?.Invoke(failed);
            await Task.Delay(failed.Pause, time, cancellationToken);
        }
    }
}
