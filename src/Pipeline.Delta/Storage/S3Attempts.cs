using Pipeline.Core;

namespace Pipeline.Delta.Storage;

/// <summary>
/// Makes one request again while its failures are transient, within a short time: hiccups end here, and a store that is
/// away is waited for by whoever wants something of it.
/// </summary>
/// <param name="location">The store, as <see cref="IObjectStore.Location"/> says it.</param>
internal sealed class S3Attempts(string location, S3Options options, TimeProvider time)
{
    /// <summary>Runs an idempotent request.</summary>
    /// <param name="thing">The object, for errors.</param>
    /// <param name="verb">What is tried, as a participle.</param>
    /// <param name="attempt">One attempt; its token ends it at its time limit.</param>
    /// <param name="expected">Turns a failure that is an answer into a result; null: it is none.</param>
    /// <exception cref="PipelineException">A permanent failure, or attempts are used up.</exception>
    public async ValueTask<T> RunAsync<T>(string thing, string verb, Func<CancellationToken, Task<T>> attempt, Func<S3Fault, Answer<T>?> expected,
        CancellationToken cancellationToken) =>
        await options.Retry.RunAsync(time, async cancel =>
        {
            using var timeout = new CancellationTokenSource(options.RequestTimeout, time);
            using var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancel);
            try
            {
                return await attempt(linked.Token);
            }
            catch (Exception e) when (S3Faults.Classify(e, cancel) is { } fault)
            {
                return expected(fault) is { } answer ? answer.Value : throw S3Faults.Explain(thing, verb, location, options, e);
            }
        }, cancellationToken, isTransient: e => e is PipelineException { InnerException: { } cause } && S3Faults.Classify(cause, cancellationToken) is S3Fault.Transient or S3Fault.Conflict);

    /// <summary>A result that came as a failure; its value may be null.</summary>
    internal sealed record Answer<T>(T Value);
}
