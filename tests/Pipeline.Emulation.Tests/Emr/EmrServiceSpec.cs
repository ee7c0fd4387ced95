using Microsoft.Extensions.Time.Testing;
using Pipeline.Emulation.Emr;
using Pipeline.Testing;

namespace Pipeline.Emulation.Tests.Emr;

/// <summary>The emulated EMR has EMR's states, limits and refusals, in virtual time.</summary>
public sealed class EmrServiceSpec : IAsyncDisposable
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly Dictionary<string, TaskCompletionSource<EmrOutcome>> _works = new(StringComparer.Ordinal);
    private readonly EmrService _service;
    private readonly EmrCaller _emr;

    public EmrServiceSpec()
    {
        _service = new EmrService(Options());
        _emr = new EmrCaller(_service, _time);
    }

    public async ValueTask DisposeAsync()
    {
        _emr.Dispose();
        // From now on it begins nothing, and waits until the work that it has begun has ended.
        var disposing = _service.DisposeAsync();
        foreach (var work in _works.Values.ToList()) work.TrySetResult(new EmrOutcome(143));
        await disposing;
    }

    [Fact]
    public async Task A_step_is_pending_then_running_then_completed()
    {
        var cluster = Ready();
        var step = Assert.Single(await _emr.AddAsync(cluster, "a"));
        var states = new List<string> { await _emr.StateAsync(cluster, step) };
        Pass(2);
        states.Add(await _emr.StateAsync(cluster, step));
        _works["a"].SetResult(EmrOutcome.Done);
        states.Add(await _emr.StateAsync(cluster, step));

        Assert.Equal(["PENDING", "RUNNING", "COMPLETED"], states);
        Assert.Equal(["submitted PENDING", "state RUNNING", "state COMPLETED"], _service.Log.Events.Where(e => e.Step == step).Select(e => $"{e.What} {e.State}"));
    }

    [Fact]
    public async Task Steps_run_in_their_order_as_many_at_once_as_the_cluster_allows()
    {
        var cluster = Ready(concurrency: 2);
        await _emr.AddAsync(cluster, "a", "b", "c");
        Pass(2);
        var before = _works.Keys.Order().ToList();
        _works["a"].SetResult(EmrOutcome.Done);
        Pass(2);

        Assert.Equal(["a", "b"], before);
        Assert.Equal(["a", "b", "c"], _works.Keys.Order());
    }

    [Fact]
    public async Task A_cancelled_step_is_done_with_when_its_work_has_ended()
    {
        var cluster = Ready();
        var ids = await _emr.AddAsync(cluster, "a", "b");
        Pass(2);

        var infos = (await _emr.OkAsync("CancelSteps", new { ClusterId = cluster, StepIds = ids, StepCancellationOption = "TERMINATE_PROCESS" }))["CancelStepsInfoList"]!.AsArray();
        Pass(2);
        var told = await _emr.StateAsync(cluster, ids[0]);
        _works["a"].SetResult(new EmrOutcome(143));

        Assert.All(infos, info => Assert.Equal("SUBMITTED", (string)info!["Status"]!));
        Assert.Equal("CANCEL_PENDING", told);
        Assert.Equal(["CANCELLED", "CANCELLED"], [await _emr.StateAsync(cluster, ids[0]), await _emr.StateAsync(cluster, ids[1])]);
        Assert.DoesNotContain("b", _works.Keys);
        var again = (await _emr.OkAsync("CancelSteps", new { ClusterId = cluster, StepIds = ids[..1] }))["CancelStepsInfoList"]![0]!;
        Assert.Equal("FAILED", (string)again["Status"]!);
    }

    [Fact]
    public async Task A_cancelled_step_that_comes_to_its_end_first_is_completed()
    {
        var cluster = Ready();
        var ids = await _emr.AddAsync(cluster, "a");
        Pass(2);
        await _emr.OkAsync("CancelSteps", new { ClusterId = cluster, StepIds = ids });

        _works["a"].SetResult(EmrOutcome.Done);

        Assert.Equal("COMPLETED", await _emr.StateAsync(cluster, ids[0]));
    }

    [Fact]
    public async Task A_failed_step_says_why_and_where_its_log_is()
    {
        var cluster = Ready();
        var ids = await _emr.AddAsync(cluster, "a");
        Pass(2);
        _works["a"].SetResult(new EmrOutcome(1, null, "java.lang.OutOfMemoryError: Java heap space"));

        var details = (await _emr.OkAsync("DescribeStep", new { ClusterId = cluster, StepId = ids[0] }))["Step"]!["Status"]!["FailureDetails"]!;

        Assert.Equal("Unknown Error.", (string)details["Reason"]!);
        Assert.Equal("java.lang.OutOfMemoryError: Java heap space", (string)details["Message"]!);
        Assert.Equal($"s3://logs/emr/{cluster}/steps/{ids[0]}/stderr.gz", (string)details["LogFile"]!);
    }

    [Fact]
    public async Task Steps_are_listed_fifty_a_page_the_newest_first_and_ten_by_their_ids()
    {
        var cluster = Ready();
        var ids = await _emr.AddAsync(cluster, Enumerable.Range(0, 120).Select(i => $"step {i}"));

        var listed = new List<string>();
        var pages = new List<int>();
        string? marker = null;
        do
        {
            var page = await _emr.OkAsync("ListSteps", new { ClusterId = cluster, StepStates = (string[])["PENDING", "RUNNING"], Marker = marker });
            pages.Add(page["Steps"]!.AsArray().Count);
            listed.AddRange(page["Steps"]!.AsArray().Select(step => (string)step!["Id"]!));
            marker = (string?)page["Marker"];
        }
        while (marker is not null);

        Assert.Equal([50, 50, 20], pages);
        Assert.Equal(ids.Reverse(), listed);
        Assert.Equal(10, (await _emr.OkAsync("ListSteps", new { ClusterId = cluster, StepIds = ids[..10] }))["Steps"]!.AsArray().Count);
        Assert.StartsWith("InvalidRequestException: ", await _emr.RefusedAsync("ListSteps", new { ClusterId = cluster, StepIds = ids[..11] }));
        Assert.StartsWith("InvalidRequestException: Marker", await _emr.RefusedAsync("ListSteps", new { ClusterId = cluster, Marker = "?" }));
    }

    [Fact]
    public async Task A_step_of_today_may_show_in_lists_a_while_later()
    {
        await using var service = new EmrService(Options() with { StepShowsAfter = TimeSpan.FromSeconds(5) });
        using var emr = new EmrCaller(service, _time);
        var cluster = service.AddCluster("late");
        await emr.AddAsync(cluster, "a");

        var at = (await emr.OkAsync("ListSteps", new { ClusterId = cluster }))["Steps"]!.AsArray().Count;
        _time.Advance(TimeSpan.FromSeconds(5));
        var later = (await emr.OkAsync("ListSteps", new { ClusterId = cluster }))["Steps"]!.AsArray().Count;

        Assert.Equal((0, 1), (at, later));
    }

    [Fact]
    public async Task What_EMR_refuses_is_refused_in_its_words()
    {
        var cluster = Ready(concurrency: 2);
        object Adding(object step, string? role = null, string? id = null) => new { JobFlowId = id ?? cluster, Steps = (object[])[step], ExecutionRoleArn = role };

        Assert.Equal("ValidationException: Specified job flow ID does not exist.", await _emr.RefusedAsync("AddJobFlowSteps", Adding(EmrCaller.StepOf("a"), id: "j-NONE")));
        Assert.Equal("InvalidRequestException: Cluster id 'j-NONE' is not valid.", await _emr.RefusedAsync("ListSteps", new { ClusterId = "j-NONE" }));
        Assert.Equal("InvalidRequestException: Step id 's-NONE' is not valid.", await _emr.RefusedAsync("DescribeStep", new { ClusterId = cluster, StepId = "s-NONE" }));
        Assert.Contains("Member must not be null", await _emr.RefusedAsync("AddJobFlowSteps", new { JobFlowId = cluster }));
        Assert.Contains("'steps.1.member.name' failed to satisfy constraint: Member must have length less than or equal to 256", await _emr.RefusedAsync("AddJobFlowSteps", Adding(EmrCaller.StepOf(new string('n', 257)))));
        Assert.Contains("enum value set", await _emr.RefusedAsync("AddJobFlowSteps", Adding(EmrCaller.StepOf("a", "STOP"))));
        Assert.Contains("10240 characters", await _emr.RefusedAsync("AddJobFlowSteps", Adding(EmrCaller.StepOf("a", "CONTINUE", new string('a', 5_120), new string('b', 5_120)))));
        Assert.Contains("StepConcurrencyLevel greater than 1", await _emr.RefusedAsync("AddJobFlowSteps", Adding(EmrCaller.StepOf("a", "CANCEL_AND_WAIT"))));
        Assert.Contains("greater than or equal to 20", await _emr.RefusedAsync("AddJobFlowSteps", Adding(EmrCaller.StepOf("a"), role: "short")));
        Assert.StartsWith("UnknownOperationException", await _emr.RefusedAsync("ListNothing", new { }));
    }

    [Fact]
    public async Task A_cluster_has_256_active_steps_at_most()
    {
        var cluster = Ready();
        await _emr.AddAsync(cluster, Enumerable.Range(0, 256).Select(i => $"step {i}"));

        var refused = await _emr.RefusedAsync("AddJobFlowSteps", new { JobFlowId = cluster, Steps = (object[])[EmrCaller.StepOf("one more")] });
        Pass(2);
        _works["step 0"].SetResult(EmrOutcome.Done);

        Assert.Equal("ValidationException: Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') for cluster exceeded.", refused);
        Assert.Single(await _emr.AddAsync(cluster, "one more"));
    }

    [Fact]
    public async Task A_cluster_that_ends_takes_no_step_and_its_steps_end_before_it()
    {
        var cluster = Ready();
        var ids = await _emr.AddAsync(cluster, "a", "b");
        Pass(2);

        await _emr.OkAsync("TerminateJobFlows", new { JobFlowIds = (string[])[cluster] });
        var refused = await _emr.RefusedAsync("AddJobFlowSteps", new { JobFlowId = cluster, Steps = (object[])[EmrCaller.StepOf("c")] });
        Pass(5);
        var whileItWrites = await ClusterStateAsync(cluster);
        _works["a"].SetResult(new EmrOutcome(143));
        Pass(5);

        Assert.Equal("ValidationException: A job flow that is shutting down, terminated, or finished may not be modified.", refused);
        Assert.Equal(("TERMINATING", "TERMINATED"), (whileItWrites, await ClusterStateAsync(cluster)));
        Assert.Equal(["CANCELLED", "CANCELLED"], [await _emr.StateAsync(cluster, ids[0]), await _emr.StateAsync(cluster, ids[1])]);
    }

    [Fact]
    public async Task A_cluster_that_loses_its_machines_interrupts_what_ran()
    {
        var cluster = Ready();
        var ids = await _emr.AddAsync(cluster, "a");
        Pass(2);

        _service.TerminateCluster(cluster, isFailure: true);
        _works["a"].SetResult(new EmrOutcome(137));
        Pass(5);

        Assert.Equal("INTERRUPTED", await _emr.StateAsync(cluster, ids[0]));
        Assert.Equal("TERMINATED_WITH_ERRORS", await ClusterStateAsync(cluster));
    }

    [Fact]
    public async Task A_cluster_that_was_run_for_its_steps_ends_when_they_are_done_or_it_was_idle()
    {
        object Asking(bool isKept) => new
        {
            Name = "transient",
            ReleaseLabel = "emr-6.15.0",
            Instances = new { InstanceCount = 1, KeepJobFlowAliveWhenNoSteps = isKept },
            Steps = (object[])[EmrCaller.StepOf(isKept ? "idle" : "once")],
            AutoTerminationPolicy = isKept ? new { IdleTimeout = 60 } : null,
        };
        var once = (string)(await _emr.OkAsync("RunJobFlow", Asking(isKept: false)))["JobFlowId"]!;
        var idle = (string)(await _emr.OkAsync("RunJobFlow", Asking(isKept: true)))["JobFlowId"]!;
        var starting = await ClusterStateAsync(once);
        for (var i = 0; i < 4; i++) Pass(2);
        _works["once"].SetResult(EmrOutcome.Done);
        _works["idle"].SetResult(EmrOutcome.Done);
        Pass(5);
        var (onceState, idleState) = (await ClusterStateAsync(once), await ClusterStateAsync(idle));
        Pass(60);
        Pass(5);

        Assert.Equal(("STARTING", "TERMINATED", "WAITING", "TERMINATED"), (starting, onceState, idleState, await ClusterStateAsync(idle)));
    }

    [Fact]
    public async Task A_cluster_that_never_had_a_step_ends_when_it_was_idle_and_one_that_has_one_again_does_not()
    {
        var unused = await RunAsync("unused", idleTimeout: 60);
        var used = await RunAsync("used", idleTimeout: 60);
        Pass(1);
        var bootstrapping = await ClusterStateAsync(unused);
        Pass(1);
        var waiting = await ClusterStateAsync(unused);
        Pass(59);
        await _emr.AddAsync(used, "late");
        Pass(1);
        Pass(1);
        var (unusedEnds, usedRuns) = (await ClusterStateAsync(unused), await ClusterStateAsync(used));

        Assert.Equal(("BOOTSTRAPPING", "WAITING", "TERMINATED", "RUNNING"), (bootstrapping, waiting, unusedEnds, usedRuns));
    }

    [Fact]
    public async Task Clusters_are_listed_fifty_a_page_the_newest_first_by_state_and_time()
    {
        var old = await RunAsync("old");
        Pass(1);
        Pass(1);
        _service.TerminateCluster(old);
        Pass(1);
        var ids = new List<string>();
        for (var i = 0; i < 60; i++) ids.Add(await RunAsync($"a{i}"));
        var since = _time.GetUtcNow().ToUnixTimeSeconds();

        var first = await _emr.OkAsync("ListClusters", new { CreatedAfter = since });
        var second = await _emr.OkAsync("ListClusters", new { CreatedAfter = since, Marker = (string)first["Marker"]! });
        var ended = await _emr.OkAsync("ListClusters", new { ClusterStates = (string[])["TERMINATED"] });

        Assert.Equal(Enumerable.Reverse(ids), [.. IdsOf(first), .. IdsOf(second)]);
        Assert.Equal((50, null), (IdsOf(first).Count, second["Marker"]));
        Assert.Equal([old], IdsOf(ended));
        Assert.StartsWith("ValidationException", await _emr.RefusedAsync("ListClusters", new { ClusterStates = (string[])["GONE"] }), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cluster_may_fail_to_start_and_says_why()
    {
        _service.Faults.FailClusters("The account has no quota for m5.2xlarge.");
        var cluster = await RunAsync("poor");
        Pass(1);
        Pass(1);

        var status = (await _emr.OkAsync("DescribeCluster", new { ClusterId = cluster }))["Cluster"]!["Status"]!;

        Assert.Equal(("TERMINATED_WITH_ERRORS", "VALIDATION_ERROR", "The account has no quota for m5.2xlarge."),
            ((string)status["State"]!, (string)status["StateChangeReason"]!["Code"]!, (string)status["StateChangeReason"]!["Message"]!));
    }

    [Fact]
    public async Task A_cluster_of_today_may_show_in_lists_a_while_later()
    {
        await using var service = new EmrService(Options() with { ClusterShowsAfter = TimeSpan.FromSeconds(5) });
        using var emr = new EmrCaller(service, _time);
        await emr.OkAsync("RunJobFlow", Asking("late", null));

        var before = await emr.OkAsync("ListClusters", new { });
        Pass(5);

        Assert.Equal((0, 1), (IdsOf(before).Count, IdsOf(await emr.OkAsync("ListClusters", new { })).Count));
    }

    [Fact]
    public async Task Clusters_that_EMR_would_not_take_are_refused()
    {
        object Scaled(int min, int max) => new { Name = "x", ReleaseLabel = "emr-6.15.0", Instances = new { InstanceCount = 2 }, ManagedScalingPolicy = new { ComputeLimits = new { UnitType = "Instances", MinimumCapacityUnits = min, MaximumCapacityUnits = max } } };

        Assert.Contains("idle timeout", await _emr.RefusedAsync("RunJobFlow", Asking("x", 59)), StringComparison.Ordinal);
        Assert.Contains("MaximumCapacityUnits", await _emr.RefusedAsync("RunJobFlow", Scaled(3, 2)), StringComparison.Ordinal);
        Assert.Empty(_service.Clusters);
    }

    [Fact]
    public async Task Faults_throttle_and_lose_requests_and_answers()
    {
        var cluster = Ready();
        _service.Faults.Inject("AddJobFlowSteps", EmrFaultKind.Throttle, EmrFaultKind.LoseRequest, EmrFaultKind.LoseAnswer);
        _service.Faults.Inject("AddJobFlowSteps", new EmrFault(EmrFaultKind.ActLate, TimeSpan.FromSeconds(30)));

        Assert.Equal("ThrottlingException: Rate exceeded", await _emr.RefusedAsync("AddJobFlowSteps", new { JobFlowId = cluster, Steps = (object[])[EmrCaller.StepOf("a")] }));
        await Assert.ThrowsAsync<HttpRequestException>(() => _emr.AddAsync(cluster, "b"));
        await Assert.ThrowsAsync<HttpRequestException>(() => _emr.AddAsync(cluster, "c"));
        await Assert.ThrowsAsync<HttpRequestException>(() => _emr.AddAsync(cluster, "d"));
        var atOnce = await NamesAsync(cluster);
        _service.Faults.Inject("AddJobFlowSteps", new EmrFault(EmrFaultKind.ActLate, TimeSpan.FromMinutes(6)));
        await Assert.ThrowsAsync<HttpRequestException>(() => _emr.AddAsync(cluster, "e"));
        Pass(30);
        Pass(330);

        Assert.Equal(["c"], atOnce);
        // The last one came when its signature was worth nothing any more.
        Assert.Equal(["d", "c"], await NamesAsync(cluster));
        Assert.Contains(_service.Log.Events, e => e.What == "refused" && e.Error!.StartsWith("InvalidSignatureException", StringComparison.Ordinal));
        Assert.Equal(4, _service.Log.Events.Count(e => e.What == "lost-answer"));
    }

    [Fact]
    public async Task Killed_and_opened_again_it_has_its_steps_and_those_that_ran_have_failed()
    {
        using var directory = new ScratchDirectory("emr-");
        var file = Path.Combine(directory, "state.jsonl");
        // Never disposed, as a process that is killed.
        var killed = new EmrService(Options() with { StateFile = file });
        using var before = new EmrCaller(killed, _time);
        var cluster = killed.AddCluster("kept");
        _time.Advance(TimeSpan.FromSeconds(2));
        var ids = await before.AddAsync(cluster, "done", "ran", "waits");
        _time.Advance(TimeSpan.FromSeconds(2));
        _works["done"].SetResult(EmrOutcome.Done);
        // The process is killed while it appends: what it leaves is cut off.
        var text = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        var reopened = Path.Combine(directory, "again.jsonl");
        await File.WriteAllTextAsync(reopened, text + "{\"Step\":{\"Nu", TestContext.Current.CancellationToken);
        var leftOver = new List<string>();

        var time = new FakeTimeProvider(_time.GetUtcNow());
        var waits = new TaskCompletionSource<EmrOutcome>();
        await using var again = new EmrService(Options() with { Time = time, StateFile = reopened, EndLeftOver = leftOver.Add, Work = _ => waits.Task });
        using var after = new EmrCaller(again, time);
        time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(["COMPLETED", "FAILED", "RUNNING"], [await after.StateAsync(cluster, ids[0]), await after.StateAsync(cluster, ids[1]), await after.StateAsync(cluster, ids[2])]);
        Assert.Equal(ids[1], Assert.Single(leftOver));
        Assert.Equal([cluster], again.LiveClusters);
        waits.SetResult(EmrOutcome.Done);
    }

    private static object Asking(string name, int? idleTimeout) => new
    {
        Name = name,
        ReleaseLabel = "emr-6.15.0",
        Instances = new { InstanceCount = 5, KeepJobFlowAliveWhenNoSteps = true },
        AutoTerminationPolicy = idleTimeout is null ? null : new { IdleTimeout = idleTimeout },
    };

    private static List<string> IdsOf(System.Text.Json.Nodes.JsonNode listed) => [.. listed["Clusters"]!.AsArray().Select(cluster => (string)cluster!["Id"]!)];

    private async Task<string> RunAsync(string name, int? idleTimeout = null) => (string)(await _emr.OkAsync("RunJobFlow", Asking(name, idleTimeout)))["JobFlowId"]!;

    private EmrOptions Options() => new()
    {
        Time = _time,
        StepStartsAfter = TimeSpan.FromSeconds(1),
        CancelsAfter = TimeSpan.FromSeconds(1),
        ClusterStartsAfter = TimeSpan.FromSeconds(1),
        ClusterEndsAfter = TimeSpan.FromSeconds(1),
        Work = work => (_works[work.Name] = new TaskCompletionSource<EmrOutcome>()).Task,
    };

    private string Ready(int concurrency = 1)
    {
        var cluster = _service.AddCluster("test", concurrency, "s3://logs/emr/");
        Pass(1);
        Pass(1);
        return cluster;
    }

    private void Pass(double seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));

    private async Task<string> ClusterStateAsync(string cluster) =>
        (string)(await _emr.OkAsync("DescribeCluster", new { ClusterId = cluster }))["Cluster"]!["Status"]!["State"]!;

    private async Task<IReadOnlyList<string>> NamesAsync(string cluster) =>
        [.. (await _emr.OkAsync("ListSteps", new { ClusterId = cluster }))["Steps"]!.AsArray().Select(step => (string)step!["Name"]!)];
}
