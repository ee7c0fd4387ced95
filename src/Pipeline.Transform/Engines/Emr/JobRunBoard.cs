using System.Collections.Immutable;
using Pipeline.Aws.EmrServerless;
using Pipeline.Core;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>
/// The jobs of an application that have not ended, for all who wait for one: they are listed once an interval at most, and up to a third
/// of it later, however many wait.
/// </summary>
internal sealed class JobRunBoard
{
    /// <summary>In the order in which a job goes through them: one that moves on while they are listed is met in a later one.</summary>
    private static readonly ImmutableArray<EmrJobRunState> Active =
        [EmrJobRunState.Submitted, EmrJobRunState.Queued, EmrJobRunState.Pending, EmrJobRunState.Scheduled, EmrJobRunState.Running, EmrJobRunState.Cancelling];

    private readonly EmrServerlessClient _client;
    private readonly string _applicationId;
    private readonly Rounds<Wish, ImmutableDictionary<string, EmrJobRunSummary>> _rounds;

    public JobRunBoard(EmrServerlessClient client, string applicationId, TimeSpan interval, TimeProvider time) =>
        (_client, _applicationId, _rounds) = (client, applicationId, new Rounds<Wish, ImmutableDictionary<string, EmrJobRunSummary>>(_ => ListAsync(), interval, time, Random.Shared));

    /// <summary>The jobs by id, as they stand at some time after the call.</summary>
    /// <exception cref="PipelineException">They cannot be listed.</exception>
    public Task<ImmutableDictionary<string, EmrJobRunSummary>> RoundAsync(CancellationToken cancellationToken) => _rounds.NextAsync(_ => { }, cancellationToken);

    private async ValueTask<ImmutableDictionary<string, EmrJobRunSummary>> ListAsync()
    {
        var jobs = ImmutableDictionary.CreateBuilder<string, EmrJobRunSummary>(StringComparer.Ordinal);
        foreach (var state in Active)
            await foreach (var job in _client.ListAsync(_applicationId, state, createdAfter: null, CancellationToken.None)) jobs[job.Id] = job;
        return jobs.ToImmutable();
    }

    /// <summary>All want to know the same.</summary>
    private sealed class Wish;
}
