using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Emulation.Emr;

namespace Pipeline.Emulation.Tests.Emr;

/// <summary>The emulated EMR Serverless has its states, its idempotency and its refusals, in virtual time.</summary>
public sealed class ServerlessSpec : IAsyncDisposable
{
    private const string Role = "arn:aws:iam::000000000000:role/jobs";

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly Dictionary<string, TaskCompletionSource<EmrOutcome>> _works = new(StringComparer.Ordinal);
    private readonly List<EmrWork> _begun = [];
    private readonly EmrService _service;
    private readonly HttpClient _client;

    public ServerlessSpec()
    {
        _service = new EmrService(new EmrOptions
        {
            Time = _time,
            StepStartsAfter = TimeSpan.FromSeconds(3),
            CancelsAfter = TimeSpan.FromSeconds(1),
            ServerlessJobsMax = 1,
            Work = work =>
            {
                _begun.Add(work);
                return (_works[work.Name] = new TaskCompletionSource<EmrOutcome>()).Task;
            },
        });
        _client = new HttpClient(new EmrMessageHandler(_service)) { BaseAddress = new Uri("http://emr-serverless.test") };
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        // From now on it begins nothing, and waits until the work that it has begun has ended.
        var disposing = _service.DisposeAsync();
        foreach (var work in _works.Values.ToList()) work.TrySetResult(new EmrOutcome(143));
        await disposing;
    }

    [Fact]
    public async Task A_job_goes_through_its_states_and_is_billed_when_it_has_ended()
    {
        var id = await StartAsync("a");
        var states = new List<string> { await StateAsync(id) };
        for (var i = 0; i < 3; i++)
        {
            Pass(1);
            states.Add(await StateAsync(id));
        }

        Pass(90);
        _works["a"].SetResult(EmrOutcome.Done);
        var job = (await OkAsync(HttpMethod.Get, $"/jobruns/{id}"))["jobRun"]!;

        Assert.Equal(["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING"], states);
        Assert.Equal("SUCCESS", (string)job["state"]!);
        Assert.Equal((0.1, 0.4, 0.5), ((double)job["billedResourceUtilization"]!["vCPUHour"]!, (double)job["billedResourceUtilization"]!["memoryGBHour"]!, (double)job["billedResourceUtilization"]!["storageGBHour"]!));
        Assert.StartsWith("https://", (string)(await OkAsync(HttpMethod.Get, $"/jobruns/{id}/dashboard"))["url"]!);
        Assert.Equal(["spark-submit", "--conf", "spark.a=b", "s3://b/program.py", "--sha256", "00"], _begun[0].Args);
        Assert.Equal($"s3://logs/applications/{_service.Application}/jobs/{id}/SPARK_DRIVER", _begun[0].LogUri);
    }

    [Fact]
    public async Task The_same_token_is_the_same_job_and_another_request_with_it_a_conflict()
    {
        var first = await StartAsync("a");

        Assert.Equal(first, await StartAsync("a"));
        var (status, body) = await CallAsync(HttpMethod.Post, "/jobruns", Request("a", name: "other"));
        Assert.Equal((409, "ConflictException"), (status, (string)body["__type"]!));
        Assert.Single((await OkAsync(HttpMethod.Get, "/jobruns?maxResults=50"))["jobRuns"]!.AsArray());
    }

    [Fact]
    public async Task A_job_without_capacity_is_queued_until_another_has_ended()
    {
        var (first, second) = (await StartAsync("a"), await StartAsync("b"));
        for (var i = 0; i < 3; i++) Pass(1);
        var queued = await StateAsync(second);
        _works["a"].SetResult(new EmrOutcome(1, null, "boom"));
        for (var i = 0; i < 3; i++) Pass(1);

        Assert.Equal(("FAILED", "QUEUED", "RUNNING"), (await StateAsync(first), queued, await StateAsync(second)));
        Assert.Contains("boom", (string)(await OkAsync(HttpMethod.Get, $"/jobruns/{first}"))["jobRun"]!["stateDetails"]!);
    }

    [Fact]
    public async Task A_cancelled_job_has_its_grace_and_ends_when_its_work_has()
    {
        var id = await StartAsync("a");
        for (var i = 0; i < 3; i++) Pass(1);

        await OkAsync(HttpMethod.Delete, $"/jobruns/{id}?shutdownGracePeriodInSeconds=15");
        Pass(15);
        var (state, isTold) = (await StateAsync(id), _begun[0].Cancelled.IsCancellationRequested);
        Pass(1);
        var isToldThen = _begun[0].Cancelled.IsCancellationRequested;
        _works["a"].SetResult(new EmrOutcome(143));

        Assert.Equal(("CANCELLING", false, true, "CANCELLED"), (state, isTold, isToldThen, await StateAsync(id)));
        var (status, body) = await CallAsync(HttpMethod.Delete, $"/jobruns/{id}");
        Assert.Equal((400, "ValidationException"), (status, (string)body["__type"]!));
    }

    [Fact]
    public async Task A_job_that_takes_longer_than_it_may_is_cancelled()
    {
        var id = await StartAsync("a");
        for (var i = 0; i < 3; i++) Pass(1);
        Pass(300);
        Pass(1);
        _works["a"].SetResult(new EmrOutcome(143));

        Assert.Equal("CANCELLED", await StateAsync(id));
    }

    [Fact]
    public async Task Jobs_are_listed_the_newest_first_a_page_after_the_other_and_after_a_time()
    {
        for (var i = 0; i < 3; i++)
        {
            await StartAsync($"j{i}");
            Pass(60);
        }

        var first = await OkAsync(HttpMethod.Get, "/jobruns?maxResults=2");
        var second = await OkAsync(HttpMethod.Get, $"/jobruns?maxResults=2&nextToken={first["nextToken"]}");
        var late = await OkAsync(HttpMethod.Get, "/jobruns?createdAtAfter=2026-01-01T00%3A00%3A30Z");

        Assert.Equal(["j2", "j1", "j0"], NamesOf(first).Concat(NamesOf(second)));
        Assert.Null(second["nextToken"]);
        Assert.Equal(["j2", "j1"], NamesOf(late));
    }

    [Fact]
    public async Task What_is_not_there_and_what_is_wrong_is_refused()
    {
        var missing = await CallAsync(HttpMethod.Get, "/jobruns/00none");
        var elsewhere = await CallAsync(HttpMethod.Get, "", application: "00other");
        var token = await CallAsync(HttpMethod.Post, "/jobruns", Request("a token with blanks"));
        _service.Faults.Inject("StartJobRun", EmrFaultKind.LoseAnswer);
        await Assert.ThrowsAsync<HttpRequestException>(() => StartAsync("a"));

        Assert.Equal((404, "ResourceNotFoundException"), (missing.Status, (string)missing.Body["__type"]!));
        Assert.Equal((404, "ResourceNotFoundException"), (elsewhere.Status, (string)elsewhere.Body["__type"]!));
        Assert.Equal((400, "ValidationException"), (token.Status, (string)token.Body["__type"]!));
        Assert.Single((await OkAsync(HttpMethod.Get, "/jobruns"))["jobRuns"]!.AsArray());
        Assert.Equal("STARTED", (string)(await OkAsync(HttpMethod.Get, ""))["application"]!["state"]!);
    }

    private static IEnumerable<string> NamesOf(JsonNode page) => page["jobRuns"]!.AsArray().Select(job => (string)job!["name"]!);

    private static object Request(string token, string? name = null) => new
    {
        clientToken = token,
        executionRoleArn = Role,
        name = name ?? token,
        executionTimeoutMinutes = 5,
        jobDriver = new { sparkSubmit = new { entryPoint = "s3://b/program.py", entryPointArguments = (string[])["--sha256", "00"], sparkSubmitParameters = "--conf spark.a=b" } },
        configurationOverrides = new { monitoringConfiguration = new { s3MonitoringConfiguration = new { logUri = "s3://logs/" } } },
    };

    private async Task<string> StartAsync(string token) => (string)(await OkAsync(HttpMethod.Post, "/jobruns", Request(token)))["jobRunId"]!;

    private async Task<string> StateAsync(string id) => (string)(await OkAsync(HttpMethod.Get, $"/jobruns/{id}"))["jobRun"]!["state"]!;

    private void Pass(double seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));

    private async Task<JsonNode> OkAsync(HttpMethod method, string path, object? input = null)
    {
        var (status, body) = await CallAsync(method, path, input);
        Assert.True(status == 200, body.ToJsonString());
        return body;
    }

    private async Task<(int Status, JsonNode Body)> CallAsync(HttpMethod method, string path, object? input = null, string? application = null)
    {
        using var request = new HttpRequestMessage(method, $"/applications/{application ?? _service.Application}{path}");
        if (input is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(input)));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        }

        request.Headers.TryAddWithoutValidation("X-Amz-Date", _time.GetUtcNow().ToString("yyyyMMddTHHmmssZ", CultureInfo.InvariantCulture));
        request.Headers.TryAddWithoutValidation("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/emr-serverless/aws4_request, SignedHeaders=host, Signature=0");
        using var response = await _client.SendAsync(request, TestContext.Current.CancellationToken);
        return ((int)response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!);
    }
}
