using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Pipeline.Emulation.Emr.Serverless;

/// <summary>The operations of EMR Serverless on the job runs of one application, which is there from the start.</summary>
internal sealed partial class ServerlessService(EmrOptions options, ServerlessJobs jobs)
{
    private const int PageMax = 50;

    /// <summary>What a job that has ended is billed for: four cores and sixteen gigabytes for its time, a minute at least.</summary>
    private const double Cores = 4;
    private const double Gigabytes = 16;
    private const double StorageGigabytes = 20;

    /// <exception cref="EmrError">It is refused.</exception>
    public JsonObject Act(string operation, string application, string? job, IReadOnlyDictionary<string, string> query, JsonElement input)
    {
        if (application != options.Application) throw NotFound($"Application {application} does not exist.");
        return operation switch
        {
            "StartJobRun" => Start(input),
            "GetJobRun" => new JsonObject { ["jobRun"] = Described(Find(job!)) },
            "CancelJobRun" => Cancel(Find(job!), query),
            "ListJobRuns" => List(query),
            "GetDashboardForJobRun" => new JsonObject { ["url"] = $"https://{Find(job!).Id}.emrappui-prod.{options.Region}.amazonaws.com/shs/?authToken=emulated" },
            "GetApplication" => new JsonObject { ["application"] = ApplicationAnswer() },
            _ => throw new EmrError(404, "UnknownOperationException", $"The operation {operation} is not emulated."),
        };
    }

    private static EmrError NotFound(string message) => new(404, "ResourceNotFoundException", message);

    private static EmrError Invalid(string message) => new(400, "ValidationException", message);

    private ServerlessJob Find(string id) => jobs.With(store => store.Job(id)) ?? throw NotFound($"Job run {id} does not exist.");

    private JsonObject Start(JsonElement input)
    {
        var token = Checked(input.Required("clientToken", "clientToken"), "clientToken", Token(), 64);
        var role = Checked(input.Required("executionRoleArn", "executionRoleArn"), "executionRoleArn", Role(), 2048);
        var spark = (input.Structure("jobDriver", "jobDriver") ?? throw Invalid("jobDriver is required.")).Structure("sparkSubmit", "jobDriver.sparkSubmit") ?? throw Invalid("Only Spark jobs are emulated.");
        var timeout = input.Number("executionTimeoutMinutes", "executionTimeoutMinutes");
        var policy = input.Structure("executionIamPolicy", "executionIamPolicy")?.Optional("policy", "executionIamPolicy.policy", 2048);
        var name = input.Optional("name", "name", 256);
        var arguments = spark.Texts("entryPointArguments", "jobDriver.sparkSubmit.entryPointArguments") ?? [];
        if (arguments.Any(string.IsNullOrWhiteSpace)) throw Invalid("entryPointArguments: Member must satisfy regular expression pattern: .*\\S.*");
        var request = input.GetRawText();
        var job = jobs.With(store =>
        {
            if (store.Jobs.FirstOrDefault(known => known.ClientToken == token) is { } before)
                return before.Request == request ? before : throw new EmrError(409, "ConflictException", $"A job run with client token {token} and other parameters exists.");
            return jobs.Start(new ServerlessJob
            {
                Number = store.Jobs.Select(known => known.Number).DefaultIfEmpty(0).Max() + 1,
                Id = ServerlessJobs.NewId(),
                Application = options.Application,
                ClientToken = token,
                Request = request,
                Name = name,
                ExecutionRole = role,
                EntryPoint = spark.Required("entryPoint", "jobDriver.sparkSubmit.entryPoint", 4096),
                Arguments = [.. arguments],
                Parameters = spark.Optional("sparkSubmitParameters", "jobDriver.sparkSubmit.sparkSubmitParameters", 102_400),
                Policy = policy,
                LogUri = input.Structure("configurationOverrides", "configurationOverrides")?.Structure("monitoringConfiguration", "monitoringConfiguration")
                    ?.Structure("s3MonitoringConfiguration", "s3MonitoringConfiguration")?.Optional("logUri", "logUri"),
                TimeoutMinutes = timeout,
                State = JobState.Submitted,
                CreatedAt = options.Time.GetUtcNow(),
                UpdatedAt = options.Time.GetUtcNow(),
            });
        });
        return new JsonObject { ["applicationId"] = job.Application, ["jobRunId"] = job.Id, ["arn"] = ArnOf(job) };
    }

    private JsonObject Cancel(ServerlessJob job, IReadOnlyDictionary<string, string> query)
    {
        var grace = query.TryGetValue("shutdownGracePeriodInSeconds", out var text) && int.TryParse(text, CultureInfo.InvariantCulture, out var seconds) ? seconds : 0;
        if (grace is not 0 and (< 15 or > 1800)) throw Invalid("shutdownGracePeriodInSeconds must be 0 or between 15 and 1800.");
        if (!jobs.Cancel(job.Id, TimeSpan.FromSeconds(grace))) throw Invalid($"Job run {job.Id} is in state {job.State} and cannot be cancelled.");
        return new JsonObject { ["applicationId"] = job.Application, ["jobRunId"] = job.Id };
    }

    private JsonObject List(IReadOnlyDictionary<string, string> query)
    {
        var max = query.TryGetValue("maxResults", out var text) ? int.Parse(text, CultureInfo.InvariantCulture) : PageMax;
        if (max is < 1 or > PageMax) throw Invalid($"maxResults must be between 1 and {PageMax}.");
        var after = MomentOf(query, "createdAtAfter") ?? DateTimeOffset.MinValue;
        var before = MomentOf(query, "createdAtBefore") ?? DateTimeOffset.MaxValue;
        var below = query.TryGetValue("nextToken", out var token) ? long.TryParse(token, CultureInfo.InvariantCulture, out var number) ? number : throw Invalid("nextToken is not valid.") : long.MaxValue;
        return jobs.With(store =>
        {
            var page = store.Jobs.Reverse().Where(job => job.Number < below && job.CreatedAt >= after && job.CreatedAt <= before && job.CreatedAt + options.StepShowsAfter <= options.Time.GetUtcNow())
                .Where(job => !query.TryGetValue("states", out var states) || states == job.State).Take(max + 1).ToList();
            var answer = new JsonObject { ["jobRuns"] = new JsonArray([.. page.Take(max).Select(Summary)]) };
            if (page.Count > max) answer["nextToken"] = page[max - 1].Number.ToString(CultureInfo.InvariantCulture);
            return answer;
        });
    }

    private static DateTimeOffset? MomentOf(IReadOnlyDictionary<string, string> query, string name) =>
        !query.TryGetValue(name, out var text) ? null : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var moment) ? moment : throw Invalid($"{name} is no time.");

    private JsonObject Common(ServerlessJob job)
    {
        var answer = new JsonObject
        {
            ["applicationId"] = job.Application,
            ["arn"] = ArnOf(job),
            ["createdBy"] = $"arn:aws:iam::{options.Account}:user/emulated",
            ["createdAt"] = SecondsOf(job.CreatedAt),
            ["updatedAt"] = SecondsOf(job.UpdatedAt),
            ["executionRole"] = job.ExecutionRole,
            ["state"] = job.State,
            ["stateDetails"] = job.Details,
            ["releaseLabel"] = "emr-6.15.0",
            ["mode"] = "BATCH",
            ["attempt"] = 1,
        };
        if (job.Name is not null) answer["name"] = job.Name;
        return answer;
    }

    private JsonObject Summary(ServerlessJob job)
    {
        var answer = Common(job);
        answer["id"] = job.Id;
        answer["type"] = "SPARK";
        return answer;
    }

    private JsonObject Described(ServerlessJob job)
    {
        var answer = Common(job);
        answer["jobRunId"] = job.Id;
        var spark = new JsonObject { ["entryPoint"] = job.EntryPoint, ["entryPointArguments"] = new JsonArray([.. job.Arguments.Select(argument => JsonValue.Create(argument))]) };
        if (job.Parameters is not null) spark["sparkSubmitParameters"] = job.Parameters;
        answer["jobDriver"] = new JsonObject { ["sparkSubmit"] = spark };
        if (job.Policy is not null) answer["executionIamPolicy"] = new JsonObject { ["policy"] = job.Policy };
        if (job.TimeoutMinutes is not null) answer["executionTimeoutMinutes"] = job.TimeoutMinutes;
        if (job.LogUri is not null) answer["configurationOverrides"] = new JsonObject { ["monitoringConfiguration"] = new JsonObject { ["s3MonitoringConfiguration"] = new JsonObject { ["logUri"] = job.LogUri } } };
        if (job.StartedAt is { } started) answer["startedAt"] = SecondsOf(started);
        if (job.EndedAt is not { } ended) return answer;
        answer["endedAt"] = SecondsOf(ended);
        if (job.StartedAt is not { } ran) return answer;
        var seconds = (ended - ran).TotalSeconds;
        answer["totalExecutionDurationSeconds"] = (int)Math.Ceiling(seconds);
        answer["totalResourceUtilization"] = Resources(seconds);
        answer["billedResourceUtilization"] = Resources(Math.Max(60, Math.Ceiling(seconds)));
        return answer;
    }

    private static JsonObject Resources(double seconds) => new()
    {
        ["vCPUHour"] = Math.Round(Cores * seconds / 3600, 3),
        ["memoryGBHour"] = Math.Round(Gigabytes * seconds / 3600, 3),
        ["storageGBHour"] = Math.Round(StorageGigabytes * seconds / 3600, 3),
    };

    private JsonObject ApplicationAnswer() => new()
    {
        ["applicationId"] = options.Application,
        ["name"] = "emulated",
        ["arn"] = $"arn:aws:emr-serverless:{options.Region}:{options.Account}:/applications/{options.Application}",
        ["releaseLabel"] = "emr-6.15.0",
        ["type"] = "SPARK",
        ["state"] = "STARTED",
        ["createdAt"] = 0,
        ["updatedAt"] = 0,
        ["maximumCapacity"] = new JsonObject { ["cpu"] = "400 vCPU", ["memory"] = "3000 GB" },
    };

    private string ArnOf(ServerlessJob job) => $"arn:aws:emr-serverless:{options.Region}:{options.Account}:/applications/{job.Application}/jobruns/{job.Id}";

    private static double SecondsOf(DateTimeOffset at) => at.ToUnixTimeMilliseconds() / 1000.0;

    private static string Checked(string value, string member, Regex pattern, int max) =>
        value.Length <= max && pattern.IsMatch(value) ? value : throw EmrError.Member(value, member, $"Member must satisfy regular expression pattern: {pattern}");

    [GeneratedRegex("^[A-Za-z0-9._-]{1,64}$", RegexOptions.CultureInvariant)]
    private static partial Regex Token();

    [GeneratedRegex(@"^arn:aws[a-zA-Z0-9-]*:iam::[0-9]{12}:role/.+$", RegexOptions.CultureInvariant)]
    private static partial Regex Role();
}
