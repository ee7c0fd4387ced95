using Akka.Event;
using Akka.TestKit.Xunit;
using Pipeline.Core;
using Pipeline.Testing;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Coordination;

/// <summary>What a job that fails leaves in its node's log.</summary>
public sealed class JobRunnerLogSpec : TestKit
{
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private readonly TestLake _lake = new(TestGraph.Of("users { from = bronze/app/users, columns { user_id { type = long } }, key = [user_id] }", ""));

    public JobRunnerLogSpec() : base("akka.loglevel = ERROR, akka.stdout-loglevel = OFF, akka.loggers = []")
    {
    }

    public static TheoryData<Exception, bool> Thrown => new()
    {
        { new InvalidOperationException("a defect"), true },
        // A job of a cluster that has ended without a word: where this process was meanwhile helps nobody.
        { new PipelineException(FaultKind.Defect, "Job run 1", "it has ended without a word", "Look into its log."), false },
        { new PipelineException(FaultKind.Unreachable, "Store", "is away", "Wait."), false },
    };

    [Theory, MemberData(nameof(Thrown))]
    public async Task A_stack_is_shown_of_what_nobody_has_put_into_words(Exception thrown, bool isShown)
    {
        var (log, parent) = (CreateTestProbe(), CreateTestProbe());
        Sys.EventStream.Subscribe(log.Ref, typeof(Error));
        await _lake.AppendAsync("bronze/app/users", TestLake.BronzeColumns("user_id long"), "SELECT 4 AS user_id, 'r' AS _op, 4 AS _position");
        var pins = (await _lake.Planner.PlanAsync(TableId.Silver("users"), TestContext.Current.CancellationToken))!;

        parent.ChildActorOf(JobRunnerActor.Props(pins, null, _lake.Planner, new Runner(thrown), new TimeLimit(TimeSpan.FromDays(1), TimeProvider.System), _lake.Time), TestContext.Current.CancellationToken);
        parent.ExpectMsg<JobEnded>(Deadline, cancellationToken: TestContext.Current.CancellationToken);
        Sys.Log.Error("the end");

        var first = log.ExpectMsg<Error>(Deadline, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(isShown ? thrown : null, first.Cause);
    }

    protected override void AfterAll()
    {
        _lake.Dispose();
        base.AfterAll();
    }

    private sealed class Runner(Exception thrown) : IJobRunner
    {
        public SqlDialect DialectOf(JobPins pins) => SqlDialect.DuckDb;

        public Task<JobResult> RunAsync(JobSpec spec, JobSubmission submission, CancellationToken cancellationToken) => Task.FromException<JobResult>(thrown);
    }
}
