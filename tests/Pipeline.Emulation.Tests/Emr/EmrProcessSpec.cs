using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Pipeline.Emulation.Emr;
using Pipeline.Testing;

namespace Pipeline.Emulation.Tests.Emr;

/// <summary>The server as a program, asked by AWS's own command line and judged by its own model of EMR.</summary>
public sealed class EmrProcessSpec : IDisposable
{
    private const string Document = """
        {"format":1,"dialect":"duckdb","run":{"table":"gold/ones","number":1},"root":"ROOT",
         "outputs":[{"name":"gold/ones","location":"gold/ones","targetBytes":1000000,"columns":[{"name":"one","type":"long"}]}],
         "steps":[{"do":"define","name":"ones","keep":true,"sql":"SQL"},{"do":"write","output":"gold/ones","from":"ones"}]}
        """;

    private readonly ScratchDirectory _root = new("emr-");

    public void Dispose() => _root.Dispose();

    private string Lake => Path.Combine(_root, "lake");

    private string State => Path.Combine(_root, "state");

    private string Answer => Path.Combine(Lake, "_jobs", "answer-e1.json");

    [Fact]
    public async Task The_command_line_of_AWS_adds_lists_describes_and_cancels_steps_and_starts_jobs()
    {
        await using var server = await EmrProcess.StartAsync(State, "--log-uri", Path.Combine(_root, "logs"), "--step-concurrency", "1");
        var (endpoint, checker) = await CheckedAsync(server.Url);
        await using var _ = checker;
        Task<JsonNode> AwsAsync(params string[] arguments) => AwsOfAsync("emr", arguments);
        async Task<JsonNode> AwsOfAsync(string service, params string[] arguments)
        {
            var environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["AWS_ACCESS_KEY_ID"] = "test", ["AWS_SECRET_ACCESS_KEY"] = "test", ["AWS_DEFAULT_REGION"] = "eu-central-1", ["AWS_MAX_ATTEMPTS"] = "1" };
            await using var aws = OutsideProgram.TryStart("aws", ["--endpoint-url", endpoint.ToString(), "--output", "json", "--cli-read-timeout", "0", service, .. arguments], environment);
            Assert.SkipWhen(aws is null, "There is no aws on this machine.");
            var (exit, lines) = await aws.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(exit == 0, string.Join('\n', lines));
            return JsonNode.Parse(string.Join('\n', lines) is { Length: > 0 } text ? text : "{}")!;
        }

        var steps = WriteSteps("SELECT 1::BIGINT AS one", "SELECT sum(range) AS one FROM range(100000000000)", "SELECT 1::BIGINT AS one");
        var ids = (await AwsAsync("add-steps", "--cluster-id", server.Cluster, "--steps", steps))["StepIds"]!.AsArray().Select(id => (string)id!).ToList();
        var log = Path.Combine(State, "log.jsonl");
        await LoggedAsync(log, e => e.Step == ids[0] && e.State == "COMPLETED");
        await LoggedAsync(log, e => e.Step == ids[1] && e.What == "writes");
        var listed = (await AwsAsync("list-steps", "--cluster-id", server.Cluster))["Steps"]!.AsArray().Select(step => (string)step!["Id"]!).ToList();
        var cancelled = await AwsAsync("cancel-steps", "--cluster-id", server.Cluster, "--step-ids", ids[1], ids[2], "--step-cancellation-option", "TERMINATE_PROCESS");
        await LoggedAsync(log, e => e.Step == ids[1] && e.State == "CANCELLED");
        await LoggedAsync(log, e => e.Step == ids[2] && e.State == "CANCELLED");
        var described = await AwsAsync("describe-step", "--cluster-id", server.Cluster, "--step-id", ids[0]);
        var transient = (string)(await AwsAsync("create-cluster", "--name", "transient", "--release-label", "emr-6.15.0", "--instance-type", "m5.2xlarge", "--instance-count", "5", "--applications", "Name=Spark",
            "--service-role", "service", "--ec2-attributes", "InstanceProfile=instances", "--auto-termination-policy", "IdleTimeout=60", "--tags", "team=data",
            "--managed-scaling-policy", "ComputeLimits={UnitType=Instances,MinimumCapacityUnits=2,MaximumCapacityUnits=10}"))["ClusterId"]!;
        var clusters = (await AwsAsync("list-clusters", "--active"))["Clusters"]!.AsArray().Select(cluster => (string)cluster!["Id"]!).ToList();
        await AwsAsync("terminate-clusters", "--cluster-ids", transient);

        string[] job = ["--application-id", (await AwsOfAsync("emr-serverless", "start-job-run", "--application-id", EmrProcess.Application, "--client-token", "t1", "--execution-role-arn", "arn:aws:iam::000000000000:role/jobs",
            "--name", "test-lake/gold/ones/4/e4", "--job-driver", WriteJob(4, "SELECT 1::BIGINT AS one")))["applicationId"]!.ToString()];
        await LoggedAsync(log, e => e.Name == "test-lake/gold/ones/4/e4" && e.State == "SUCCESS");
        var jobs = (await AwsOfAsync("emr-serverless", ["list-job-runs", .. job]))["jobRuns"]!.AsArray();
        var ran = (await AwsOfAsync("emr-serverless", ["get-job-run", .. job, "--job-run-id", (string)jobs[0]!["id"]!]))["jobRun"]!;
        await AwsOfAsync("emr-serverless", ["get-application", .. job]);
        await AwsOfAsync("emr-serverless", ["get-dashboard-for-job-run", .. job, "--job-run-id", (string)jobs[0]!["id"]!]);

        Assert.Equal([transient, server.Cluster], clusters);
        Assert.Equal("SUCCESS", (string)ran["state"]!);
        Assert.True((double)ran["billedResourceUtilization"]!["vCPUHour"]! > 0);
        Assert.Equal(Enumerable.Reverse(ids), listed);
        Assert.All(cancelled["CancelStepsInfoList"]!.AsArray(), info => Assert.Equal("SUBMITTED", (string)info!["Status"]!));
        Assert.Equal("COMPLETED", (string)described["Step"]!["Status"]!["State"]!);
        var answer = JsonNode.Parse(await File.ReadAllTextAsync(Answer, TestContext.Current.CancellationToken))!;
        var file = Assert.Single(answer["outputs"]![0]!["files"]!.AsArray())!;
        Assert.Equal(1, (long)file["rows"]!);
        Assert.True(File.Exists(Path.Combine(Lake, "gold/ones", (string)file["path"]!)));
        if (checker is null)
        {
            TestContext.Current.TestOutputHelper!.WriteLine("Not judged by AWS's model: there is no awscheck.py beside the checkout, or no python3.");
            return;
        }

        await checker.DisposeAsync();
        var verdicts = (await checker.LinesAsync()).Where(line => line.StartsWith('{')).Select(line => JsonNode.Parse(line)!).ToList();
        Assert.NotEmpty(verdicts);
        Assert.All(verdicts, verdict => Assert.True(verdict["request"]!.ToJsonString() == "\"ok\"" && verdict["response"]!.ToJsonString() == "\"ok\"", verdict.ToJsonString()));
    }

    [Fact]
    public async Task A_step_refuses_another_document_than_was_promised_and_its_log_says_so()
    {
        await using var server = await EmrProcess.StartAsync(State, "--log-uri", Path.Combine(_root, "logs"));
        using var emr = new EmrCaller(server.Url);
        WriteDocument(1, "SELECT 1::BIGINT AS one");
        var step = await emr.AddAsync(server.Cluster, "a", ArgumentsOf(1, new string('0', 64)));

        await LoggedAsync(Path.Combine(State, "log.jsonl"), e => e.Step == step && e.State == "FAILED");
        var details = (await emr.OkAsync("DescribeStep", new { ClusterId = server.Cluster, StepId = step }))["Step"]!["Status"]!["FailureDetails"]!;

        Assert.Contains("its SHA-256 is another", (string)details["Message"]!);
        Assert.Contains("its SHA-256 is another", await UnpackedAsync((string)details["LogFile"]!));
        Assert.False(File.Exists(Answer));
        Assert.False(Directory.Exists(Path.Combine(Lake, "gold/ones")));
    }

    [Fact]
    public async Task Killed_it_takes_its_steps_processes_along_and_says_after_its_start_that_they_have_failed()
    {
        string step, cluster;
        var log = Path.Combine(State, "log.jsonl");
        await using (var killed = await EmrProcess.StartAsync(State))
        {
            cluster = killed.Cluster;
            using var emr = new EmrCaller(killed.Url);
            var sha256 = WriteDocument(1, "SELECT sum(range) AS one FROM range(100000000000)");
            step = await emr.AddAsync(cluster, "a", ArgumentsOf(1, sha256));
            await LoggedAsync(log, e => e.Step == step && e.What == "writes");
        }

        await using var again = await EmrProcess.StartAsync(State);

        Assert.Equal(cluster, again.Cluster);
        Assert.Contains(EmrLog.Read(log), e => e.Step == step && e.State == "FAILED");
        Assert.DoesNotContain(Directory.GetDirectories("/proc"), process => IsOf(process, step));
        Assert.False(File.Exists(Answer));
    }

    private static bool IsOf(string process, string step)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline")).Split('\0').Contains(step, StringComparer.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private string WriteSteps(params string[] queries)
    {
        var steps = new JsonArray([.. queries.Select((sql, index) => new JsonObject
        {
            ["Name"] = $"test-lake/gold/ones/{index + 1}/e{index + 1}",
            ["ActionOnFailure"] = "CONTINUE",
            ["Type"] = "CUSTOM_JAR",
            ["Jar"] = "command-runner.jar",
            ["Args"] = new JsonArray([.. ArgumentsOf(index + 1, WriteDocument(index + 1, sql)).Select(argument => JsonValue.Create(argument))]),
        })]);
        var file = Path.Combine(_root, "steps.json");
        File.WriteAllText(file, steps.ToJsonString());
        return $"file://{file}";
    }

    private string WriteJob(int number, string sql)
    {
        var arguments = ArgumentsOf(number, WriteDocument(number, sql));
        var program = Array.IndexOf(arguments, "--document");
        return new JsonObject { ["sparkSubmit"] = new JsonObject
        {
            ["entryPoint"] = arguments[program - 1],
            ["entryPointArguments"] = new JsonArray([.. arguments[program..].Select(argument => JsonValue.Create(argument))]),
            ["sparkSubmitParameters"] = "--conf spark.sql.adaptive.enabled=true",
        } }.ToJsonString();
    }

    private string WriteDocument(int number, string sql)
    {
        Directory.CreateDirectory(Path.Combine(Lake, "_jobs"));
        var document = Encoding.UTF8.GetBytes(Document.Replace("ROOT", Lake, StringComparison.Ordinal).Replace("SQL", sql, StringComparison.Ordinal));
        File.WriteAllBytes(DocumentFile(number), document);
        File.WriteAllText(Path.Combine(Lake, "_jobs", "program.py"), "");
        return Convert.ToHexStringLower(SHA256.HashData(document));
    }

    private string DocumentFile(int number) => Path.Combine(Lake, "_jobs", $"document-{number}.json");

    private string[] ArgumentsOf(int number, string sha256) =>
    [
        "spark-submit", "--deploy-mode", "cluster", "--conf", "spark.sql.adaptive.enabled=true", new Uri(Path.Combine(Lake, "_jobs", "program.py")).ToString(),
        "--document", DocumentFile(number), "--sha256", sha256, "--execution", $"e{number}", "--answer", Path.Combine(Lake, "_jobs", $"answer-e{number}.json"),
    ];

    /// <summary>The checker in front of the server; without it the server itself.</summary>
    private static async Task<(Uri Endpoint, OutsideProgram? Checker)> CheckedAsync(Uri server)
    {
        if (SharedFiles.Find("tools/awscheck.py") is not { } script) return (server, null);
        var port = LoopbackPort.Free();
        var checker = OutsideProgram.TryStart("python3", [script, port.ToString(), server.ToString().TrimEnd('/'), "test", "test"]);
        if (checker is null) return (server, null);
        var endpoint = new Uri($"http://127.0.0.1:{port}");
        using var http = new HttpClient();
        while (true)
        {
            try
            {
                using var response = await http.GetAsync(endpoint, TestContext.Current.CancellationToken);
                await checker.WaitForLineAsync(line => line.StartsWith('{'), Deadlines.Test, TestContext.Current.CancellationToken);
                return (endpoint, checker);
            }
            catch (HttpRequestException)
            {
                await Task.Delay(100, TestContext.Current.CancellationToken);
            }
        }
    }

    private static async Task LoggedAsync(string log, Func<EmrEvent, bool> isIt)
    {
        while (!EmrLog.Read(log).Any(isIt)) await Task.Delay(50, TestContext.Current.CancellationToken);
    }

    private static async Task<string> UnpackedAsync(string file)
    {
        while (!File.Exists(file)) await Task.Delay(50, TestContext.Current.CancellationToken);
        await using var unpacked = new GZipStream(File.OpenRead(file), CompressionMode.Decompress);
        using var reader = new StreamReader(unpacked);
        return await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
    }
}
