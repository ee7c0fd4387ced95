using System.Collections.Concurrent;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta.Storage;
using Pipeline.Testing;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Tests.Jobs.Remote;

/// <summary>One run for one intent, on an engine whose executions outlive whoever has submitted them.</summary>
public sealed class RemoteExecutionSpec : IDisposable
{
    private static readonly IReadOnlyList<Field> Columns = TestLake.BronzeColumns("user_id long", "email string");

    private readonly TestLake _lake = new(TestGraph.Of("users { from = bronze/app/users, columns { user_id { type = long }, email { type = string, required = true } }, key = [user_id], rules = [ { name = stops, check = \"email <> 'stop'\", severity = fail } ] }"));
    private readonly ScratchDirectory _directory = new("jobs-");
    private readonly LocalObjectStore _store;
    private readonly EngineElsewhere _engine;
    private readonly RemoteRuns _remote;
    private readonly List<string> _intended = [];
    private readonly AsyncLocal<int> _who = new();
    private int _runs;

    public RemoteExecutionSpec()
    {
        _store = new LocalObjectStore(_directory);
        _engine = new EngineElsewhere(_lake.Engine, _store, _lake.Time);
        _remote = new RemoteRuns("test", _lake.Lake, new JobArtifacts(_store), [_engine]);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _lake.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task An_execution_is_kept_by_its_name_and_searched_for_before_it_is_submitted()
    {
        var spec = await SpecAsync();
        _engine.Submitting = job => Assert.Equal((job.Name.ToString(), 1), (Assert.Single(_intended), _engine.Searches));

        await RunAsync(spec);

        var id = await _lake.Lake.IdAsync(Cancel);
        Assert.StartsWith($"test-{id}/silver/users/2/", Assert.Single(_intended), StringComparison.Ordinal);
        Assert.Equal(["submitted 1", "succeeded 1"], _engine.Told);
        await HasRunAsync();
    }

    [Fact]
    public async Task A_node_that_stops_leaves_the_execution_and_the_next_one_takes_it_over()
    {
        var spec = await SpecAsync();
        await LeaveAsync(spec);

        _engine.EndsAs = ExecutionStage.Succeeded;
        await RunAsync(spec);

        Assert.Equal(["submitted 1", "succeeded 1"], _engine.Told);
        await HasRunAsync();
    }

    [Fact]
    public async Task An_execution_that_has_ended_meanwhile_is_taken_over()
    {
        var spec = await SpecAsync();
        await LeaveAsync(spec);
        await _engine.EndAsync(_engine.Active.Single(), ExecutionStage.Succeeded);

        await RunAsync(spec);

        Assert.Equal(["submitted 1", "succeeded 1"], _engine.Told);
        await HasRunAsync();
    }

    [Fact]
    public async Task An_execution_of_another_document_is_cancelled_and_nothing_is_submitted_before_it_has_ended()
    {
        var (spec, other) = (await SpecAsync(), await SpecAsync());
        _engine.IsDeaf = true;
        await LeaveAsync(other with { Silver = other.Silver! with { Latest = other.Silver.Latest + " " } });
        var old = _engine.Active.Single();
        _engine.EndsAs = ExecutionStage.Succeeded;

        var run = RunAsync(spec, isPumped: false);
        await PumpAsync(() => _engine.Told.Count(told => told == "cancelled 1") > 0);
        await PumpAsync(() => _engine.Searches > 20);
        Assert.Equal([old], _engine.Active);
        await _engine.EndAsync(old, ExecutionStage.Cancelled);
        await PumpAsync(() => run.IsCompleted);
        await run;

        Assert.Equal(["submitted 1", "cancelled 1", "submitted 2", "succeeded 2"], _engine.Told.Distinct());
        Assert.Equal(0, _engine.Doubled);
        await HasRunAsync();
    }

    [Fact]
    public async Task A_submission_whose_answer_was_lost_is_found_and_not_made_again()
    {
        _engine.Lots.Enqueue(Lot.LostAfter);

        await RunAsync(await SpecAsync());

        Assert.Equal(["submitted 1", "succeeded 1"], _engine.Told);
        await HasRunAsync();
    }

    [Fact]
    public async Task A_submission_that_was_lost_is_made_again_under_another_name_when_it_cannot_arrive_any_more()
    {
        _engine.Lots.Enqueue(Lot.LostBefore);
        var began = _lake.Time.GetUtcNow();
        DateTimeOffset? again = null;
        _engine.Submitting = _ => again = _lake.Time.GetUtcNow();

        await RunAsync(await SpecAsync());

        Assert.True(again - began >= _engine.Bounds.ArriveMax, $"after {again - began}");
        Assert.Equal(2, _intended.Distinct().Count());
        Assert.Equal(["submitted 1", "succeeded 1"], _engine.Told);
        await HasRunAsync();
    }

    [Fact]
    public async Task A_submission_that_is_late_is_found_by_the_next_runner()
    {
        _engine.Lots.Enqueue(Lot.LostBefore);
        RemoteJob? late = null;
        _engine.Submitting = job => late ??= job;
        var spec = await SpecAsync();
        using (var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel))
        {
            var left = RunAsync(spec, isPumped: false, stop.Token);
            await PumpAsync(() => late is not null);
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        }

        var run = RunAsync(spec, isPumped: false);
        await PumpAsync(() => _engine.Searches > 5);
        _engine.Arrive(late!, new JobHandle(EngineElsewhere.Named, late!.Name.Execution, "s-late"));
        await PumpAsync(() => run.IsCompleted);
        await run;

        Assert.Equal(["submitted 1", "succeeded 1"], _engine.Told);
        await HasRunAsync();
    }

    [Fact]
    public async Task Who_waits_for_room_submits_once_when_there_is_some()
    {
        _engine.Lots.Enqueue(Lot.NoRoom);
        _engine.Lots.Enqueue(Lot.NoRoom);

        await RunAsync(await SpecAsync());

        Assert.Single(_intended);
        Assert.Equal(["submitted 1", "succeeded 1"], _engine.Told);
    }

    [Fact]
    public async Task A_refused_submission_is_told_and_keeps_nobody_waiting()
    {
        _engine.Lots.Enqueue(Lot.Refused);
        var spec = await SpecAsync();
        var fault = await Assert.ThrowsAsync<PipelineException>(() => RunAsync(spec));
        Assert.Equal("it takes no such step", fault.Cause);
        var searches = _engine.Searches;

        await RunAsync(spec);

        Assert.Equal(1, _engine.Searches - searches);
        await HasRunAsync();
    }

    [Fact]
    public async Task Two_who_run_the_same_run_have_one_execution()
    {
        var both = await BothAsync(await SpecAsync());

        _engine.EndsAs = ExecutionStage.Succeeded;
        await PumpAsync(() => both.All(task => task.IsCompleted));

        // The table takes the run once; the other finds it done.
        Assert.True(both.Any(task => task.IsCompletedSuccessfully), string.Join('\n', both.Select(task => task.Exception)));
        Assert.All(both, task => Assert.True(task.IsCompletedSuccessfully || task.Exception!.InnerException is JobSupersededException, $"{task.Exception}"));
        Assert.Equal((1, 0), (_engine.Submitted, _engine.Doubled));
        await HasRunAsync();
    }

    [Fact]
    public async Task Who_sees_the_end_of_an_execution_when_another_has_committed_it_executes_nothing()
    {
        var wakes = new TaskCompletionSource();
        _engine.Observing = () => _who.Value == 2 ? wakes.Task : Task.CompletedTask;
        var both = await BothAsync(await SpecAsync());
        _engine.EndsAs = ExecutionStage.Succeeded;
        await PumpAsync(() => both[0].IsCompleted);

        wakes.SetResult();
        await PumpAsync(() => both[1].IsCompleted);

        await both[0];
        await Assert.ThrowsAsync<JobSupersededException>(() => both[1]);
        Assert.Equal(["submitted 1", "succeeded 1"], _engine.Told);
        await HasRunAsync();
    }

    [Fact]
    public async Task A_run_that_is_over_is_not_executed_again()
    {
        var spec = await SpecAsync();
        await RunAsync(spec);

        await RunAsync(spec);

        Assert.Equal(["submitted 1", "succeeded 1"], _engine.Told);
        await HasRunAsync();
    }

    [Fact]
    public async Task A_run_that_was_cut_off_before_its_commit_takes_the_answer_that_is_there()
    {
        var spec = await SpecAsync();
        await CutOffAsync(spec);

        await RunAsync(spec);

        Assert.Equal(["submitted 1", "succeeded 1"], _engine.Told);
        Assert.Empty(await MarksAsync());
        await HasRunAsync();
    }

    [Fact]
    public async Task Two_who_wait_for_room_for_longer_than_a_submission_may_be_under_way_have_one_execution()
    {
        var spec = await SpecAsync();
        (_engine.IsFull, _engine.EndsAs) = (true, null);
        var sent = new ConcurrentQueue<string>();
        _engine.Submitting = job => sent.Enqueue(job.Name.Execution);
        var began = _lake.Time.GetUtcNow();

        Task[] both = [RunAsync(spec, isPumped: false), RunAsync(spec, isPumped: false)];
        await PumpAsync(() => _lake.Time.GetUtcNow() - began > 3 * _engine.Bounds.ArriveMax);
        var (searches, since) = (_engine.Searches, _lake.Time.GetUtcNow());
        _engine.IsFull = false;
        await PumpAsync(() => _engine.Active.Count > 0 && _engine.Searches > searches && _lake.Time.GetUtcNow() - since > _engine.Bounds.ArriveMax);
        _engine.EndsAs = ExecutionStage.Succeeded;
        await PumpAsync(() => both.All(task => task.IsCompleted));

        Assert.Contains(both, task => task.IsCompletedSuccessfully);
        Assert.Equal((1, 0), (_engine.Submitted, _engine.Doubled));
        // An execution that another one has followed is never sent again.
        Assert.True(sent.Distinct().Count() > 1);
        Assert.Equal(sent.Distinct(), sent.Where((execution, i) => i == 0 || execution != sent.ElementAt(i - 1)));
        await HasRunAsync();
    }

    [Fact]
    public async Task Who_has_stood_still_before_sending_draws_another_execution()
    {
        var spec = await SpecAsync();
        var isFirst = true;
        _engine.Submitting = job =>
        {
            if (!isFirst) return;
            isFirst = false;
            _engine.Lots.Enqueue(Lot.NoRoom);
            _lake.Time.Advance(RunKnowledge.SendMax + TimeSpan.FromSeconds(1));
        };

        await RunAsync(spec);

        Assert.Equal(2, _intended.Distinct().Count());
        Assert.Equal(["submitted 1", "succeeded 1"], _engine.Told);
    }

    [Fact]
    public async Task A_claim_that_its_owner_has_not_used_is_taken_away_and_he_does_not_submit_then()
    {
        var spec = await SpecAsync();
        var artifacts = new JobArtifacts(_store);
        var theirs = new RunClaim(1, "theirs", "another", spec.Pins, _lake.Time.GetUtcNow(), ClaimFate.Open);
        Assert.True(await artifacts.ClaimsOf(spec.Pins.Table, spec.Pins.Run).TryPutAsync(theirs, Cancel));

        await RunAsync(spec);

        Assert.Equal(ClaimFate.Dropped, await artifacts.ClaimsOf(spec.Pins.Table, spec.Pins.Run).DecideAsync(1, ClaimFate.Sent, "theirs", Cancel));
        Assert.Equal(["submitted 1", "succeeded 1"], _engine.Told);
    }

    [Fact]
    public async Task A_place_of_artifacts_is_one_lakes_and_another_submits_nothing_and_is_told_whose_it_is()
    {
        var spec = await SpecAsync();
        await RunAsync(spec);
        using var other = new TestLake(_lake.Graph);
        var remote = new RemoteRuns("test", other.Lake, new JobArtifacts(_store), [_engine]);

        var fault = await Assert.ThrowsAsync<PipelineException>(() => remote.ExecutionAsync(_engine, spec.Pins, JobSubmission.Forgotten, _lake.Time, Cancel).AsTask());

        Assert.Equal((FaultKind.Invalid, $"Artifacts in {_store.Location}"), (fault.Kind, fault.Thing));
        Assert.Contains($"they are of the lake {await _lake.Lake.IdAsync(Cancel)}, and this is {await other.Lake.IdAsync(Cancel)}", fault.Message, StringComparison.Ordinal);
        Assert.Single(_engine.Told, told => told.StartsWith("submitted", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_execution_that_takes_too_long_is_cancelled_and_told_when_it_has_ended()
    {
        _engine.EndsAs = null;
        _engine.IsDeaf = true;
        var run = RunAsync(await SpecAsync(), isPumped: false);
        await PumpAsync(() => _engine.Active.Count == 1);

        _lake.Time.Advance(TimeSpan.FromHours(13));
        await PumpAsync(() => _engine.Told.Contains("cancelled 1"));
        await PumpAsync(() => _engine.Told.Count(told => told == "cancelled 1") > 1);
        Assert.False(run.IsCompleted);
        await _engine.EndAsync(_engine.Active.Single(), ExecutionStage.Cancelled);
        await PumpAsync(() => run.IsCompleted);

        var fault = await Assert.ThrowsAsync<PipelineException>(() => run);
        Assert.Equal((FaultKind.TooLarge, "Run silver/users#2"), (fault.Kind, fault.Thing));
    }

    [Fact]
    public async Task A_failed_execution_is_told_and_the_next_try_is_another()
    {
        _engine.EndsAs = ExecutionStage.Failed;
        var spec = await SpecAsync();
        Assert.Equal("it is Failed", (await Assert.ThrowsAsync<PipelineException>(() => RunAsync(spec))).Cause);

        _engine.EndsAs = ExecutionStage.Succeeded;
        await RunAsync(spec);

        Assert.Equal(["submitted 1", "failed 1", "submitted 2", "succeeded 2"], _engine.Told);
        await HasRunAsync();
    }

    [Fact]
    public async Task A_run_that_a_row_stops_is_executed_once_more_with_what_comes_after_it()
    {
        await _lake.AppendAsync("bronze/app/users", Columns, "SELECT 1 AS user_id, 'a@x' AS email, 'r' AS _op, 1 AS _position");
        await _lake.RunAllAsync();
        foreach (var (email, position) in new[] { ("stop", 2), ("b@x", 3) })
            await _lake.AppendAsync("bronze/app/users", Columns, $"SELECT 1 AS user_id, '{email}' AS email, 'u' AS _op, {position} AS _position");
        var pins = await Planner.PlanAsync(TableId.Silver("users"), rowsMax: 1, Cancel);

        await RunAsync(await ExpandAsync(pins!));

        Assert.Equal(["submitted 1", "failed 1", "submitted 2", "succeeded 2"], _engine.Told);
        Assert.Equal(["1"], await _lake.RowsAsync("SELECT user_id FROM silver.users__quarantine"));
    }

    [Fact]
    public async Task An_answer_of_which_something_is_gone_is_computed_again()
    {
        var spec = await SpecAsync();
        await CutOffAsync(spec);
        await _lake.Lake.Store.DeleteAsync(Assert.Single(await MarksAsync()), Cancel);

        await RunAsync(spec);

        Assert.Equal(["submitted 1", "succeeded 1", "submitted 2", "succeeded 2"], _engine.Told);
        await HasRunAsync();
    }

    [Fact]
    public async Task Who_has_lost_the_journal_plans_the_run_that_is_under_way()
    {
        var spec = await SpecAsync();
        await LeaveAsync(spec);
        _lake.Time.Advance(TimeSpan.FromMinutes(1));

        var planned = await Planner.PlanAsync(spec.Pins.Table, Cancel);
        _engine.EndsAs = ExecutionStage.Succeeded;
        await RunAsync(await ExpandAsync(planned!));

        Assert.Equal(spec.Pins.ToJson(), planned!.ToJson());
        Assert.Equal(["submitted 1", "succeeded 1"], _engine.Told);
        await HasRunAsync();
    }

    [Fact]
    public async Task An_execution_that_only_the_journal_knows_is_waited_for()
    {
        var spec = await SpecAsync();
        var began = _lake.Time.GetUtcNow();
        DateTimeOffset? submitted = null;
        _engine.Submitting = _ => submitted = _lake.Time.GetUtcNow();

        await RunAsync(spec, before: new JobHandle(EngineElsewhere.Named, "e1", "test/e1"));

        Assert.True(submitted - began >= _engine.Bounds.ArriveMax);
    }

    [Fact]
    public async Task A_run_for_an_engine_that_is_not_set_up_here_says_so()
    {
        var spec = await SpecAsync();

        var fault = await Assert.ThrowsAsync<PipelineException>(() => Runner.RunAsync(spec with { Pins = spec.Pins with { Engine = "elsewhere" } }, Submission, Cancel));

        Assert.Equal((FaultKind.Invalid, "it was planned for engine elsewhere, which is not set up on this node"), (fault.Kind, fault.Cause));
    }

    private JobRunner Runner => new(_lake.Tables, _lake.Engine, _lake.Options, _lake.Time, _remote);

    private JobPlanner Planner => new(_lake.Tables, _lake.Graph, _lake.Options with { Engine = EngineKind.Emr }, _lake.Time, _remote);

    private JobSubmission Submission => SubmissionAfter(null);

    private JobSubmission SubmissionAfter(JobHandle? before) => new(before, (handle, _) =>
    {
        lock (_intended) _intended.Add(handle.Id);
        return ValueTask.CompletedTask;
    });

    private async Task RunAsync(JobSpec spec, bool isPumped = true, CancellationToken? cancel = null, JobHandle? before = null)
    {
        // Known to everything that is done for it, and to nobody else.
        _who.Value = Interlocked.Increment(ref _runs);
        var run = Task.Run(() => Runner.RunAsync(spec, SubmissionAfter(before), cancel ?? Cancel), Cancel);
        if (isPumped) await PumpAsync(() => run.IsCompleted);
        await run;
    }

    /// <summary>Lets time pass until something has happened.</summary>
    private async Task PumpAsync(Func<bool> until)
    {
        for (var i = 0; !until(); i++)
        {
            Assert.True(i < 5_000, string.Join("\n", _engine.Told));
            await Task.Delay(1, Cancel);
            if (i % 2 == 1) _lake.Time.Advance(TimeSpan.FromSeconds(2));
        }
    }

    /// <summary>Two run the same run, neither knowing of the other: both have looked for executions, and one goes on.</summary>
    private async Task<Task[]> BothAsync(JobSpec spec)
    {
        _engine.EndsAs = null;
        var looked = new ConcurrentDictionary<int, bool>();
        _engine.Searching = () => looked[_who.Value] = true;
        Task[] both = [RunAsync(spec, isPumped: false), RunAsync(spec, isPumped: false)];
        // No time passes meanwhile: whoever has the claim waits for nobody.
        while (looked.Count < 2 || _engine.Active.Count < 1)
        {
            Assert.False(both.Any(task => task.IsCompleted), string.Join('\n', both.Select(task => task.Exception)));
            await Task.Delay(1, Cancel);
        }

        return both;
    }

    /// <summary>A node is killed when it has looked at the answer, before it commits anything.</summary>
    private async Task CutOffAsync(JobSpec spec)
    {
        var cutOff = Runner;
        cutOff.BeforeCommit = _ => throw new IOException("killed");
        await Assert.ThrowsAsync<IOException>(() => cutOff.RunAsync(spec, Submission, Cancel));
    }

    /// <summary>What says which rows are replaced.</summary>
    private async Task<IReadOnlyList<string>> MarksAsync()
    {
        var found = new List<string>();
        await foreach (var one in _lake.Lake.Store.ListAsync("silver/users/", startAt: null, Cancel))
            if (one.Path.EndsWith("marks.parquet", StringComparison.Ordinal)) found.Add(one.Path);
        return found;
    }

    /// <summary>A node submits the run and stops while it is executed.</summary>
    private async Task LeaveAsync(JobSpec spec)
    {
        _engine.EndsAs = null;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var left = RunAsync(spec, isPumped: false, stop.Token);
        await PumpAsync(() => _engine.Active.Count == 1);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        Assert.Single(_engine.Active);
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

        return await ExpandAsync((await Planner.PlanAsync(TableId.Silver("users"), Cancel))!);
    }

    private async Task<JobSpec> ExpandAsync(JobPins pins) => await Planner.ExpandAsync(pins, SqlDialect.DuckDb, Cancel);

    private async Task HasRunAsync()
    {
        Assert.Equal(["1|b@x"], await _lake.RowsAsync("SELECT user_id, email FROM silver.users"));
        Assert.Equal(["2"], await _lake.RowsAsync("SELECT count(*) FROM silver._quality"));
    }
}
