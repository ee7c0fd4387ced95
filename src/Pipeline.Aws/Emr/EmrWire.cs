namespace Pipeline.Aws.Emr;

/// <summary>EMR's requests and answers, as far as they are used. Names are those of the wire.</summary>
internal static class EmrWire
{
    public sealed record AddJobFlowSteps(string JobFlowId, IReadOnlyList<StepConfig> Steps, string? ExecutionRoleArn);

    public sealed record StepConfig(string Name, string ActionOnFailure, HadoopJarStep HadoopJarStep);

    public sealed record HadoopJarStep(string Jar, IReadOnlyList<string> Args);

    public sealed record StepsAdded(IReadOnlyList<string>? StepIds);

    public sealed record ListSteps(string ClusterId, IReadOnlyList<string>? StepStates, IReadOnlyList<string>? StepIds, string? Marker);

    public sealed record StepsListed(IReadOnlyList<StepSummary>? Steps, string? Marker);

    public sealed record StepSummary(string? Id, string? Name, StepCommand? Config, StepStatus? Status, string? LogUri);

    public sealed record StepCommand(IReadOnlyList<string>? Args);

    public sealed record StepStatus(string? State, StateChangeReason? StateChangeReason, EmrFailureDetails? FailureDetails, Timeline? Timeline);

    public sealed record StateChangeReason(string? Code, string? Message);

    public sealed record Timeline(DateTimeOffset? CreationDateTime, DateTimeOffset? StartDateTime, DateTimeOffset? EndDateTime);

    public sealed record CancelSteps(string ClusterId, IReadOnlyList<string> StepIds, string StepCancellationOption);

    public sealed record StepsCancelled(IReadOnlyList<CancelStepsInfo>? CancelStepsInfoList);

    public sealed record CancelStepsInfo(string? StepId, string? Status, string? Reason);

    public sealed record DescribeCluster(string ClusterId);

    public sealed record ClusterDescribed(Cluster? Cluster);

    public sealed record Cluster(string? Id, string? Name, ClusterStatus? Status, string? LogUri, string? ReleaseLabel, int? StepConcurrencyLevel);

    public sealed record ClusterStatus(string? State, StateChangeReason? StateChangeReason);
}
