using System.Runtime.CompilerServices;
using Amazon.Runtime;
using Pipeline.Core;

namespace Pipeline.Aws.Emr;

/// <summary>
/// Clusters of Amazon EMR and their steps. Every call is tried again as <see cref="AwsSettings.Retry"/> says while that is safe:
/// what adds steps or starts a cluster is not repeated after an answer that was lost.
/// </summary>
public sealed class EmrClient : IDisposable
{
    /// <summary>Steps that one call adds or cancels, and active ones that a cluster may have.</summary>
    public const int StepsMax = 256;

    /// <summary>Ids that one call asks for.</summary>
    public const int IdsMax = 10;

    private const string TargetPrefix = "ElasticMapReduce";

    private readonly AwsSettings _settings;
    private readonly AwsCall _call;

    /// <param name="credentials">Null: those that the SDK's chain finds: environment, web identity, profile, container, instance.</param>
    /// <param name="transport">What carries requests, not disposed of here; null: the network.</param>
    public EmrClient(AwsSettings settings, TimeProvider time, AWSCredentials? credentials = null, HttpMessageHandler? transport = null) =>
        (_settings, _call) = (settings, new AwsCall(AwsService.Emr, settings, time, credentials, transport));

    /// <summary>
    /// Adds steps, all or none, behind those that the cluster has. Cancelled while it is under way it may have added them,
    /// as after <see cref="AddStepsOutcome.Unknown"/>.
    /// </summary>
    /// <param name="steps">1 to <see cref="StepsMax"/>.</param>
    /// <param name="executionRoleArn">The role that the steps run as, where the cluster has runtime roles; null: the instances' own.</param>
    /// <exception cref="PipelineException">They are refused, or EMR could not be asked at all: nothing was added.</exception>
    public async Task<AddStepsOutcome> AddStepsAsync(string clusterId, IReadOnlyList<NewEmrStep> steps, string? executionRoleArn, CancellationToken cancellationToken)
    {
        if (steps.Count is 0 or > StepsMax) throw new ArgumentOutOfRangeException(nameof(steps), steps.Count, $"One call adds 1 to {StepsMax} steps.");
        foreach (var step in steps) RequireFits(step);
        var body = new EmrWire.AddJobFlowSteps(clusterId, [.. steps.Select(step => new EmrWire.StepConfig(step.Name, "CONTINUE", new EmrWire.HadoopJarStep(step.Jar, step.Args)))], executionRoleArn);
        try
        {
            return await _call.OnceAsync<EmrWire.StepsAdded>(Request(clusterId, "AddJobFlowSteps", body), cancellationToken, added => added.StepIds?.Count == steps.Count) switch
            {
                AwsReply<EmrWire.StepsAdded>.Answered { Value: var added } => new AddStepsOutcome.Added(added.StepIds!),
                AwsReply<EmrWire.StepsAdded>.Unknown { Cause: var cause } => new AddStepsOutcome.Unknown(cause),
                var other => throw new InvalidOperationException($"There is no reply {other}."),
            };
        }
        // EMR says these in words only.
        catch (PipelineException e) when (Says(e, "Maximum number of active steps"))
        {
            return new AddStepsOutcome.NoRoom(e);
        }
        catch (PipelineException e) when (Says(e, "shutting down, terminat"))
        {
            return new AddStepsOutcome.ClusterEnded(e);
        }
    }

    /// <summary>The steps of a cluster in some states, the newest first; a page of 50 is fetched when it is come to.</summary>
    /// <param name="states">Empty: in all.</param>
    /// <exception cref="PipelineException"/>
    public async IAsyncEnumerable<EmrStep> ListStepsAsync(string clusterId, IReadOnlyCollection<EmrStepState> states, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        IReadOnlyList<string>? wanted = states.Count == 0 ? null : [.. states.Select(AwsNames.ToWire)];
        string? marker = null;
        do
        {
            var before = marker;
            var page = await _call.RepeatableAsync<EmrWire.StepsListed>(Request(clusterId, "ListSteps", new EmrWire.ListSteps(clusterId, wanted, StepIds: null, marker)), cancellationToken,
                // One that goes round has no end.
                listed => IsWhole(listed) && (listed.Marker is null || listed.Marker != before));
            foreach (var step in page.Steps!) yield return Step(step);
            marker = page.Marker;
        }
        while (marker is not null);
    }

    /// <summary>Some steps of a cluster, in any order.</summary>
    /// <exception cref="PipelineException"><see cref="FaultKind.Missing"/>: the cluster has never had one of them.</exception>
    public async Task<IReadOnlyList<EmrStep>> FindStepsAsync(string clusterId, IReadOnlyCollection<string> stepIds, CancellationToken cancellationToken)
    {
        List<EmrStep> found = [];
        foreach (var ids in stepIds.Chunk(IdsMax))
        {
            var page = await _call.RepeatableAsync<EmrWire.StepsListed>(Request(clusterId, "ListSteps", new EmrWire.ListSteps(clusterId, StepStates: null, ids, Marker: null)), cancellationToken, IsWhole);
            found.AddRange(page.Steps!.Select(Step));
        }

        return found;
    }

    /// <summary>Asks for steps to be cancelled. EMR takes the wish, and may not fulfil it: their states say.</summary>
    /// <exception cref="PipelineException"/>
    public async Task<IReadOnlyList<EmrStepCancellation>> CancelStepsAsync(string clusterId, IReadOnlyCollection<string> stepIds, EmrStepCancellationOption option, CancellationToken cancellationToken)
    {
        List<EmrStepCancellation> taken = [];
        foreach (var ids in stepIds.Chunk(StepsMax))
        {
            var answer = await _call.RepeatableAsync<EmrWire.StepsCancelled>(Request(clusterId, "CancelSteps", new EmrWire.CancelSteps(clusterId, ids, AwsNames.ToWire(option))), cancellationToken,
                cancelled => cancelled.CancelStepsInfoList is { } infos && infos.All(info => info.StepId is not null));
            taken.AddRange(answer.CancelStepsInfoList!.Select(info => new EmrStepCancellation(info.StepId!, info.Status == "FAILED" ? info.Reason ?? "EMR does not say why" : null)));
        }

        return taken;
    }

    /// <exception cref="PipelineException"/>
    public async Task<EmrCluster> DescribeClusterAsync(string clusterId, CancellationToken cancellationToken)
    {
        var answer = await _call.RepeatableAsync<EmrWire.ClusterDescribed>(Request(clusterId, "DescribeCluster", new EmrWire.DescribeCluster(clusterId)), cancellationToken,
            described => described.Cluster is { Id: not null, Status.State: not null });
        var cluster = answer.Cluster!;
        return new EmrCluster(cluster.Id!, cluster.Name ?? "", AwsNames.FromWire<EmrClusterState>(cluster.Status!.State), ReasonOf(cluster.Status), cluster.LogUri, cluster.ReleaseLabel, cluster.StepConcurrencyLevel ?? 1);
    }

    /// <summary>
    /// Starts a cluster, which costs from when its instances are there. Cancelled while it is under way it may have started it, as after
    /// <see cref="StartClusterOutcome.Unknown"/>.
    /// </summary>
    /// <exception cref="PipelineException">It is refused, or EMR could not be asked at all: none was started.</exception>
    public async Task<StartClusterOutcome> StartClusterAsync(NewEmrCluster cluster, CancellationToken cancellationToken)
    {
        var body = new EmrWire.RunJobFlow(cluster.Name, cluster.ReleaseLabel,
            new(cluster.InstanceType, cluster.Instances > 1 ? cluster.InstanceType : null, cluster.Instances, KeepJobFlowAliveWhenNoSteps: true, TerminationProtected: false, cluster.SubnetId,
                cluster.PrimarySecurityGroup, cluster.CoreSecurityGroup, cluster.ServiceSecurityGroup),
            [.. cluster.Applications.Select(name => new EmrWire.Application(name))], cluster.ServiceRole, cluster.InstanceProfile, cluster.LogUri,
            cluster.Configurations.Count == 0 ? null : [.. cluster.Configurations.Select(pair => new EmrWire.Configuration(pair.Key, pair.Value))],
            cluster.Tags.Count == 0 ? null : [.. cluster.Tags.Select(pair => new EmrWire.Tag(pair.Key, pair.Value))], cluster.StepConcurrency,
            cluster.IdleTimeout is { } idle ? new((long)Math.Ceiling(idle.TotalSeconds)) : null,
            cluster.Scaling is { } scaling ? new(new("Instances", scaling.Min, scaling.Max, scaling.CoreMax)) : null);
        return await _call.OnceAsync<EmrWire.ClusterStarted>(AwsRequest.Json11($"A new EMR cluster {cluster.Name} in {_settings.Region}", TargetPrefix, "RunJobFlow", body), cancellationToken,
                started => started.JobFlowId is { Length: > 0 }) switch
        {
            AwsReply<EmrWire.ClusterStarted>.Answered { Value: var started } => new StartClusterOutcome.Started(started.JobFlowId!),
            AwsReply<EmrWire.ClusterStarted>.Unknown { Cause: var cause } => new StartClusterOutcome.Unknown(cause),
            var other => throw new InvalidOperationException($"There is no reply {other}."),
        };
    }

    /// <summary>The clusters of the account in the region in some states, the newest first; a page of 50 is fetched when it is come to.</summary>
    /// <param name="states">Empty: in all.</param>
    /// <param name="createdAfter">Null: all that are remembered, which is two months of them.</param>
    /// <exception cref="PipelineException"/>
    public async IAsyncEnumerable<EmrClusterSummary> ListClustersAsync(IReadOnlyCollection<EmrClusterState> states, DateTimeOffset? createdAfter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        IReadOnlyList<string>? wanted = states.Count == 0 ? null : [.. states.Select(AwsNames.ToWire)];
        string? marker = null;
        do
        {
            var before = marker;
            var page = await _call.RepeatableAsync<EmrWire.ClustersListed>(AwsRequest.Json11($"EMR clusters in {_settings.Region}", TargetPrefix, "ListClusters", new EmrWire.ListClusters(wanted, createdAfter, marker)), cancellationToken,
                // One that goes round has no end.
                listed => listed.Clusters is { } clusters && clusters.All(cluster => cluster is { Id: not null, Status.State: not null }) && (listed.Marker is null || listed.Marker != before));
            foreach (var cluster in page.Clusters!)
            {
                var (status, timeline) = (cluster.Status!, cluster.Status!.Timeline);
                yield return new EmrClusterSummary(cluster.Id!, cluster.Name ?? "", AwsNames.FromWire<EmrClusterState>(status.State), ReasonOf(status), timeline?.CreationDateTime, timeline?.ReadyDateTime, timeline?.EndDateTime);
            }

            marker = page.Marker;
        }
        while (marker is not null);
    }

    public void Dispose() => _call.Dispose();

    private AwsRequest Request<T>(string clusterId, string operation, T body) => AwsRequest.Json11($"EMR cluster {clusterId} in {_settings.Region}", TargetPrefix, operation, body);

    private static void RequireFits(NewEmrStep step)
    {
        var length = step.Jar.Length + step.Args.Sum(argument => argument.Length);
        if (length > NewEmrStep.TextLengthMax)
            throw new PipelineException(FaultKind.Invalid, $"EMR step {step.Name}", $"its arguments have {Plural.Of(length, "character")}, and EMR takes {NewEmrStep.TextLengthMax}", "Shorten the Spark settings, or put them into the cluster's configuration.");
    }

    private static string? ReasonOf(EmrWire.ClusterStatus status)
    {
        var said = string.Join(": ", new[] { status.StateChangeReason?.Code, status.StateChangeReason?.Message }.Where(text => !string.IsNullOrEmpty(text)));
        return said.Length == 0 ? null : said;
    }

    private static bool Says(PipelineException e, string words) => e.InnerException is AwsRefusal { Code: not null } refusal && refusal.Said.Contains(words, StringComparison.Ordinal);

    private static bool IsWhole(EmrWire.StepsListed listed) => listed.Steps is { } steps && steps.All(step => step is { Id: not null, Status.State: not null });

    private static EmrStep Step(EmrWire.StepSummary step)
    {
        var status = step.Status!;
        return new EmrStep(step.Id!, step.Name ?? "", AwsNames.FromWire<EmrStepState>(status.State), step.Config?.Args ?? [], status.Timeline?.CreationDateTime, status.Timeline?.StartDateTime,
            status.Timeline?.EndDateTime, string.IsNullOrEmpty(status.StateChangeReason?.Message) ? null : status.StateChangeReason.Message, status.FailureDetails, step.LogUri);
    }
}
