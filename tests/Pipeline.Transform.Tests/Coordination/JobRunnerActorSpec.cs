using Akka.Actor;
using Akka.TestKit.Xunit;
using Pipeline.Core;
using Pipeline.Testing;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Coordination.Runners;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Coordination;

public sealed class JobRunnerActorSpec : TestKit
{
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private static readonly TimeLimit NoLimit = new(TimeSpan.FromDays(1), TimeProvider.System);

    private readonly TestLake _lake = new(TestGraph.Of("users { from = bronze/app/users, columns { user_id { type = long } }, key = [user_id] }", ""));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public JobRunnerActorSpec() : base("akka.loglevel = OFF, akka.stdout-loglevel = OFF")
    {
    }

    public static TheoryData<Exception, FaultKind?> Thrown => new()
    {
        { new PipelineException(FaultKind.Unreachable, "Store", "is away", "Wait."), FaultKind.Unreachable },
        { new PipelineException(FaultKind.Invalid, "Query", "is wrong", "Correct it."), FaultKind.Invalid },
        { new PipelineException(FaultKind.TooLarge, "Memory", "is full", "Read less."), FaultKind.TooLarge },
        { new JobSupersededException("another run was first"), null },
        { new InvalidOperationException("a defect"), FaultKind.Defect },
        // What HttpClient throws when its time is over.
        { new TaskCanceledException("a time-out", new TimeoutException()), FaultKind.Unreachable },
    };

    [Theory, MemberData(nameof(Thrown))]
    public async Task Tells_its_parent_whatever_ends_the_job_and_stops(Exception thrown, FaultKind? kind)
    {
        var parent = CreateTestProbe();
        var pins = await PinsAsync();
        var runner = Watch(parent.ChildActorOf(JobRunnerActor.Props(pins, null, _lake.Planner, new Runner(_ => throw thrown), NoLimit, _lake.Time), Cancel));

        var ended = parent.ExpectMsg<JobEnded>(Deadline, cancellationToken: Cancel);

        Assert.Equal(JobEnded.Failed(TableId.Silver("users"), pins, thrown), ended);
        Assert.Equal((kind, kind is null ? thrown.Message : null), (ended.Fault?.Kind, ended.Superseded));
        ExpectTerminated(runner, Deadline, cancellationToken: Cancel);
    }

    [Fact]
    public async Task Tells_its_parent_the_result_and_stops()
    {
        var parent = CreateTestProbe();
        var result = new JobResult(TableId.Silver("users"), 1, 0, 1, null, TimeSpan.Zero);
        var pins = await PinsAsync();
        var runner = Watch(parent.ChildActorOf(JobRunnerActor.Props(pins, null, _lake.Planner, new Runner(_ => Task.FromResult(result)), NoLimit, _lake.Time), Cancel));

        Assert.Equal(new JobEnded(TableId.Silver("users"), pins, result, null), parent.ExpectMsg<JobEnded>(Deadline, cancellationToken: Cancel));
        ExpectTerminated(runner, Deadline, cancellationToken: Cancel);
    }

    [Fact]
    public async Task Tells_what_cannot_even_be_planned()
    {
        var parent = CreateTestProbe();
        var pins = await PinsAsync() with { Table = TableId.Silver("unknown") };

        parent.ChildActorOf(JobRunnerActor.Props(pins, null, _lake.Planner, _lake.Jobs, NoLimit, _lake.Time), Cancel);

        Assert.NotNull(parent.ExpectMsg<JobEnded>(Deadline, cancellationToken: Cancel).Fault);
    }

    [Fact]
    public async Task Interrupts_the_job_when_it_is_stopped_and_tells_nobody()
    {
        var parent = CreateTestProbe();
        var started = new TaskCompletionSource<CancellationToken>();
        var runner = Watch(parent.ChildActorOf(JobRunnerActor.Props(await PinsAsync(), null, _lake.Planner, new Runner(async cancel =>
        {
            started.SetResult(cancel);
            await Task.Delay(Timeout.InfiniteTimeSpan, cancel);
            throw new InvalidOperationException("never here");
        }), NoLimit, _lake.Time), Cancel));
        var token = await started.Task.WaitAsync(Deadline, TestContext.Current.CancellationToken);

        Sys.Stop(runner);
        ExpectTerminated(runner, Deadline, cancellationToken: Cancel);

        Assert.True(token.IsCancellationRequested);
        parent.Tell("a mark");
        Assert.Equal("a mark", parent.ExpectMsg<string>(Deadline, cancellationToken: Cancel));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_job_that_takes_too_long_is_cancelled_and_told_also_one_that_does_not_obey(bool obeys)
    {
        var parent = CreateTestProbe();
        var started = new TaskCompletionSource<CancellationToken>();
        var runner = Watch(parent.ChildActorOf(JobRunnerActor.Props(await PinsAsync(), null, _lake.Planner, new Runner(async cancel =>
        {
            started.SetResult(cancel);
            await Task.Delay(Timeout.InfiniteTimeSpan, obeys ? cancel : CancellationToken.None);
            throw new InvalidOperationException("never here");
        }), new TimeLimit(TimeSpan.FromMinutes(1), _lake.Time), _lake.Time), Cancel));
        var token = await started.Task.WaitAsync(Deadline, Cancel);

        // One that does not obey is waited for a while more, from when it was told.
        while (!parent.HasMessages)
        {
            _lake.Time.Advance(TimeSpan.FromMinutes(1));
            await Task.Delay(10, Cancel);
        }

        var fault = parent.ExpectMsg<JobEnded>(Deadline, cancellationToken: Cancel).Fault;
        Assert.Equal((FaultKind.TooLarge, "Table silver/users", "run 1 has taken more than 60 s and was cancelled"), (fault?.Kind, fault?.Thing, fault?.Cause));
        Assert.True(token.IsCancellationRequested);
        ExpectTerminated(runner, Deadline, cancellationToken: Cancel);
    }

    [Fact]
    public async Task A_query_without_an_end_is_interrupted_where_it_runs()
    {
        using var lake = new TestLake(TestGraph.Of("", "endless { sql = \"endless.sql\" }",
            ("endless.sql", "WITH RECURSIVE n AS (SELECT CAST(1 AS BIGINT) AS i UNION ALL SELECT i % 1000 + 1 FROM n) SELECT CAST(sum(i) AS BIGINT) AS total FROM n")));
        var parent = CreateTestProbe();
        var pins = (await lake.Planner.PlanAsync(TableId.Gold("endless"), Cancel))!;

        parent.ChildActorOf(JobRunnerActor.Props(pins, null, lake.Planner, lake.Jobs, new TimeLimit(TimeSpan.FromSeconds(1), TimeProvider.System), lake.Time), Cancel);

        Assert.Equal(FaultKind.TooLarge, parent.ExpectMsg<JobEnded>(Deadline, cancellationToken: Cancel).Fault?.Kind);
    }

    [Fact]
    public async Task An_execution_elsewhere_is_submitted_when_it_is_kept()
    {
        var parent = CreateTestProbe();
        var (pins, handle) = (await PinsAsync() with { Engine = "emr", Statements = null }, new JobHandle("emr", "e1", "test/e1"));
        var submitted = new TaskCompletionSource();
        var runner = parent.ChildActorOf(JobRunnerActor.Props(pins, null, _lake.Planner, new Runner(async (submission, cancel) =>
        {
            await submission.Intended(handle, cancel);
            submitted.SetResult();
            return new JobResult(pins.Table, 1, 0, 1, null, TimeSpan.Zero);
        }), NoLimit, _lake.Time), Cancel);

        Assert.Equal(new JobIntended(pins, handle), parent.ExpectMsg<JobIntended>(Deadline, cancellationToken: Cancel));
        Assert.False(submitted.Task.IsCompleted);
        runner.Tell(new IntentKept(pins, handle));

        Assert.NotNull(parent.ExpectMsg<JobEnded>(Deadline, cancellationToken: Cancel).Result);
        Assert.True(submitted.Task.IsCompleted);
    }

    [Fact]
    public async Task An_execution_elsewhere_does_not_wait_for_ever_for_a_coordinator_that_does_not_say_that_it_is_kept()
    {
        var parent = CreateTestProbe();
        var pins = await PinsAsync() with { Engine = "emr", Statements = null };
        parent.ChildActorOf(JobRunnerActor.Props(pins, null, _lake.Planner, new Runner(async (submission, cancel) =>
        {
            await submission.Intended(new JobHandle("emr", "e1", "test/e1"), cancel);
            return new JobResult(pins.Table, 1, 0, 1, null, TimeSpan.Zero);
        }), NoLimit, _lake.Time), Cancel);
        parent.ExpectMsg<JobIntended>(Deadline, cancellationToken: Cancel);

        while (!parent.HasMessages)
        {
            _lake.Time.Advance(TimeSpan.FromSeconds(5));
            await Task.Delay(10, Cancel);
        }

        Assert.NotNull(parent.ExpectMsg<JobEnded>(Deadline, cancellationToken: Cancel).Result);
    }

    [Fact]
    public async Task A_run_elsewhere_has_no_limit_of_this_process()
    {
        var parent = CreateTestProbe();
        var (started, end) = (new TaskCompletionSource(), new TaskCompletionSource<JobResult>());
        var pins = await PinsAsync() with { Engine = "emr", Statements = null };
        parent.ChildActorOf(JobRunnerActor.Props(pins, null, _lake.Planner, new Runner(cancel =>
        {
            started.SetResult();
            return end.Task.WaitAsync(cancel);
        }), new TimeLimit(TimeSpan.FromMinutes(1), _lake.Time), _lake.Time), Cancel);
        await started.Task.WaitAsync(Deadline, Cancel);

        _lake.Time.Advance(TimeSpan.FromHours(1));
        end.SetResult(new JobResult(pins.Table, 1, 0, 1, null, TimeSpan.Zero));

        Assert.NotNull(parent.ExpectMsg<JobEnded>(Deadline, cancellationToken: Cancel).Result);
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing) _lake.Dispose();
    }

    private async Task<JobPins> PinsAsync()
    {
        await _lake.AppendAsync("bronze/app/users", TestLake.BronzeColumns("user_id long"), "SELECT 4 AS user_id, 'r' AS _op, 4 AS _position");
        return (await _lake.Planner.PlanAsync(TableId.Silver("users"), TestContext.Current.CancellationToken))!;
    }

    private sealed class Runner(Func<JobSubmission, CancellationToken, Task<JobResult>> run) : IJobRunner
    {
        public Runner(Func<CancellationToken, Task<JobResult>> run) : this((_, cancel) => run(cancel))
        {
        }

        public SqlDialect DialectOf(JobPins pins) => SqlDialect.Spark;

        public Task<JobResult> RunAsync(JobSpec spec, JobSubmission submission, CancellationToken cancellationToken)
        {
            Assert.Equal(SqlDialect.Spark, spec.Dialect);
            return run(submission, cancellationToken);
        }
    }
}
