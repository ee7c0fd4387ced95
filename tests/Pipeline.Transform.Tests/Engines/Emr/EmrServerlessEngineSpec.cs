using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Apache.Arrow;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Aws;
using Pipeline.Aws.EmrServerless;
using Pipeline.Core;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;
using Pipeline.Emulation.Emr;
using Pipeline.Testing;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Engines.Emr;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Tests.Engines.Emr;

/// <summary>One run for one intent, as a job of EMR Serverless.</summary>
public sealed class EmrServerlessEngineSpec : IDisposable
{
    private static readonly IReadOnlyList<Field> Columns = TestLake.BronzeColumns("user_id long", "email string");

    private readonly TestLake _lake = new(TestGraph.Of("users { from = bronze/app/users, columns { user_id { type = long }, email { type = string, required = true } }, key = [user_id] }"));
    private readonly ScratchDirectory _directory = new("jobs-");
    private readonly LocalObjectStore _store;
    private readonly ServerlessDouble _aws;
    private readonly EmrServerlessOptions _options;
    private readonly JobArtifacts _artifacts;
    private readonly EmrServerlessClient _client;
    private readonly EmrServerlessEngine _engine;
    private readonly RemoteRuns _remote;

    public EmrServerlessEngineSpec()
    {
        _store = new LocalObjectStore(_directory);
        _aws = new ServerlessDouble(_lake.Time, InterpretAsync);
        _options = new EmrServerlessOptions
        {
            Aws = new AwsSettings { Region = "eu-central-1", Retry = new RetryPolicy { BackoffMin = TimeSpan.Zero, BackoffMax = TimeSpan.Zero, AttemptsMax = 4 } },
            ApplicationId = ServerlessDouble.Application,
            ExecutionRole = "arn:aws:iam::123456789012:role/jobs",
            LogUri = _store.Location + "/logs/",
            Dialect = EngineDialect.Duckdb,
            Prices = new EmrServerlessPrices(0.05m, 0.006m, 0.0001m),
        };
        _artifacts = new JobArtifacts(_store);
        (_client, _engine) = EngineOver(_aws, _options);
        _remote = new RemoteRuns("test", _lake.Lake, _artifacts, [_engine]);
    }

    private (EmrServerlessClient Client, EmrServerlessEngine Engine) EngineOver(HttpMessageHandler aws, EmrServerlessOptions options)
    {
        var client = new EmrServerlessClient(options.Aws, _lake.Time, new Amazon.Runtime.BasicAWSCredentials("test", "test"), aws);
        return (client, new EmrServerlessEngine(options, client, new SparkSubmission(_artifacts, new SparkSettings(ImmutableSortedDictionary<string, string>.Empty.Add("spark.sql.adaptive.enabled", "true").Add("spark.driver.extraJavaOptions", "-Da=1 -Db=2")) { IsCodecOfTables = true }, table => table == TableId.Silver("users") ? new FileCompression(Codec.Zstd, 5) : Codec.Snappy),
            new JobLogs(new LocalObjectStore(options.LogUri!), TimeSpan.FromMinutes(2), _lake.Time), _lake.Time, NullLogger.Instance));
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _client.Dispose();
        _aws.Dispose();
        _lake.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_run_is_one_job_that_is_started_by_a_token_of_its_executions_name()
    {
        await RunAsync(await SpecAsync());

        var job = Assert.Single(_aws.Jobs);
        Assert.StartsWith($"test-{await _lake.Lake.IdAsync(Cancel)}/silver/users/2/", job.Name, StringComparison.Ordinal);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(job.Name))), job.Token);
        var submit = job.Request["jobDriver"]!["sparkSubmit"]!;
        Assert.Equal("--conf \"spark.driver.extraJavaOptions=-Da=1 -Db=2\" --conf spark.hadoop.parquet.compression.codec.zstd.level=5 --conf spark.sql.adaptive.enabled=true --conf spark.sql.parquet.compression.codec=zstd", (string?)submit["sparkSubmitParameters"]);
        Assert.Contains("--document", await File.ReadAllTextAsync((string)submit["entryPoint"]!, Cancel), StringComparison.Ordinal);
        Assert.Equal((720L, false), ((long)job.Request["executionTimeoutMinutes"]!, job.Request.ContainsKey("retryPolicy")));
        await HasRunAsync();
    }

    /// <summary>Written by others, from AWS's model as well.</summary>
    [Fact]
    public async Task A_run_goes_its_way_through_the_emulation_too()
    {
        await using var emulated = new EmrService(new EmrOptions
        {
            Time = _lake.Time,
            Work = async work =>
            {
                await InterpretAsync(work.Argument("--document")!, work.Argument("--execution")!, work.Argument("--answer")!);
                return EmrOutcome.Done;
            },
        });
        using var aws = new EmrMessageHandler(emulated);
        var (client, engine) = EngineOver(aws, _options with { ApplicationId = new EmrOptions().Application });
        using var disposed = client;
        var spec = await SpecAsync();
        var run = Task.Run(() => new JobRunner(_lake.Tables, _lake.Engine, _lake.Options, _lake.Time, new RemoteRuns("test", _lake.Lake, _artifacts, [engine])).RunAsync(spec, JobSubmission.Forgotten, Cancel), Cancel);

        await PumpAsync(() => run.IsCompleted);
        await run;

        await HasRunAsync();
        var (_, _, info) = (await RunHistory.FindAsync((await _lake.Tables.TryOpenAsync(TableId.Silver("users"), Cancel))!, 2, Cancel))!.Value;
        Assert.Contains("cost", info.OperationMetrics!.Keys);
    }

    [Fact]
    public async Task What_a_run_was_billed_and_costs_is_kept_with_it()
    {
        var result = await RunAsync(await SpecAsync());

        // What is measured is what the run says of itself, by its engine.
        Assert.Equal(0.0957m, result.Cost);
        var (_, _, info) = (await RunHistory.FindAsync((await _lake.Tables.TryOpenAsync(TableId.Silver("users"), Cancel))!, 2, Cancel))!.Value;
        Assert.Equal(("1.25", "5.5", "2", "0.5", "0.0957", "00f0"), (info.OperationMetrics!["billedVcpuHours"], info.OperationMetrics["billedMemoryGbHours"], info.OperationMetrics["billedStorageGbHours"],
            info.OperationMetrics["usedVcpuHours"], info.OperationMetrics["cost"], info.OperationMetrics["jobRun"]));
    }

    [Fact]
    public async Task Answers_that_are_lost_start_nothing_twice()
    {
        for (var i = 0; i < 4; i++) _aws.Lots.Enqueue(ServerlessDouble.Lot.AnswerLost);

        await RunAsync(await SpecAsync());

        Assert.Single(_aws.Jobs);
        await HasRunAsync();
    }

    [Fact]
    public async Task A_full_quota_and_a_throttled_account_are_waited_for()
    {
        _aws.Lots.Enqueue(ServerlessDouble.Lot.QuotaFull);
        _aws.Lots.Enqueue(ServerlessDouble.Lot.QuotaFull);
        _aws.Lots.Enqueue(ServerlessDouble.Lot.Throttled);

        await RunAsync(await SpecAsync());

        Assert.Single(_aws.Jobs);
        await HasRunAsync();
    }

    [Fact]
    public async Task A_node_that_stops_leaves_the_job_and_the_next_one_takes_it_over()
    {
        var spec = await SpecAsync();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var left = Task.Run(() => Runner.RunAsync(spec, JobSubmission.Forgotten, stop.Token), Cancel);
        await PumpAsync(() => _aws.Jobs.Any(job => _aws.StateOf(job) == "RUNNING"));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);

        await RunAsync(spec);

        Assert.Null(Assert.Single(_aws.Jobs).CancelledAt);
        await HasRunAsync();
    }

    [Fact]
    public async Task A_job_of_another_document_is_cancelled_and_ended_before_another_is_started()
    {
        var (spec, other) = (await SpecAsync(), await SpecAsync());
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var left = Task.Run(() => Runner.RunAsync(other with { Silver = other.Silver! with { Latest = other.Silver.Latest + " " } }, JobSubmission.Forgotten, stop.Token), Cancel);
        await PumpAsync(() => _aws.Jobs.Count == 1);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);

        await RunAsync(spec);

        Assert.Equal(2, _aws.Jobs.Count);
        Assert.True(_aws.Jobs[1].At >= _aws.Jobs[0].CancelledAt + _aws.CancelsAfter);
        await HasRunAsync();
    }

    [Fact]
    public async Task A_hundred_jobs_are_watched_by_one_list_and_each_change_is_seen_within_15_seconds()
    {
        _aws.Course = [("RUNNING", TimeSpan.FromMinutes(2)), ("FAILED", TimeSpan.Zero)];
        List<JobHandle> handles = [];
        for (var i = 0; i < 100; i++) handles.Add(await SubmitAsync($"e{i}"));
        var began = _lake.Time.GetUtcNow();
        _aws.Asked.Clear();

        var ends = handles.Select(async handle =>
        {
            while ((await _engine.ObserveAsync(handle, Cancel)).IsActive)
            {
            }

            return _lake.Time.GetUtcNow();
        }).ToList();
        await PumpAsync(() => ends.All(end => end.IsCompleted), TimeSpan.FromSeconds(1));

        Assert.All(await Task.WhenAll(ends), end => Assert.InRange(end - began, TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(2) + TimeSpan.FromSeconds(15)));
        // A round of six states, of which one has two pages.
        var lists = _aws.Asked.Where(asked => asked.Operation == "ListJobRuns" && asked.At < began + TimeSpan.FromMinutes(2)).ToList();
        Assert.InRange(lists.Count, 1, 12 * 7);
        Assert.True(_aws.Asked.Count(asked => asked.Operation == "GetJobRun") <= 200);
    }

    [Theory]
    [InlineData("SUBMITTED", ExecutionStage.Pending)]
    [InlineData("QUEUED", ExecutionStage.Pending)]
    [InlineData("PENDING", ExecutionStage.Pending)]
    [InlineData("SCHEDULED", ExecutionStage.Pending)]
    [InlineData("RUNNING", ExecutionStage.Running)]
    [InlineData("HIBERNATED", ExecutionStage.Running)]
    [InlineData("CANCELLING", ExecutionStage.Cancelling)]
    [InlineData("SUCCESS", ExecutionStage.Succeeded)]
    [InlineData("FAILED", ExecutionStage.Failed)]
    [InlineData("CANCELLED", ExecutionStage.Cancelled)]
    internal async Task Each_state_is_understood(string state, ExecutionStage stage)
    {
        _aws.Course = [(state, TimeSpan.Zero)];
        var handle = await SubmitAsync("e1", work: false);

        var found = await _engine.ObserveAsync(handle, Cancel);

        Assert.Equal((stage, "abc"), (found.Stage, found.Document));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(6)]
    [InlineData(8)]
    [InlineData(13)]
    [InlineData(15)]
    [InlineData(20)]
    [InlineData(22)]
    [InlineData(27)]
    [InlineData(29)]
    public async Task A_job_that_moves_on_while_it_is_listed_is_found(int seconds)
    {
        _aws.Course = [("SUBMITTED", TimeSpan.FromSeconds(7)), ("QUEUED", TimeSpan.FromSeconds(7)), ("PENDING", TimeSpan.FromSeconds(7)), ("SCHEDULED", TimeSpan.FromSeconds(7)), ("RUNNING", TimeSpan.FromHours(1)), ("FAILED", TimeSpan.Zero)];
        await SubmitAsync("e1");
        _lake.Time.Advance(TimeSpan.FromSeconds(seconds));
        _aws.Listed = () => _lake.Time.Advance(TimeSpan.FromSeconds(7));

        var found = await _engine.FindAsync(new JobName("test", "lake", TableId.Silver("users"), 1, ""), _lake.Time.GetUtcNow(), Cancel);

        Assert.Equal("e1", Assert.Single(found).Handle.Execution);
    }

    /// <summary>Whoever waits for it gives it up some time later, and submits another.</summary>
    [Fact]
    public async Task What_could_not_be_sent_at_once_is_not_sent()
    {
        _lake.Time.AutoAdvanceAmount = TimeSpan.FromSeconds(31);

        Assert.IsType<Submission.NoRoom>(await _engine.SubmitAsync(EmrScene.Job(EmrScene.Name(7)), Cancel));

        Assert.Empty(_aws.Jobs);
    }

    [Fact]
    public async Task Cancelling_a_job_that_has_ended_does_nothing()
    {
        _aws.Course = [("FAILED", TimeSpan.Zero)];

        await _engine.CancelAsync(await SubmitAsync("e1"), Cancel);
    }

    [Fact]
    public async Task A_failed_jobs_exception_is_the_error_and_no_address_lets_anybody_in()
    {
        var log = new LocalObjectStore(_store.Location + "/logs");
        await log.PutAsync($"applications/{ServerlessDouble.Application}/jobs/00f0/SPARK_DRIVER/stderr.gz", Encoding.UTF8.GetBytes("26/01/01 00:00:00 ERROR Executor: x\njava.lang.OutOfMemoryError: Java heap space\n\tat a.b(C.java:1)\n"), Cancel);
        await log.PutAsync($"applications/{ServerlessDouble.Application}/jobs/00f0/SPARK_DRIVER/stdout.gz", System.Array.Empty<byte>(), Cancel);
        _aws.Course = [("FAILED", TimeSpan.Zero)];
        _aws.Details = "Job failed, please check complete logs in configured logging destination. ExitCode: 52.";
        var handle = await SubmitAsync("e1");

        var fault = await _engine.ExplainAsync(await _engine.ObserveAsync(handle, Cancel), said: null, Cancel);

        Assert.Equal("Job run 00f0 of EMR Serverless application 00app", fault.Thing);
        Assert.StartsWith("java.lang.OutOfMemoryError: Java heap space", fault.Cause, StringComparison.Ordinal);
        Assert.Contains("get-dashboard-for-job-run --region eu-central-1 --application-id 00app --job-run-id 00f0", fault.NextStep, StringComparison.Ordinal);
        Assert.DoesNotContain(_aws.Asked, asked => asked.Operation == "?");
    }

    [Fact]
    public async Task A_job_without_capacity_says_what_to_raise_and_may_pass()
    {
        _aws.Course = [("FAILED", TimeSpan.Zero)];
        _aws.Details = "The job failed: ApplicationMaxCapacityExceededException: Worker could not be allocated as the application has exceeded maximum capacity settings: [cpu: 16 vCPU]";
        var handle = await SubmitAsync("e1");

        var fault = await _engine.ExplainAsync(await _engine.ObserveAsync(handle, Cancel), said: null, Cancel);

        Assert.Equal(FaultKind.Unreachable, fault.Kind);
        Assert.Contains("maximum capacity", fault.NextStep, StringComparison.Ordinal);
    }

    private JobRunner Runner => new(_lake.Tables, _lake.Engine, _lake.Options, _lake.Time, _remote);

    private JobPlanner Planner => new(_lake.Tables, _lake.Graph, _lake.Options with { Engine = EngineKind.EmrServerless }, _lake.Time, _remote);

    private async Task<JobHandle> SubmitAsync(string execution, bool work = true)
    {
        var document = new JobDocument { Format = JobDocument.CurrentFormat, Dialect = "duckdb", Run = new DocumentRun(TableId.Silver("users"), 1), Root = "/lake" };
        var job = new RemoteJob(new JobName("test", "lake", TableId.Silver("users"), 1, execution), document, "/document", "abc", "/answer");
        var handle = Assert.IsType<Submission.Accepted>(await _engine.SubmitAsync(job, Cancel)).Handle;
        if (!work) _aws.Jobs[^1].HasWorked = true;
        return handle;
    }

    private Task InterpretAsync(ServerlessDouble.Job job) => InterpretAsync(job.Argument("--document"), job.Argument("--execution"), job.Argument("--answer"));

    private async Task InterpretAsync(string document, string execution, string place)
    {
        var inside = await _lake.Engine.SubmitAsync(await File.ReadAllBytesAsync(document, Cancel), execution, Cancel);
        while (true)
        {
            if (await _lake.Engine.ObserveAsync(inside, Cancel) is not JobState.Answered { Answer: var answer }) continue;
            await File.WriteAllBytesAsync(place, answer.ToUtf8(), Cancel);
            return;
        }
    }

    private async Task<JobResult> RunAsync(JobSpec spec)
    {
        var run = Task.Run(() => Runner.RunAsync(spec, JobSubmission.Forgotten, Cancel), Cancel);
        await PumpAsync(() => run.IsCompleted);
        return await run;
    }

    /// <summary>Lets time pass until something has happened.</summary>
    private async Task PumpAsync(Func<bool> until, TimeSpan? step = null)
    {
        for (var i = 0; !until(); i++)
        {
            Assert.True(i < 20_000, string.Join("\n", _aws.Asked.TakeLast(20)));
            await Task.Delay(1, Cancel);
            if (i % 2 == 1) _lake.Time.Advance(step ?? TimeSpan.FromSeconds(2));
        }
    }

    /// <summary>The second run of a table, which replaces a row.</summary>
    private async Task<JobSpec> SpecAsync()
    {
        if (await _lake.Planner.PlanAsync(TableId.Silver("users"), Cancel) is null)
        {
            await _lake.AppendAsync("bronze/app/users", Columns, "SELECT 1 AS user_id, 'a@x' AS email, 'r' AS _op, 1 AS _position");
            await _lake.RunAllAsync();
            await _lake.AppendAsync("bronze/app/users", Columns, "SELECT 1 AS user_id, 'b@x' AS email, 'r' AS _op, 2 AS _position");
        }

        return await Planner.ExpandAsync((await Planner.PlanAsync(TableId.Silver("users"), Cancel))!, SqlDialect.DuckDb, Cancel);
    }

    private async Task HasRunAsync()
    {
        Assert.Equal(["1|b@x"], await _lake.RowsAsync("SELECT user_id, email FROM silver.users"));
        Assert.Equal(["2"], await _lake.RowsAsync("SELECT count(*) FROM silver._quality"));
    }
}
