using Akka.Actor;
using Akka.TestKit.Xunit;
using Pipeline.Core;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Coordination;

public sealed class JobRunnerActorSpec : TestKit
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

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
        var runner = Watch(parent.ChildActorOf(JobRunnerActor.Props(await PinsAsync(), _lake.Planner, new Engine(_ => throw thrown)), Cancel));

        var ended = parent.ExpectMsg<JobEnded>(Deadline, cancellationToken: Cancel);

        Assert.Equal(JobEnded.Failed(TableId.Silver("users"), thrown), ended);
        Assert.Equal((kind, kind is null ? thrown.Message : null), (ended.Fault?.Kind, ended.Superseded));
        ExpectTerminated(runner, Deadline, cancellationToken: Cancel);
    }

    [Fact]
    public async Task Tells_its_parent_the_result_and_stops()
    {
        var parent = CreateTestProbe();
        var result = new JobResult(TableId.Silver("users"), 1, 0, 1, null, TimeSpan.Zero);
        var runner = Watch(parent.ChildActorOf(JobRunnerActor.Props(await PinsAsync(), _lake.Planner, new Engine(_ => Task.FromResult(result))), Cancel));

        Assert.Equal(new JobEnded(TableId.Silver("users"), result, null), parent.ExpectMsg<JobEnded>(Deadline, cancellationToken: Cancel));
        ExpectTerminated(runner, Deadline, cancellationToken: Cancel);
    }

    [Fact]
    public async Task Tells_what_cannot_even_be_planned()
    {
        var parent = CreateTestProbe();
        var pins = await PinsAsync() with { Table = TableId.Silver("unknown") };

        parent.ChildActorOf(JobRunnerActor.Props(pins, _lake.Planner, _lake.Engine), Cancel);

        Assert.NotNull(parent.ExpectMsg<JobEnded>(Deadline, cancellationToken: Cancel).Fault);
    }

    [Fact]
    public async Task Interrupts_the_job_when_it_is_stopped_and_tells_nobody()
    {
        var parent = CreateTestProbe();
        var started = new TaskCompletionSource<CancellationToken>();
        var runner = Watch(parent.ChildActorOf(JobRunnerActor.Props(await PinsAsync(), _lake.Planner, new Engine(async cancel =>
        {
            started.SetResult(cancel);
            await Task.Delay(Timeout.InfiniteTimeSpan, cancel);
            throw new InvalidOperationException("never here");
        })), Cancel));
        var token = await started.Task.WaitAsync(Deadline, TestContext.Current.CancellationToken);

        Sys.Stop(runner);
        ExpectTerminated(runner, Deadline, cancellationToken: Cancel);

        Assert.True(token.IsCancellationRequested);
        parent.Tell("a mark");
        Assert.Equal("a mark", parent.ExpectMsg<string>(Deadline, cancellationToken: Cancel));
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

    private sealed class Engine(Func<CancellationToken, Task<JobResult>> run) : IJobEngine
    {
        public string Name => "test";

        public Task<JobResult> RunAsync(JobSpec spec, CancellationToken cancellationToken) => run(cancellationToken);
    }
}
