using System.Collections.Concurrent;
using System.IO.Compression;
using System.Text;
using Pipeline.Core;
using Pipeline.Emulation.Emr;
using Pipeline.Transform.Engines.Emr;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Remote;
using Pipeline.Transform.Tests.Emr;

namespace Pipeline.Transform.Tests.Engines.Emr;

public sealed class EmrStepEngineSpec
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_step_is_a_spark_submit_named_as_its_execution()
    {
        EmrWork? asked = null;
        await using var scene = new EmrScene(work =>
        {
            asked = work;
            return Task.FromResult(EmrOutcome.Done);
        });

        await scene.SubmitAsync(EmrScene.Name(7));
        await scene.PumpAsync(() => asked is not null);

        Assert.Equal(("command-runner.jar", "test-lake/gold/sales/7/e1"), (asked!.Jar, asked.Name));
        var program = Assert.Single(asked.Args, argument => argument.EndsWith("medallion_job.py", StringComparison.Ordinal));
        Assert.Equal(["spark-submit", "--deploy-mode", "client", "--conf", "spark.sql.adaptive.enabled=true", program, "--document", "/jobs/7.json", "--sha256", "abc", "--execution", "e1", "--answer", "/jobs/e1.answer"], asked.Args);
        var bytes = await File.ReadAllBytesAsync(program, Cancel);
        Assert.Equal($"program/{JobDocument.Sha256Of(bytes)}/medallion_job.py", Path.GetRelativePath(scene.Artifacts.Store.Location, program));
        Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(Spark.MedallionJob.Folder, "medallion_job.py"), Cancel), bytes);
    }

    [Fact]
    public async Task A_step_costs_its_share_of_the_cluster_where_that_has_a_price()
    {
        var running = new TaskCompletionSource<EmrOutcome>();
        await using var scene = new EmrScene(_ => running.Task, changeEngine: options => options with { Prices = new EmrClusterPrices(ClusterHour: 36, Steps: 4) });
        var handle = await scene.SubmitAsync(EmrScene.Name(7));
        await scene.PumpAsync(() => scene.Service.Log.Events.Any(told => told.State == "RUNNING"));
        Assert.False((await scene.ObserveAsync(handle)).Metrics.ContainsKey("cost"));

        scene.Time.Advance(TimeSpan.FromMinutes(20));
        running.SetResult(EmrOutcome.Done);
        var ended = await scene.EndAsync(handle);

        // A third of an hour of a quarter of the cluster, and what passes while it is looked.
        Assert.InRange(decimal.Parse(ended.Metrics["cost"], System.Globalization.CultureInfo.InvariantCulture), 3m, 3.5m);
        Assert.Equal(handle.Id, ended.Metrics["step"]);
    }

    [Fact]
    public async Task Only_executions_of_the_run_are_found_whoever_has_submitted_them_and_however_they_stand()
    {
        var running = new TaskCompletionSource<EmrOutcome>();
        await using var scene = new EmrScene(work => work.Name.EndsWith("/e2", StringComparison.Ordinal) ? running.Task : Task.FromResult(work.Name.EndsWith("/e3", StringComparison.Ordinal) ? new EmrOutcome(1) : EmrOutcome.Done));
        foreach (var execution in (string[])["e1", "e2", "e3"]) await scene.SubmitAsync(EmrScene.Name(7, execution));
        await scene.SubmitAsync(EmrScene.Name(70, "e4"));
        await scene.SubmitAsync(EmrScene.Name(7, "e5", "gold/sales_daily"));
        await scene.SubmitAsync(EmrScene.Name(7, "e6") with { Pipeline = "other" });
        await scene.PumpAsync(() => scene.Service.Log.Events.Count(told => told.State is "COMPLETED" or "FAILED") == 5);

        var found = await scene.FindAsync(EmrScene.Name(7), TestLake.Start - TimeSpan.FromDays(1));

        Assert.Equal(["e1 Succeeded abc", "e2 Running abc", "e3 Failed abc"], found.Select(execution => $"{execution.Handle.Execution} {execution.Stage} {execution.Document}").Order());
        Assert.All(found, execution => Assert.StartsWith($"{scene.Cluster}/s-", execution.Handle.Id, StringComparison.Ordinal));
        var later = await scene.FindAsync(EmrScene.Name(7), scene.Time.GetUtcNow());
        Assert.Equal("e2", Assert.Single(later).Handle.Execution);
        running.SetResult(EmrOutcome.Done);
    }

    [Fact]
    public async Task A_cluster_is_asked_six_times_a_minute_at_most_for_a_hundred_runs_and_a_change_is_seen_within_15_s()
    {
        var works = new ConcurrentDictionary<string, TaskCompletionSource<EmrOutcome>>();
        await using var scene = new EmrScene(work => works.GetOrAdd(work.Name, _ => new TaskCompletionSource<EmrOutcome>()).Task, concurrency: 100);
        var names = Enumerable.Range(1, 100).Select(run => EmrScene.Name(run, $"e{run}")).ToList();
        await scene.PumpAsync(Task.WhenAll(names.Select(name => scene.Engine.FindAsync(name, TestLake.Start, Cancel).AsTask())));
        var handles = await scene.PumpAsync(Task.WhenAll(names.Select(scene.SubmitAsync)));
        var seen = new ConcurrentDictionary<string, DateTimeOffset>();
        var follows = handles.Select(async handle =>
        {
            while ((await scene.Engine.ObserveAsync(handle, Cancel)).IsActive)
            {
            }

            seen[handle.Execution] = scene.Time.GetUtcNow();
        }).ToList();
        await scene.PumpAsync(() => works.Count == 100);

        // One ends now and then, the others with the last.
        var ended = new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal);
        foreach (var name in names)
        {
            ended[name.Execution] = scene.Time.GetUtcNow();
            works[name.ToString()].SetResult(EmrOutcome.Done);
            if (name.Run <= 20) await scene.PumpAsync(() => seen.ContainsKey(name.Execution));
        }

        await scene.PumpAsync(() => follows.All(follow => follow.IsCompleted));
        Assert.InRange(scene.Calls("ListSteps").Count, 20, int.MaxValue);
        Assert.InRange(EmrOracle.PollsAMinute(scene.Service.Log.Events, scene.Cluster), 1, 6);
        // Steps that left the list were asked for by id, ten a call.
        Assert.InRange(scene.Calls("ListSteps (by ids)").Count, 20, 35);
        Assert.All(ended, end => Assert.InRange(seen[end.Key] - end.Value, TimeSpan.Zero, TimeSpan.FromSeconds(15)));
    }

    [Theory]
    [InlineData(2, true)]
    [InlineData(2, false)]
    [InlineData(-2, true)]
    public async Task What_another_has_submitted_is_found_by_whose_clock_is_wrong(int hours, bool hasOthers)
    {
        var work = new TaskCompletionSource<EmrOutcome>();
        await using var scene = new EmrScene(_ => work.Task);
        var clock = new WrongClock(scene.Time, TimeSpan.FromHours(hours));
        using var dated = new Dated(new EmrMessageHandler(scene.Service), scene.Time);
        var engine = scene.EngineOver(dated, clock);
        if (hasOthers) await scene.SubmitAsync(EmrScene.Name(6));
        await scene.PumpAsync(engine.FindAsync(EmrScene.Name(7), clock.GetUtcNow(), Cancel).AsTask());
        await scene.SubmitAsync(EmrScene.Name(7));

        var found = await scene.PumpAsync(engine.FindAsync(EmrScene.Name(7), clock.GetUtcNow(), Cancel).AsTask());

        Assert.Equal("e1", Assert.Single(found).Handle.Execution);
    }

    [Theory]
    [InlineData(EmrFaultKind.LoseAnswer, 1)]
    [InlineData(EmrFaultKind.LoseRequest, 0)]
    public async Task A_submission_whose_answer_is_lost_is_not_sent_again_and_found_if_it_has_arrived(EmrFaultKind fault, int found)
    {
        await using var scene = new EmrScene();
        scene.Service.Faults.Inject("AddJobFlowSteps", fault);

        Assert.IsType<Submission.Lost>(await scene.PumpAsync(scene.Engine.SubmitAsync(EmrScene.Job(EmrScene.Name(7)), Cancel).AsTask()));

        Assert.Single(scene.Calls("AddJobFlowSteps"));
        Assert.Equal(found, (await scene.FindAsync(EmrScene.Name(7), TestLake.Start)).Length);
    }

    [Fact]
    public async Task A_throttled_submission_is_sent_again_and_a_throttled_look_lets_its_runs_go_on()
    {
        var work = new TaskCompletionSource<EmrOutcome>();
        await using var scene = new EmrScene(_ => work.Task);
        scene.Service.Faults.Inject("AddJobFlowSteps", EmrFaultKind.Throttle, EmrFaultKind.Throttle);
        var handle = await scene.SubmitAsync(EmrScene.Name(7));
        scene.Service.Faults.Inject("ListSteps", Enumerable.Repeat(EmrFaultKind.Throttle, 3));

        Assert.True((await scene.ObserveAsync(handle)).IsActive);
        work.SetResult(EmrOutcome.Done);
        var last = await scene.EndAsync(handle);

        Assert.Equal((ExecutionStage.Succeeded, 1), (last.Stage, scene.Submitted.Count));
    }

    [Fact]
    public async Task A_cancelled_step_can_write_until_it_says_that_it_has_ended()
    {
        await using var scene = new EmrScene(async work =>
        {
            var cancelled = new TaskCompletionSource();
            await using (work.Cancelled.Register(cancelled.SetResult)) await cancelled.Task;
            return new EmrOutcome(143);
        }, emulated => emulated with { CancelsAfter = TimeSpan.FromSeconds(60) });
        var handle = await scene.SubmitAsync(EmrScene.Name(7));
        await scene.PumpAsync(() => scene.Service.Log.Events.Any(told => told.State == "RUNNING"));

        await scene.Engine.CancelAsync(handle, Cancel);
        var stages = new List<ExecutionStage>();
        do stages.Add((await scene.ObserveAsync(handle)).Stage);
        while (stages[^1] is ExecutionStage.Running or ExecutionStage.Cancelling);

        Assert.Equal([ExecutionStage.Cancelling, ExecutionStage.Cancelled], stages.Distinct());
    }

    [Fact]
    public async Task A_cluster_that_has_ended_is_a_fault_that_people_mend_and_its_steps_have_ended()
    {
        await using var scene = new EmrScene(async work =>
        {
            var cancelled = new TaskCompletionSource();
            await using (work.Cancelled.Register(cancelled.SetResult)) await cancelled.Task;
            return new EmrOutcome(143);
        });
        var handle = await scene.SubmitAsync(EmrScene.Name(7));
        await scene.PumpAsync(() => scene.Service.Log.Events.Any(told => told.State == "RUNNING"));
        scene.Service.TerminateCluster(scene.Cluster, isFailure: true);
        await scene.PumpAsync(() => scene.Service.LiveClusters.Count == 0);

        var fault = await Assert.ThrowsAsync<PipelineException>(() => scene.PumpAsync(scene.Engine.SubmitAsync(EmrScene.Job(EmrScene.Name(8)), Cancel).AsTask()));
        var ended = await scene.ObserveAsync(handle);

        Assert.Equal((FaultKind.Missing, $"EMR cluster {scene.Cluster} in eu-central-1"), (fault.Kind, fault.Thing));
        Assert.StartsWith("it is TerminatedWithErrors and takes no steps (INSTANCE_FAILURE: The master node was terminated", fault.Cause, StringComparison.Ordinal);
        Assert.Equal((ExecutionStage.Cancelled, "its cluster has ended before it"), (ended.Stage, ended.Reason));
        var cancelling = scene.Engine.CancelAsync(handle, Cancel).AsTask();
        await scene.PumpAsync(() => cancelling.IsCompleted);
        await cancelling;
    }

    [Fact]
    public async Task Without_a_cluster_one_is_started_and_another_when_it_has_ended_and_steps_are_found_on_both()
    {
        await using var scene = new EmrScene(change: options => options with { ClusterEndsAfter = TimeSpan.FromMinutes(3) }, changeEngine: options => options with { ClusterId = null, Cluster = new EmrClusterOptions() });
        var since = scene.Time.GetUtcNow();
        var first = await scene.SubmitAsync(EmrScene.Name(7));
        var ended = await scene.EndAsync(first);
        var cluster = first.Id.Split('/')[0];
        scene.Service.TerminateCluster(cluster);

        Submission again;
        var waited = new List<string>();
        while ((again = await scene.PumpAsync(scene.Engine.SubmitAsync(EmrScene.Job(EmrScene.Name(7, "e2")), Cancel).AsTask())) is Submission.NoRoom none) waited.Add(none.Why);
        var second = Assert.IsType<Submission.Accepted>(again).Handle;
        var found = await scene.FindAsync(EmrScene.Name(7), since);

        Assert.Equal(ExecutionStage.Succeeded, ended.Stage);
        Assert.Contains($"cluster {cluster} has ended", waited);
        Assert.Contains(waited, why => why.EndsWith("was told to end and has not ended", StringComparison.Ordinal));
        Assert.Equal(2, scene.Service.Clusters.Count(one => one.Name.StartsWith("test-lake/", StringComparison.Ordinal)));
        Assert.Equal([first.Id, second.Id], found.Select(execution => execution.Handle.Id).OrderBy(id => id != first.Id));
    }

    [Fact]
    public async Task Why_a_step_has_failed_is_told_with_its_log_which_comes_later()
    {
        await using var scene = new EmrScene(_ => Task.FromResult(new EmrOutcome(1, "Unknown Error.", "ended with exit code 1")));
        var handle = await scene.SubmitAsync(EmrScene.Name(7));
        var failed = await scene.EndAsync(handle);
        var place = Path.Combine(scene.LogUri, scene.Cluster, "steps", handle.Id.Split('/')[1]);

        var explaining = scene.Engine.ExplainAsync(failed, said: null, Cancel).AsTask();
        var endsAt = scene.Time.GetUtcNow() + TimeSpan.FromMinutes(4);
        await scene.PumpAsync(() => scene.Time.GetUtcNow() > endsAt);
        Assert.False(explaining.IsCompleted);
        Put(Path.Combine(place, "stdout.gz"), "");
        Put(Path.Combine(place, "stderr.gz"), "INFO first\nException in thread \"main\" java.lang.IllegalStateException: no more\n\tat Main\n");
        var fault = await scene.PumpAsync(explaining);

        Assert.StartsWith("java.lang.IllegalStateException: no more", fault.Cause, StringComparison.Ordinal);
        Assert.Contains("Unknown Error", fault.Message, StringComparison.Ordinal);
        Assert.Contains(place, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_job_says_of_its_failure_itself_is_told_without_waiting_for_logs()
    {
        await using var scene = new EmrScene(_ => Task.FromResult(new EmrOutcome(1)));
        var handle = await scene.SubmitAsync(EmrScene.Name(7));
        var failed = new FoundExecution(handle, ExecutionStage.Failed, "abc", scene.Time.GetUtcNow());

        var fault = await scene.PumpAsync(scene.Engine.ExplainAsync(failed, new AnsweredFailure("too-large", "Job gold/sales#7", "no memory is left", "Give it more."), Cancel).AsTask());

        Assert.Equal((FaultKind.TooLarge, "Job gold/sales#7", "no memory is left"), (fault.Kind, fault.Thing, fault.Cause));
    }

    private sealed class WrongClock(TimeProvider right, TimeSpan by) : TimeProvider
    {
        public override long TimestampFrequency => right.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => right.GetUtcNow() + by;

        public override long GetTimestamp() => right.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => right.CreateTimer(callback, state, dueTime, period);
    }

    /// <summary>Answers say what time it is there, by which a client sets its signatures.</summary>
    private sealed class Dated(HttpMessageHandler inner, TimeProvider time) : DelegatingHandler(inner)
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = await base.SendAsync(request, cancellationToken);
            response.Headers.Date = time.GetUtcNow();
            return response;
        }
    }

    private static void Put(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var file = new GZipStream(File.Create(path), CompressionLevel.Fastest);
        file.Write(Encoding.UTF8.GetBytes(text));
    }
}
