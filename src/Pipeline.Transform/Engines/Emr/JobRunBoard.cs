using System.Collections.Immutable;
using Pipeline.Aws.EmrServerless;
using Pipeline.Core;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>
/// The jobs of an application that have not ended, for all who wait for one: they are listed once an interval at most, and up to a third
/// of it later, however many wait.
/// </summary>
internal sealed class JobRunBoard(EmrServerlessClient client, string applicationId, TimeSpan interval, TimeProvider time)
{
    /// <summary>In the order in which a job goes through them: one that moves on while they are listed is met in a later one.</summary>
    private static readonly ImmutableArray<EmrJobRunState> Active =
        [EmrJobRunState.Submitted, EmrJobRunState.Queued, EmrJobRunState.Pending, EmrJobRunState.Scheduled, EmrJobRunState.Running, EmrJobRunState.Cancelling];

    private readonly RetryPolicy _pace = new() { BackoffMin = interval * 1.3, BackoffMax = interval * 1.3, Factor = 1, Jitter = 0.3 / 1.3 };

    private readonly Lock _gate = new();
    private Task<Outcome<ImmutableDictionary<string, EmrJobRunSummary>>>? _next;
    private long? _beganAt;

    /// <summary>The jobs by id, as they stand at some time after the call.</summary>
    /// <exception cref="PipelineException">They cannot be listed.</exception>
    public async Task<ImmutableDictionary<string, EmrJobRunSummary>> RoundAsync(CancellationToken cancellationToken)
    {
        Task<Outcome<ImmutableDictionary<string, EmrJobRunSummary>>> round;
        // One that has begun may have passed by what the caller looks for.
        lock (_gate) round = _next ??= Background.RunAsync(NextAsync, CancellationToken.None);
        switch (await round.WaitAsync(cancellationToken))
        {
            case Outcome<ImmutableDictionary<string, EmrJobRunSummary>>.Done done:
                return done.Value;
            case Outcome<ImmutableDictionary<string, EmrJobRunSummary>>.Failed { Cause: PipelineException cause }:
                // Each who waits throws one of his own.
                throw new PipelineException(cause.Kind, cause.Thing, cause.Cause, cause.NextStep, cause) { Dependency = cause.Dependency };
            case var other:
                throw new InvalidOperationException($"The jobs of application {applicationId} cannot be listed.", (other as Outcome<ImmutableDictionary<string, EmrJobRunSummary>>.Failed)?.Cause);
        }
    }

    private async ValueTask<ImmutableDictionary<string, EmrJobRunSummary>> NextAsync(CancellationToken cancellationToken)
    {
        await Task.Yield();
        if (_beganAt is { } began && _pace.Delay(1, Random.Shared.NextDouble()) - time.GetElapsedTime(began) is { Ticks: > 0 } pause) await Task.Delay(pause, time, cancellationToken);
        lock (_gate) (_next, _beganAt) = (null, time.GetTimestamp());
        var jobs = ImmutableDictionary.CreateBuilder<string, EmrJobRunSummary>(StringComparer.Ordinal);
        foreach (var state in Active)
            await foreach (var job in client.ListAsync(applicationId, state, createdAfter: null, cancellationToken)) jobs[job.Id] = job;
        return jobs.ToImmutable();
    }
}
