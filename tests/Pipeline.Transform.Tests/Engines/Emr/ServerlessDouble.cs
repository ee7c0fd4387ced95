using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Web;

namespace Pipeline.Transform.Tests.Engines.Emr;

/// <summary>
/// An application of EMR Serverless, as a client sees it: a job moves on by time, is one for each token, and does its work when it
/// succeeds. Written from AWS's model alone.
/// </summary>
internal sealed class ServerlessDouble(TimeProvider time, Func<ServerlessDouble.Job, Task> work) : HttpMessageHandler
{
    public const string Application = "00app";

    private readonly SemaphoreSlim _one = new(1, 1);

    public List<Job> Jobs { get; } = [];

    /// <summary>Requests by their operations, with the time of each.</summary>
    public List<(DateTimeOffset At, string Operation)> Asked { get; } = [];

    /// <summary>States and the time that a job is in each, the last one for good.</summary>
    public IReadOnlyList<(string State, TimeSpan For)> Course { get; set; } =
        [("SUBMITTED", TimeSpan.FromSeconds(5)), ("QUEUED", TimeSpan.FromSeconds(20)), ("PENDING", TimeSpan.FromSeconds(5)), ("SCHEDULED", TimeSpan.FromSeconds(20)), ("RUNNING", TimeSpan.FromSeconds(60)), ("SUCCESS", TimeSpan.Zero)];

    public TimeSpan CancelsAfter { get; set; } = TimeSpan.FromSeconds(20);

    public string Details { get; set; } = "";

    /// <summary>Told after each page of a list.</summary>
    public Action Listed { get; set; } = () => { };

    /// <summary>What becomes of the next requests to start a job; then they are carried out.</summary>
    public Queue<Lot> Lots { get; } = [];

    public enum Lot
    {
        CarriedOut,
        AnswerLost,
        QuotaFull,
        Throttled,
    }

    public sealed class Job
    {
        public required string Id { get; init; }
        public required JsonObject Request { get; init; }
        public required DateTimeOffset At { get; init; }
        public DateTimeOffset? CancelledAt { get; set; }
        public bool HasWorked { get; set; }
        public string Token => (string)Request["clientToken"]!;
        public string Name => (string)Request["name"]!;
        public IReadOnlyList<string> Arguments => [.. Request["jobDriver"]!["sparkSubmit"]!["entryPointArguments"]!.AsArray().Select(argument => (string)argument!)];
        public string Argument(string name) => Arguments[Arguments.ToList().IndexOf(name) + 1];
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            var path = request.RequestUri!.AbsolutePath.Split('/', StringSplitOptions.RemoveEmptyEntries);
            var query = HttpUtility.ParseQueryString(request.RequestUri.Query);
            var operation = (request.Method.Method, path.Length) switch { ("POST", 3) => "StartJobRun", ("GET", 3) => "ListJobRuns", ("GET", 4) => "GetJobRun", ("DELETE", 4) => "CancelJobRun", ("GET", 2) => "GetApplication", _ => "?" };
            Asked.Add((time.GetUtcNow(), operation));
            if (path[1] != Application) return Error(404, "ResourceNotFoundException");
            foreach (var job in Jobs) await MoveAsync(job);
            var found = path.Length == 4 ? Jobs.FirstOrDefault(job => job.Id == path[3]) : null;
            return operation switch
            {
                "StartJobRun" => Start(JsonNode.Parse(await request.Content!.ReadAsStringAsync(cancellationToken))!.AsObject()),
                "ListJobRuns" => List(query["states"], query["createdAtAfter"], query["nextToken"]),
                "GetApplication" => Answer(new JsonObject { ["application"] = new JsonObject { ["applicationId"] = Application, ["state"] = "STARTED", ["maximumCapacity"] = new JsonObject { ["cpu"] = "16 vCPU", ["memory"] = "64 GB" } } }),
                "GetJobRun" when found is not null => Answer(new JsonObject { ["jobRun"] = Describe(found, "jobRunId") }),
                "CancelJobRun" when found is not null => Cancel(found, query["shutdownGracePeriodInSeconds"]),
                _ => Error(404, "ResourceNotFoundException"),
            };
        }
        finally
        {
            _one.Release();
        }
    }

    public string StateOf(Job job)
    {
        var now = time.GetUtcNow();
        if (job.CancelledAt is { } at && Natural(job, at) is not ("SUCCESS" or "FAILED")) return now < at + CancelsAfter ? "CANCELLING" : "CANCELLED";
        return Natural(job, now);
    }

    private string Natural(Job job, DateTimeOffset now)
    {
        var began = job.At;
        foreach (var (state, length) in Course.SkipLast(1))
        {
            if (now < began + length) return state;
            began += length;
        }

        return Course[^1].State;
    }

    private async Task MoveAsync(Job job)
    {
        if (StateOf(job) != "SUCCESS" || job.HasWorked) return;
        job.HasWorked = true;
        await work(job);
    }

    private HttpResponseMessage Start(JsonObject request)
    {
        var lot = Lots.TryDequeue(out var next) ? next : Lot.CarriedOut;
        if (lot == Lot.QuotaFull) return Error(402, "ServiceQuotaExceededException");
        if (lot == Lot.Throttled) return Error(429, "TooManyRequestsException");
        var job = Jobs.FirstOrDefault(job => job.Token == (string?)request["clientToken"]);
        if (job is null) Jobs.Add(job = new Job { Id = $"00f{Jobs.Count}", Request = request, At = time.GetUtcNow() });
        return lot == Lot.AnswerLost ? throw new HttpRequestException(HttpRequestError.ResponseEnded, "reset") : Answer(new JsonObject { ["applicationId"] = Application, ["jobRunId"] = job.Id, ["arn"] = "arn" });
    }

    private HttpResponseMessage List(string? state, string? createdAfter, string? token)
    {
        var after = createdAfter is null ? DateTimeOffset.MinValue : DateTimeOffset.Parse(createdAfter, CultureInfo.InvariantCulture);
        var matching = Jobs.AsEnumerable().Reverse().Where(job => (state is null || StateOf(job) == state) && job.At > after).Skip(int.Parse(token ?? "0", CultureInfo.InvariantCulture)).ToList();
        var answer = new JsonObject { ["jobRuns"] = new JsonArray([.. matching.Take(50).Select(job => Describe(job, "id"))]) };
        Listed();
        if (matching.Count > 50) answer["nextToken"] = $"{int.Parse(token ?? "0", CultureInfo.InvariantCulture) + 50}";
        return Answer(answer);
    }

    private HttpResponseMessage Cancel(Job job, string? grace)
    {
        if (StateOf(job) is "SUCCESS" or "FAILED" or "CANCELLED") return Error(400, "ValidationException");
        Assert.Equal("30", grace);
        job.CancelledAt ??= time.GetUtcNow();
        return Answer(new JsonObject { ["applicationId"] = Application, ["jobRunId"] = job.Id });
    }

    private JsonObject Describe(Job job, string id)
    {
        var state = StateOf(job);
        var described = new JsonObject
        {
            ["applicationId"] = Application, [id] = job.Id, ["name"] = job.Name, ["state"] = state, ["stateDetails"] = Details, ["createdAt"] = Seconds(job.At), ["updatedAt"] = Seconds(time.GetUtcNow()),
            ["jobDriver"] = job.Request["jobDriver"]!.DeepClone(),
        };
        if (state is not "SUCCESS" and not "FAILED") return described;
        described["billedResourceUtilization"] = new JsonObject { ["vCPUHour"] = 1.25, ["memoryGBHour"] = 5.5, ["storageGBHour"] = 2 };
        described["totalResourceUtilization"] = new JsonObject { ["vCPUHour"] = 0.5, ["memoryGBHour"] = 2.5, ["storageGBHour"] = 20 };
        return described;
    }

    private static double Seconds(DateTimeOffset at) => (at - DateTimeOffset.UnixEpoch).TotalSeconds;

    private static HttpResponseMessage Answer(JsonObject body) => new(HttpStatusCode.OK) { Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json") };

    private static HttpResponseMessage Error(int status, string code)
    {
        var response = new HttpResponseMessage((HttpStatusCode)status) { Content = new StringContent(JsonSerializer.Serialize(new { message = "said so" }), Encoding.UTF8, "application/json") };
        response.Headers.Add("x-amzn-errortype", code);
        return response;
    }
}
