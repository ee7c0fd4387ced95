using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Pipeline.Aws.Emr;
using Pipeline.Core;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>
/// The one cluster that a pipeline has while there is something to do: found by its name, and started if there is none, by whoever has
/// the claim. EMR ends it when it was idle. Does what <see cref="RemoteRun"/> and <see cref="ClusterChoice"/> decide.
/// </summary>
/// <param name="nameOf">The pipeline's and the lake's.</param>
/// <param name="logUri">Where its logs are put; null: nowhere.</param>
/// <param name="interval">Clusters are listed so often at most.</param>
internal sealed class TransientCluster(EmrClusterOptions options, EmrClient client, JobArtifacts artifacts, Func<CancellationToken, ValueTask<string>> nameOf, string? logUri, TimeSpan interval, TimeProvider time, Random random, ILogger log)
    : IStepClusters, IDisposable
{
    /// <summary>How long a submission waits for a cluster; it comes again. Longer, and a claim that was sent would be sent too late.</summary>
    private static readonly TimeSpan AskMax = TimeSpan.FromSeconds(30);

    /// <summary>How far the clocks of who starts a cluster and of EMR may differ.</summary>
    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(15);

    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private Rounds<Wish, ImmutableArray<EmrClusterSummary>>? _rounds;
    private string? _current;
    private TaskCompletionSource<Outcome<string>>? _finding;
    private ClusterSearch? _search;

    public async ValueTask<CurrentCluster> CurrentAsync(CancellationToken cancellationToken)
    {
        TaskCompletionSource<Outcome<string>> finding;
        bool isFirst;
        lock (_gate)
        {
            if (_current is { } current) return new CurrentCluster.Takes(current);
            isFirst = _finding is null;
            finding = _finding ??= new TaskCompletionSource<Outcome<string>>();
        }

        // It is everybody's: who stops waiting does not end it.
        if (isFirst) Background.Start(_ => FindOrStartAsync(finding), _ => { }, CancellationToken.None);

        Outcome<string> found;
        try
        {
            found = await finding.Task.WaitAsync(AskMax, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            return new CurrentCluster.None(Volatile.Read(ref _search)?.Why ?? "the lake's id is asked for");
        }

        return found switch
        {
            Outcome<string>.Done { Value: var id } => new CurrentCluster.Takes(id),
            // Each who waits throws one of his own.
            Outcome<string>.Failed { Cause: PipelineException cause } => throw new PipelineException(cause.Kind, cause.Thing, cause.Cause, cause.NextStep, cause) { Dependency = cause.Dependency, RetryAfter = cause.RetryAfter },
            Outcome<string>.Failed { Cause: var cause } => throw new InvalidOperationException("No cluster can be found.", cause),
            _ => throw new OperationCanceledException(_stopping.Token),
        };
    }

    public async ValueTask<ImmutableArray<string>> WithStepsAsync(DateTimeOffset since, CancellationToken cancellationToken)
    {
        var name = await nameOf(cancellationToken);
        // Clusters follow one another: the last that was started before then may have gone on after it.
        var claims = await artifacts.ClaimsOfClusters(name).ReadAsync(cancellationToken);
        var createdAfter = (claims.LastOrDefault(claim => claim.Fate is ClaimFate.Sent or ClaimFate.Over && claim.At <= since)?.At ?? since) - Skew;
        var clusters = await ListAsync(name, createdAfter, cancellationToken);
        return [.. clusters.Where(pair => !(pair.Cluster.EndedAt < since)).OrderBy(pair => pair.Cluster.CreatedAt).Select(pair => pair.Cluster.Id)];
    }

    public PipelineException? Ended(EmrCluster cluster, PipelineException refusal)
    {
        lock (_gate)
            if (_current == cluster.Id) _current = null;
        return null;
    }

    public void Dispose()
    {
        _stopping.Cancel();
        _stopping.Dispose();
    }

    private async ValueTask FindOrStartAsync(TaskCompletionSource<Outcome<string>> finding)
    {
        var found = await Background.RunAsync(async cancellationToken =>
        {
            var name = await nameOf(cancellationToken);
            var search = new ClusterSearch(name, drawn => options.ToNew($"{name}/{drawn}", logUri, [KeyValuePair.Create("pipeline", name)]), client, artifacts.ClaimsOfClusters(name),
                (since, cancel) => ListAsync(name, since, cancel), time, log);
            Volatile.Write(ref _search, search);
            return await search.RunAsync(cancellationToken);
        }, _stopping.Token);
        lock (_gate) (_finding, _current) = (null, (found as Outcome<string>.Done)?.Value);
        finding.SetResult(found);
    }

    /// <summary>Those of the pipeline that have not ended, and those that were created after a time.</summary>
    private async ValueTask<ImmutableArray<(string Drawn, EmrClusterSummary Cluster)>> ListAsync(string name, DateTimeOffset createdAfter, CancellationToken cancellationToken)
    {
        Rounds<Wish, ImmutableArray<EmrClusterSummary>> rounds;
        lock (_gate) rounds = _rounds ??= new(wish => AskAsync(name, wish.CreatedAfter), interval, time, random);
        var clusters = await rounds.NextAsync(wish => wish.CreatedAfter = createdAfter < wish.CreatedAfter ? createdAfter : wish.CreatedAfter, cancellationToken);
        return [.. clusters.Select(cluster => (ClusterChoice.DrawnOf(name, cluster.Name)!, cluster))];
    }

    private async ValueTask<ImmutableArray<EmrClusterSummary>> AskAsync(string name, DateTimeOffset createdAfter)
    {
        var found = new Dictionary<string, EmrClusterSummary>(StringComparer.Ordinal);
        // Those that have not ended first: one that ends meanwhile is in both.
        await foreach (var cluster in client.ListClustersAsync(EmrClusterStates.Active, createdAfter: null, CancellationToken.None)) Add(cluster);
        await foreach (var cluster in client.ListClustersAsync([], createdAfter, CancellationToken.None)) Add(cluster);
        return [.. found.Values];

        void Add(EmrClusterSummary cluster)
        {
            if (ClusterChoice.DrawnOf(name, cluster.Name) is not null) found[cluster.Id] = cluster;
        }
    }

    private sealed class Wish
    {
        public DateTimeOffset CreatedAfter { get; set; } = DateTimeOffset.MaxValue;
    }
}
