using Akka.Actor;
using Akka.TestKit.Xunit;
using Pipeline.Core;
using Pipeline.Testing;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Coordination.Runners;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Coordination;

public sealed class JobRunnersActorSpec : TestKit
{
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private static readonly TableId Users = TableId.Silver("users");

    private readonly IActorRef _runners;
    private readonly List<IActorRef> _jobs = [];

    public JobRunnersActorSpec() : base("akka.loglevel = OFF, akka.stdout-loglevel = OFF, akka.log-dead-letters = off, akka.actor.provider = cluster, akka.remote.dot-netty.tcp { hostname = 127.0.0.1, port = 0 }") =>
        _runners = Sys.ActorOf(JobRunnersActor.Props((pins, _) => Props.Create(() => new Job(pins))));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void Says_what_it_runs_and_tells_the_last_who_asked_how_it_ended_until_that_is_kept()
    {
        Run(1);
        Assert.Equal([1], Running(TestActor));
        var next = CreateTestProbe();
        Assert.Equal([1], Running(next.Ref, next));

        End(Result(1));

        Assert.Equal(1, next.ExpectMsg<JobEnded>(Deadline, cancellationToken: Cancel).Pins?.Run);
        Assert.Empty(Running(next.Ref, next));
        Assert.Equal(1, next.ExpectMsg<JobEnded>(Deadline, cancellationToken: Cancel).Pins?.Run);
        _runners.Tell(new JobEndKept(Pins(1)), next.Ref);
        Assert.Empty(Running(next.Ref, next));
        next.Tell("a mark");
        Assert.Equal("a mark", next.ExpectMsg<string>(Deadline, cancellationToken: Cancel));
    }

    [Fact]
    public void A_job_that_is_ordered_twice_runs_once_and_one_that_has_ended_is_told_again()
    {
        Run(1);
        _runners.Tell(new RunJob(Pins(1)));
        Assert.Equal([1], Running(TestActor));
        End(Result(1));
        ExpectMsg<JobEnded>(Deadline, cancellationToken: Cancel);

        _runners.Tell(new RunJob(Pins(1)));

        Assert.Equal(1, ExpectMsg<JobEnded>(Deadline, cancellationToken: Cancel).Pins?.Run);
        Assert.Empty(Running(TestActor));
    }

    [Fact]
    public void A_new_run_of_a_table_interrupts_the_one_that_was_given_up()
    {
        // The end of the one and the start of the other come in any order.
        var watching = CreateTestProbe();
        var first = watching.Watch(Run(1));

        Run(2);

        watching.ExpectTerminated(first, Deadline, cancellationToken: Cancel);
        Assert.Equal([2], Running(TestActor));
    }

    [Fact]
    public void A_job_that_is_cancelled_is_interrupted_and_not_told_of()
    {
        var job = Watch(Run(1));
        _runners.Tell(new CancelJob(Pins(2)));
        Assert.Equal([1], Running(TestActor));

        _runners.Tell(new CancelJob(Pins(1)));

        ExpectTerminated(job, Deadline, cancellationToken: Cancel);
        Assert.Empty(Running(TestActor));
    }

    [Fact]
    public void A_job_that_dies_without_a_word_has_failed()
    {
        var job = Run(1);

        Sys.Stop(job);

        Assert.Equal((1L, FaultKind.Defect), ExpectMsg<JobEnded>(Deadline, cancellationToken: Cancel) is var ended ? (ended.Pins?.Run, ended.Fault?.Kind) : default);
    }

    [Fact]
    public void Orders_of_nobody_are_not_obeyed()
    {
        _runners.Tell(new RunJob(Pins(1)), ActorRefs.NoSender);

        Assert.Empty(Running(TestActor));
    }

    private static JobPins Pins(long run) => new() { Table = Users, Run = run, RequestedAt = DateTimeOffset.UnixEpoch, Inputs = [], Targets = [] };

    private static JobEnded Result(long run) => new(Users, Pins(run), new JobResult(Users, run, 7, 1, null, TimeSpan.Zero), null);

    private IActorRef Run(long run)
    {
        Sys.EventStream.Subscribe(TestActor, typeof(Job.Started));
        _runners.Tell(new RunJob(Pins(run)), TestActor);
        var started = ExpectMsg<Job.Started>(Deadline, cancellationToken: Cancel);
        _jobs.Add(started.Ref);
        return started.Ref;
    }

    private void End(JobEnded ended) => _jobs[^1].Tell(ended);

    private long[] Running(IActorRef asker, Akka.TestKit.TestProbe? probe = null)
    {
        _runners.Tell(new GetRunningJobs(), asker);
        var answer = probe is null ? ExpectMsg<RunningJobs>(Deadline, cancellationToken: Cancel) : probe.ExpectMsg<RunningJobs>(Deadline, cancellationToken: Cancel);
        return [.. answer.Jobs.Select(pins => pins.Run)];
    }

    /// <summary>Ends as it is told.</summary>
    private sealed class Job : ReceiveActor
    {
        public Job(JobPins pins)
        {
            Receive<JobEnded>(ended =>
            {
                Context.Parent.Tell(ended);
                Context.Stop(Self);
            });
            Context.System.EventStream.Publish(new Started(pins, Self));
        }

        public sealed record Started(JobPins Pins, IActorRef Ref);
    }
}
