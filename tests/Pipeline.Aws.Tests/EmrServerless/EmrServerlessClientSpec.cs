using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Aws.EmrServerless;
using Pipeline.Core;
using static Pipeline.Aws.Tests.ScriptedAws;

namespace Pipeline.Aws.Tests.EmrServerless;

/// <summary>Every request is compared with AWS's own model of EMR Serverless and of its signatures.</summary>
public sealed class EmrServerlessClientSpec(AwsServices services)
{
    private const string Role = "arn:aws:iam::123456789012:role/silver";

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 7, 1, 12, 0, 0, TimeSpan.Zero));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_request_is_one_of_EMR_Serverless()
    {
        await using var check = await services.CheckAsync(Cancel);
        using var emr = new EmrServerlessClient(AwsServices.Settings(check.Url), TimeProvider.System, AwsServices.Credentials);
        var application = await ApplicationAsync();

        var started = await StartedAsync(emr, application, Job("lake-1/silver/orders/7/0") with
        {
            Policy = """{"Version":"2012-10-17","Statement":[]}""", Timeout = TimeSpan.FromHours(12), LogUri = "s3://logs/emr/",
        });
        var bare = await StartedAsync(emr, application, new NewEmrJobRun("b", "b", Role, "s3://lake/_jobs/medallion_job.py", [], ""));
        var run = await emr.GetAsync(application, started, Cancel);
        var listed = await emr.ListAsync(application, state: null, createdAfter: null, Cancel).ToListAsync(Cancel);
        var described = await emr.ApplicationAsync(application, Cancel);
        await emr.ListAsync(application, EmrJobRunState.Submitted, DateTimeOffset.UnixEpoch, Cancel).ToListAsync(Cancel);
        // The check passes DELETE on with a type of content that moto does not take: the request is looked at all the same.
        await Assert.ThrowsAsync<PipelineException>(() => emr.CancelAsync(application, bare, TimeSpan.FromSeconds(30), Cancel));

        using var direct = new EmrServerlessClient(AwsServices.Settings(await services.UrlAsync(Cancel)), TimeProvider.System, AwsServices.Credentials);
        await direct.CancelAsync(application, bare, TimeSpan.Zero, Cancel);

        Assert.Equal(EmrJobRunState.Cancelled, (await emr.GetAsync(application, bare, Cancel)).State);
        Assert.Equal(("lake-1/silver/orders/7/0", "s3://logs/emr/"), (run.Name, run.LogUri));
        Assert.Equal(["--sha256", "ö\"<&>"], run.Arguments);
        Assert.NotEqual(EmrJobRunState.Other, run.State);
        Assert.Equal(new[] { started, bare }.Order(StringComparer.Ordinal), listed.Select(one => one.Id).Order(StringComparer.Ordinal));
        Assert.Equal((application, "emr-7.5.0", "400 vCPU"), (described.Id, described.ReleaseLabel, described.CpuMax));
        var verdicts = await check.EndAsync();
        Assert.Equal(["CancelJobRun", "GetApplication", "GetJobRun", "ListJobRuns", "StartJobRun"],
            verdicts.Select(verdict => verdict.Operation).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
        Assert.All(verdicts, verdict => Assert.True(verdict is { Request.Count: 0, Service: "emr-serverless" }, verdict.ToString()));
    }

    [Fact]
    public async Task A_job_is_started_again_after_a_lost_answer_since_its_token_makes_it_one()
    {
        var aws = new ScriptedAws(Throw(new HttpRequestException(HttpRequestError.ResponseEnded, "reset")), Error(500, "InternalServerException"), Answer(200, """{"jobRunId":"00f1"}"""));
        using var emr = Client(aws);

        Assert.Equal("00f1", await StartedAsync(emr, "00app", Job("a")));
        Assert.Equal(3, aws.Requests);
        Assert.Single(aws.Bodies.Distinct(StringComparer.Ordinal));
        Assert.Contains("\"clientToken\":\"token-of-a\"", aws.Bodies[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_quota_that_is_full_is_an_outcome()
    {
        var aws = new ScriptedAws(Error(402, "ServiceQuotaExceededException", "Job run limit exceeded"));
        using var emr = Client(aws);

        var full = Assert.IsType<StartJobOutcome.NoRoom>(await emr.StartAsync("00app", Job("a"), Cancel));

        Assert.Equal((FaultKind.Unreachable, 1), (full.Refusal.Kind, aws.Requests));
        Assert.Contains("quota", full.Refusal.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_may_have_been_started_is_unknown_and_what_was_never_sent_is_not()
    {
        var lost = Throw(new HttpRequestException(HttpRequestError.ResponseEnded, "reset"));
        var refused = Throw(new HttpRequestException(HttpRequestError.ConnectionError, "refused"));
        using var lostAlways = Client(new ScriptedAws(lost));
        using var lostOnce = Client(new ScriptedAws(lost, refused));
        using var refusedLater = Client(new ScriptedAws(lost, Error(400, "ValidationException")));
        using var neverSent = Client(new ScriptedAws(refused));

        Assert.IsType<StartJobOutcome.Unknown>(await lostAlways.StartAsync("00app", Job("a"), Cancel));
        Assert.IsType<StartJobOutcome.Unknown>(await lostOnce.StartAsync("00app", Job("a"), Cancel));
        Assert.IsType<StartJobOutcome.Unknown>(await refusedLater.StartAsync("00app", Job("a"), Cancel));
        await Assert.ThrowsAsync<PipelineException>(() => neverSent.StartAsync("00app", Job("a"), Cancel));
    }

    [Fact]
    public async Task All_pages_are_listed()
    {
        var aws = new ScriptedAws(
            Answer(200, """{"jobRuns":[{"id":"2","name":"b","state":"QUEUED","createdAt":1782907200.5}],"nextToken":"abc"}"""), Answer(200, """{"jobRuns":[{"id":"1","name":"a","state":"SUCCESS","createdAt":1782907100}]}"""));
        using var emr = Client(aws);

        var listed = await emr.ListAsync("00app", state: null, _time.GetUtcNow(), Cancel).ToListAsync(Cancel);

        Assert.Equal([("2", EmrJobRunState.Queued), ("1", EmrJobRunState.Success)], listed.Select(run => (run.Id, run.State)));
        Assert.Equal(["/applications/00app/jobruns?maxResults=50&createdAtAfter=2026-07-01T12%3A00%3A00Z", "/applications/00app/jobruns?maxResults=50&createdAtAfter=2026-07-01T12%3A00%3A00Z&nextToken=abc"], aws.Targets);
    }

    [Fact]
    public async Task Cancelling_says_how_long_the_job_has()
    {
        var aws = new ScriptedAws(Answer(200, """{"applicationId":"00app","jobRunId":"1"}"""));
        using var emr = Client(aws);

        await emr.CancelAsync("00app", "1", TimeSpan.FromSeconds(30), Cancel);

        Assert.Equal(["/applications/00app/jobruns/1?shutdownGracePeriodInSeconds=30"], aws.Targets);
    }

    [Fact]
    public async Task What_a_job_costs_and_uses_is_read()
    {
        using var emr = Client(new ScriptedAws(Answer(200, """
            {"jobRun":{"applicationId":"00app","jobRunId":"1","name":"a","state":"FAILED","stateDetails":"it says","createdAt":1782907100,"updatedAt":1782907200,"startedAt":1782907110,"endedAt":1782907199,
            "billedResourceUtilization":{"vCPUHour":1.25,"memoryGBHour":5,"storageGBHour":0},"totalResourceUtilization":{"vCPUHour":1.0,"memoryGBHour":4.5,"storageGBHour":20}}}
            """)));

        var run = await emr.GetAsync("00app", "1", Cancel);

        Assert.Equal((EmrJobRunState.Failed, "it says"), (run.State, run.StateDetails));
        Assert.Equal((new EmrResources(1.25, 5, 0), new EmrResources(1, 4.5, 20)), (run.Billed, run.Used));
        Assert.Equal(TimeSpan.FromSeconds(89), run.EndedAt - run.StartedAt);
    }

    [Theory]
    [InlineData("my-application")]
    [InlineData("")]
    [InlineData("../jobruns")]
    public async Task What_is_no_id_is_said_before_it_is_sent(string application)
    {
        var aws = new ScriptedAws(Answer(200, "{}"));
        using var emr = Client(aws);

        Assert.Equal(FaultKind.Invalid, (await Assert.ThrowsAsync<PipelineException>(() => emr.ApplicationAsync(application, Cancel))).Kind);
        Assert.Equal(0, aws.Requests);
    }

    [Fact]
    public async Task A_policy_that_is_too_long_is_said_before_it_is_sent()
    {
        var aws = new ScriptedAws(Answer(200, "{}"));
        using var emr = Client(aws);

        Assert.Equal(FaultKind.Invalid, (await Assert.ThrowsAsync<PipelineException>(() => emr.StartAsync("00app", Job("a") with { Policy = new string(' ', 2_049) }, Cancel))).Kind);
        Assert.Equal(0, aws.Requests);
    }

    [Theory]
    [InlineData(404, "ResourceNotFoundException", FaultKind.Missing)]
    [InlineData(400, "ValidationException", FaultKind.Invalid)]
    [InlineData(409, "ConflictException", FaultKind.Invalid)]
    [InlineData(403, "AccessDeniedException", FaultKind.NotAuthorised)]
    public async Task What_was_refused_is_said_at_once(int status, string code, FaultKind kind)
    {
        var aws = new ScriptedAws(Answer(status, """{"message":"said so"}""", errorType: $"{code}:http://internal.amazon.com/coral/"));
        using var emr = Client(aws);

        var fault = await Assert.ThrowsAsync<PipelineException>(() => emr.GetAsync("00app", "1", Cancel));

        Assert.Equal((kind, $"EMR Serverless refuses GetJobRun: {code}: said so", 1), (fault.Kind, fault.Cause, aws.Requests));
    }

    private static async Task<string> StartedAsync(EmrServerlessClient emr, string application, NewEmrJobRun run) =>
        Assert.IsType<StartJobOutcome.Started>(await emr.StartAsync(application, run, Cancel)).JobRunId;

    private static NewEmrJobRun Job(string name) =>
        new(name, $"token-of-{name.Replace('/', '.')}", Role, "s3://lake/_jobs/medallion_job.py", ["--sha256", "ö\"<&>"], "--conf spark.sql.adaptive.enabled=true");

    private EmrServerlessClient Client(HttpMessageHandler transport) => new(AwsServices.Settings(), _time, AwsServices.Credentials, transport);

    /// <summary>A new application, by a request of the test's own.</summary>
    private async Task<string> ApplicationAsync()
    {
        using var http = new HttpClient { BaseAddress = await services.UrlAsync(Cancel) };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/applications")
        {
            Content = JsonContent.Create(new { name = "silver", releaseLabel = "emr-7.5.0", type = "SPARK", clientToken = "t", maximumCapacity = new { cpu = "400 vCPU", memory = "3000 GB" } }),
        };
        request.Headers.TryAddWithoutValidation("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/emr-serverless/aws4_request, SignedHeaders=host, Signature=0");
        using var response = await http.SendAsync(request, Cancel);
        using var json = JsonDocument.Parse(await response.Content.ReadAsStringAsync(Cancel));
        return json.RootElement.GetProperty("applicationId").GetString()!;
    }
}
