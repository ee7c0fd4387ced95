using System.Globalization;
using System.Runtime.CompilerServices;
using Amazon.Runtime;
using Pipeline.Core;

namespace Pipeline.Aws.EmrServerless;

/// <summary>
/// Job runs of applications of EMR Serverless. Every call may be carried out more than once, since a job has a token by which
/// it is started once; each is tried again as <see cref="AwsSettings.Retry"/> says.
/// </summary>
public sealed class EmrServerlessClient : IDisposable
{
    private const int IdLengthMax = 64;

    /// <summary>Jobs that one page lists.</summary>
    private const string PageJobs = "50";

    private readonly AwsSettings _settings;
    private readonly AwsCall _call;

    /// <param name="credentials">Null: those that the SDK's chain finds: environment, web identity, profile, container, instance.</param>
    /// <param name="transport">What carries requests, not disposed of here; null: the network.</param>
    public EmrServerlessClient(AwsSettings settings, TimeProvider time, AWSCredentials? credentials = null, HttpMessageHandler? transport = null) =>
        (_settings, _call) = (settings, new AwsCall(AwsService.EmrServerless, settings, time, credentials, transport));

    /// <summary>Starts a job, or finds that it was started.</summary>
    /// <exception cref="PipelineException">It is refused, or EMR Serverless could not be asked at all: it was not started.</exception>
    public async Task<StartJobOutcome> StartAsync(string applicationId, NewEmrJobRun run, CancellationToken cancellationToken)
    {
        if (run.Policy?.Length > NewEmrJobRun.PolicyLengthMax)
            throw new PipelineException(FaultKind.Invalid, Thing(applicationId), $"the policy of job {run.Name} has {Plural.Of(run.Policy.Length, "character")}, and EMR Serverless takes {NewEmrJobRun.PolicyLengthMax}", "Make the policy shorter, or leave it to the role.");
        var body = new EmrServerlessWire.StartJobRun(run.ClientToken, run.ExecutionRoleArn, run.Name,
            new(new(run.EntryPoint, run.Arguments, run.SparkSubmitParameters.Length == 0 ? null : run.SparkSubmitParameters)), run.Policy is null ? null : new(run.Policy),
            run.Timeout is { } timeout ? (long)Math.Ceiling(timeout.TotalMinutes) : null, run.LogUri is null ? null : new(new(new(run.LogUri))));
        try
        {
            return await _call.SettleAsync<EmrServerlessWire.JobRunStarted>(AwsRequest.RestWith(Thing(applicationId), "StartJobRun", HttpMethod.Post, Path(applicationId), body), answer => answer.JobRunId is { Length: > 0 }, cancellationToken) switch
            {
                AwsReply<EmrServerlessWire.JobRunStarted>.Answered { Value: var started } => new StartJobOutcome.Started(started.JobRunId!),
                AwsReply<EmrServerlessWire.JobRunStarted>.Unknown { Cause: var cause } => new StartJobOutcome.Unknown(cause),
                var other => throw new InvalidOperationException($"There is no reply {other}."),
            };
        }
        catch (PipelineException e) when (e.InnerException is AwsRefusal { Code: "ServiceQuotaExceededException" })
        {
            return new StartJobOutcome.NoRoom(e);
        }
    }

    /// <exception cref="PipelineException"><see cref="FaultKind.Missing"/>: the application does not have it.</exception>
    public async Task<EmrJobRun> GetAsync(string applicationId, string jobRunId, CancellationToken cancellationToken)
    {
        var answer = await _call.RepeatableAsync<EmrServerlessWire.JobRunDescribed>(AwsRequest.Rest(Thing(applicationId, jobRunId), "GetJobRun", HttpMethod.Get, Path(applicationId, jobRunId)), cancellationToken,
            described => described.JobRun is { JobRunId: not null, State: not null, CreatedAt: not null });
        var run = answer.JobRun!;
        return new EmrJobRun(run.JobRunId!, run.Name ?? "", AwsNames.FromWire<EmrJobRunState>(run.State), run.StateDetails, run.JobDriver?.SparkSubmit?.EntryPointArguments ?? [], run.CreatedAt!.Value, run.UpdatedAt ?? run.CreatedAt.Value)
        {
            StartedAt = run.StartedAt, EndedAt = run.EndedAt, Billed = Resources(run.Billed), Used = Resources(run.Used),
            LogUri = run.ConfigurationOverrides?.MonitoringConfiguration?.S3MonitoringConfiguration?.LogUri,
        };
    }

    /// <summary>Asks for a job to be cancelled. That it is cancelled is seen in its state.</summary>
    /// <param name="grace">What the job has for cleaning up: none, or 15 seconds to 30 minutes.</param>
    /// <exception cref="PipelineException"><see cref="FaultKind.Invalid"/>: it has ended, or cannot be cancelled.</exception>
    public async Task CancelAsync(string applicationId, string jobRunId, TimeSpan grace, CancellationToken cancellationToken)
    {
        var query = new Dictionary<string, string>(StringComparer.Ordinal) { ["shutdownGracePeriodInSeconds"] = ((long)grace.TotalSeconds).ToString(CultureInfo.InvariantCulture) };
        await _call.RepeatableAsync<EmrServerlessWire.JobRunCancelled>(AwsRequest.Rest(Thing(applicationId, jobRunId), "CancelJobRun", HttpMethod.Delete, Path(applicationId, jobRunId), query), cancellationToken, answer => answer.JobRunId is not null);
    }

    /// <summary>The jobs of an application, the newest first; a page of 50 is fetched when it is come to.</summary>
    /// <param name="state">Null: in whatever state.</param>
    /// <param name="createdAfter">Null: all that are remembered.</param>
    /// <exception cref="PipelineException"/>
    public async IAsyncEnumerable<EmrJobRunSummary> ListAsync(string applicationId, EmrJobRunState? state, DateTimeOffset? createdAfter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var query = new Dictionary<string, string>(StringComparer.Ordinal) { ["maxResults"] = PageJobs };
        if (createdAfter is { } after) query["createdAtAfter"] = after.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        if (state is { } wanted) query["states"] = AwsNames.ToWire(wanted);
        string? token = null;
        do
        {
            var before = token;
            var page = await _call.RepeatableAsync<EmrServerlessWire.JobRunsListed>(AwsRequest.Rest(Thing(applicationId), "ListJobRuns", HttpMethod.Get, Path(applicationId), query), cancellationToken,
                // One that goes round has no end.
                listed => listed.JobRuns is { } runs && runs.All(run => run is { Id: not null, State: not null, CreatedAt: not null }) && (listed.NextToken is null || listed.NextToken != before));
            foreach (var run in page.JobRuns!) yield return new EmrJobRunSummary(run.Id!, run.Name ?? "", AwsNames.FromWire<EmrJobRunState>(run.State), run.StateDetails, run.CreatedAt!.Value);
            token = page.NextToken;
            if (token is not null) query["nextToken"] = token;
        }
        while (token is not null);
    }

    /// <exception cref="PipelineException"><see cref="FaultKind.Missing"/>: there is none.</exception>
    public async Task<EmrApplication> ApplicationAsync(string applicationId, CancellationToken cancellationToken)
    {
        var answer = await _call.RepeatableAsync<EmrServerlessWire.ApplicationDescribed>(AwsRequest.Rest(Thing(applicationId), "GetApplication", HttpMethod.Get, $"/applications/{Id(applicationId, applicationId)}"), cancellationToken,
            described => described.Application is { ApplicationId: not null, State: not null });
        var application = answer.Application!;
        return new EmrApplication(application.ApplicationId!, application.State!, application.StateDetails, application.ReleaseLabel, application.MaximumCapacity?.Cpu, application.MaximumCapacity?.Memory);
    }

    public void Dispose() => _call.Dispose();

    private static EmrResources? Resources(EmrServerlessWire.Resources? resources) =>
        resources is null ? null : new EmrResources(resources.VcpuHours ?? 0, resources.MemoryGbHours ?? 0, resources.StorageGbHours ?? 0);

    private string Thing(string applicationId, string? jobRunId = null) =>
        $"EMR Serverless application {applicationId}{(jobRunId is null ? "" : $", job run {jobRunId}")} in {_settings.Region}";

    private string Path(string applicationId, string? jobRunId = null) =>
        $"/applications/{Id(applicationId, applicationId)}/jobruns{(jobRunId is null ? "" : $"/{Id(applicationId, jobRunId)}")}";

    /// <summary>An id stands in the path as it is.</summary>
    private string Id(string applicationId, string id) => id.Length is > 0 and <= IdLengthMax && id.All(letter => char.IsAsciiLetterLower(letter) || char.IsAsciiDigit(letter))
        ? id : throw new PipelineException(FaultKind.Invalid, Thing(applicationId), $"'{id}' is no id: these have lower-case letters and digits", "Take the id from the console or from aws emr-serverless list-applications.");
}
