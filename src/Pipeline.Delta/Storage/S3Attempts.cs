using Pipeline.Core;

namespace Pipeline.Delta.Storage;

/// <summary>Makes a request again while its failures are transient, with backoff and an end.</summary>
internal sealed class S3Attempts(S3Options options, TimeProvider time)
{
    /// <summary>Runs an idempotent request.</summary>
    /// <param name="thing">The object, for errors.</param>
    /// <param name="verb">What is tried, as a participle.</param>
    /// <param name="attempt">One attempt; its token ends it at its time limit.</param>
    /// <param name="expected">Turns a failure that is an answer into a result; null: it is none.</param>
    /// <exception cref="PipelineException">A permanent failure, or attempts are used up.</exception>
    public async ValueTask<T> RunAsync<T>(string thing, string verb, Func<CancellationToken, Task<T>> attempt, Func<S3Fault, Answer<T>?> expected,
        CancellationToken cancellationToken)
    {
        for (var failures = 1; ; failures++)
        {
            Exception failure;
            S3Fault fault;
            using (var timeout = new CancellationTokenSource(options.RequestTimeout, time))
            using (var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken))
            {
                try
                {
                    return await attempt(linked.Token);
                }
                catch (Exception e) when (S3Faults.Classify(e, cancellationToken) is { } found)
                {
                    (failure, fault) = (e, found);
                }
            }

            if (expected(fault) is { } answer) return answer.Value;
            if (fault is not (S3Fault.Transient or S3Fault.Conflict) || failures == options.AttemptsMax)
                throw S3Faults.Explain(thing, verb, options, failure);
            await DelayAsync(failures, cancellationToken);
        }
    }

    public Task DelayAsync(int failures, CancellationToken cancellationToken)
    {
        var ceiling = Math.Min(options.BackoffMax.TotalMilliseconds, options.BackoffMin.TotalMilliseconds * Math.Pow(2, Math.Min(failures - 1, 16)));
        return Task.Delay(TimeSpan.FromMilliseconds(ceiling * (0.5 + Random.Shared.NextDouble() / 2)), time, cancellationToken);
    }

    /// <summary>A result that came as a failure; its value may be null.</summary>
    internal sealed record Answer<T>(T Value);
}
