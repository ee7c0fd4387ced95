using System.Text.Json.Serialization;

namespace Pipeline.Aws.EmrServerless;

/// <summary>EMR Serverless' requests and answers, as far as they are used. Names are those of the wire.</summary>
internal static class EmrServerlessWire
{
    public sealed record StartJobRun(
        [property: JsonPropertyName("clientToken")] string ClientToken,
        [property: JsonPropertyName("executionRoleArn")] string ExecutionRoleArn,
        [property: JsonPropertyName("name")] string Name,
        [property: JsonPropertyName("jobDriver")] JobDriver JobDriver,
        [property: JsonPropertyName("executionIamPolicy")] ExecutionIamPolicy? ExecutionIamPolicy,
        [property: JsonPropertyName("executionTimeoutMinutes")] long? ExecutionTimeoutMinutes,
        [property: JsonPropertyName("configurationOverrides")] ConfigurationOverrides? ConfigurationOverrides);

    public sealed record JobDriver([property: JsonPropertyName("sparkSubmit")] SparkSubmit? SparkSubmit);

    public sealed record SparkSubmit(
        [property: JsonPropertyName("entryPoint")] string? EntryPoint,
        [property: JsonPropertyName("entryPointArguments")] IReadOnlyList<string>? EntryPointArguments,
        [property: JsonPropertyName("sparkSubmitParameters")] string? SparkSubmitParameters);

    public sealed record ExecutionIamPolicy([property: JsonPropertyName("policy")] string Policy);

    public sealed record ConfigurationOverrides([property: JsonPropertyName("monitoringConfiguration")] MonitoringConfiguration? MonitoringConfiguration);

    public sealed record MonitoringConfiguration([property: JsonPropertyName("s3MonitoringConfiguration")] S3MonitoringConfiguration? S3MonitoringConfiguration);

    public sealed record S3MonitoringConfiguration([property: JsonPropertyName("logUri")] string? LogUri);

    public sealed record JobRunStarted([property: JsonPropertyName("jobRunId")] string? JobRunId);

    public sealed record JobRunCancelled([property: JsonPropertyName("jobRunId")] string? JobRunId);

    public sealed record JobRunDescribed([property: JsonPropertyName("jobRun")] JobRun? JobRun);

    public sealed record JobRun(
        [property: JsonPropertyName("jobRunId")] string? JobRunId,
        [property: JsonPropertyName("name")] string? Name,
        [property: JsonPropertyName("state")] string? State,
        [property: JsonPropertyName("stateDetails")] string? StateDetails,
        [property: JsonPropertyName("jobDriver")] JobDriver? JobDriver,
        [property: JsonPropertyName("createdAt")] DateTimeOffset? CreatedAt,
        [property: JsonPropertyName("updatedAt")] DateTimeOffset? UpdatedAt,
        [property: JsonPropertyName("startedAt")] DateTimeOffset? StartedAt,
        [property: JsonPropertyName("endedAt")] DateTimeOffset? EndedAt,
        [property: JsonPropertyName("billedResourceUtilization")] Resources? Billed,
        [property: JsonPropertyName("totalResourceUtilization")] Resources? Used,
        [property: JsonPropertyName("configurationOverrides")] ConfigurationOverrides? ConfigurationOverrides);

    public sealed record Resources(
        [property: JsonPropertyName("vCPUHour")] double? VcpuHours,
        [property: JsonPropertyName("memoryGBHour")] double? MemoryGbHours,
        [property: JsonPropertyName("storageGBHour")] double? StorageGbHours);

    public sealed record JobRunsListed(
        [property: JsonPropertyName("jobRuns")] IReadOnlyList<JobRunSummary>? JobRuns,
        [property: JsonPropertyName("nextToken")] string? NextToken);

    public sealed record JobRunSummary(
        [property: JsonPropertyName("id")] string? Id,
        [property: JsonPropertyName("name")] string? Name,
        [property: JsonPropertyName("state")] string? State,
        [property: JsonPropertyName("stateDetails")] string? StateDetails,
        [property: JsonPropertyName("createdAt")] DateTimeOffset? CreatedAt);

    public sealed record ApplicationDescribed([property: JsonPropertyName("application")] Application? Application);

    public sealed record Application(
        [property: JsonPropertyName("applicationId")] string? ApplicationId,
        [property: JsonPropertyName("state")] string? State,
        [property: JsonPropertyName("stateDetails")] string? StateDetails,
        [property: JsonPropertyName("releaseLabel")] string? ReleaseLabel,
        [property: JsonPropertyName("maximumCapacity")] MaximumCapacity? MaximumCapacity);

    public sealed record MaximumCapacity([property: JsonPropertyName("cpu")] string? Cpu, [property: JsonPropertyName("memory")] string? Memory);
}
