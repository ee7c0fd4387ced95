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

    public sealed record RunJobFlow(string Name, string ReleaseLabel, Instances Instances, IReadOnlyList<Application> Applications, string ServiceRole, string JobFlowRole, string? LogUri,
        IReadOnlyList<Configuration>? Configurations, IReadOnlyList<Tag>? Tags, int StepConcurrencyLevel, AutoTerminationPolicy? AutoTerminationPolicy, ManagedScalingPolicy? ManagedScalingPolicy);

    public sealed record Instances(string MasterInstanceType, string? SlaveInstanceType, int InstanceCount, bool KeepJobFlowAliveWhenNoSteps, bool TerminationProtected, string? Ec2SubnetId,
        string? EmrManagedMasterSecurityGroup, string? EmrManagedSlaveSecurityGroup, string? ServiceAccessSecurityGroup);

    public sealed record Application(string Name);

    public sealed record Configuration(string Classification, IReadOnlyDictionary<string, string> Properties);

    public sealed record Tag(string Key, string Value);

    public sealed record AutoTerminationPolicy(long IdleTimeout);

    public sealed record ManagedScalingPolicy(ComputeLimits ComputeLimits);

    public sealed record ComputeLimits(string UnitType, int MinimumCapacityUnits, int MaximumCapacityUnits, int? MaximumCoreCapacityUnits);

    public sealed record ClusterStarted(string? JobFlowId);

    public sealed record ListClusters(IReadOnlyList<string>? ClusterStates, DateTimeOffset? CreatedAfter, string? Marker);

    public sealed record ClustersListed(IReadOnlyList<ClusterSummary>? Clusters, string? Marker);

    public sealed record ClusterSummary(string? Id, string? Name, ClusterStatus? Status);

    public sealed record DescribeCluster(string ClusterId);

    public sealed record ClusterDescribed(Cluster? Cluster);

    public sealed record Cluster(string? Id, string? Name, ClusterStatus? Status, string? LogUri, string? ReleaseLabel, int? StepConcurrencyLevel);

    public sealed record ClusterStatus(string? State, StateChangeReason? StateChangeReason, ClusterTimeline? Timeline);

    public sealed record ClusterTimeline(DateTimeOffset? CreationDateTime, DateTimeOffset? ReadyDateTime, DateTimeOffset? EndDateTime);
}
