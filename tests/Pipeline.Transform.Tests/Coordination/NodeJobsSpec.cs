using Pipeline.Core;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Coordination.Runners;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Coordination;

/// <summary>What a node does with its jobs, decision by decision.</summary>
public sealed class NodeJobsSpec
{
    private static readonly TableId Users = TableId.Silver("users");
    private static readonly TableId Orders = TableId.Silver("orders");

    private NodeJobs _jobs = NodeJobs.None;

    [Fact]
    public void A_job_that_is_ordered_starts_once()
    {
        Assert.Equal(["start silver/users#1"], Decide(new RunJob(Pins(Users, 1))));

        Assert.Empty(Decide(new RunJob(Pins(Users, 1))));

        Assert.Equal(["running silver/users#1"], Decide(new GetRunningJobs()));
    }

    [Fact]
    public void Tables_have_jobs_of_their_own()
    {
        Decide(new RunJob(Pins(Users, 1)));

        Assert.Equal(["start silver/orders#4"], Decide(new RunJob(Pins(Orders, 4))));

        Assert.Equal(["running silver/orders#4, silver/users#1"], Decide(new GetRunningJobs()));
    }

    [Fact]
    public void Another_run_of_the_table_takes_the_place_of_the_first()
    {
        Decide(new RunJob(Pins(Users, 1)));

        Assert.Equal(["interrupt silver/users#1", "start silver/users#2"], Decide(new RunJob(Pins(Users, 2))));

        Assert.Equal(["running silver/users#2"], Decide(new GetRunningJobs()));
    }

    [Fact]
    public void A_run_of_the_same_number_over_other_versions_is_another_run()
    {
        var twin = Pins(Users, 1) with { Inputs = [new PinnedInput(TableId.Bronze("app", "users"), null, 7)] };
        Decide(new RunJob(Pins(Users, 1)));

        Assert.Empty(Decide(new CancelJob(twin)));
        Assert.Empty(Decide(Ended(twin)));
        Assert.Equal(["interrupt silver/users#1", "start silver/users#1"], Decide(new RunJob(twin)));
    }

    [Fact]
    public void An_end_is_told_at_once_with_each_look_and_when_the_job_is_ordered_again_until_it_is_kept()
    {
        Decide(new RunJob(Pins(Users, 1)));
        Assert.Equal(["ended silver/users#1"], Decide(Ended(Pins(Users, 1))));

        Assert.Equal(["running ", "ended silver/users#1"], Decide(new GetRunningJobs()));
        Assert.Equal(["ended silver/users#1"], Decide(new RunJob(Pins(Users, 1))));
        Assert.Empty(Decide(new JobEndKept(Pins(Users, 2))));
        Assert.Equal(["running ", "ended silver/users#1"], Decide(new GetRunningJobs()));
        Assert.Empty(Decide(new JobEndKept(Pins(Users, 1))));

        Assert.Equal(["running "], Decide(new GetRunningJobs()));
    }

    [Fact]
    public void An_end_that_nobody_has_kept_goes_when_the_next_run_begins()
    {
        Decide(new RunJob(Pins(Users, 1)));
        Decide(Ended(Pins(Users, 1)));

        Assert.Equal(["start silver/users#2"], Decide(new RunJob(Pins(Users, 2))));

        Assert.Equal(["running silver/users#2"], Decide(new GetRunningJobs()));
    }

    [Fact]
    public void A_job_that_is_cancelled_is_interrupted_and_has_no_end()
    {
        Decide(new RunJob(Pins(Users, 1)));
        Assert.Empty(Decide(new CancelJob(Pins(Users, 2))));

        Assert.Equal(["interrupt silver/users#1"], Decide(new CancelJob(Pins(Users, 1))));

        Assert.Empty(Decide(Ended(Pins(Users, 1))));
        Assert.Equal(["running "], Decide(new GetRunningJobs()));
    }

    [Fact]
    public void The_execution_of_a_job_is_told_at_once_and_with_each_look_until_the_job_is_over()
    {
        Decide(new RunJob(Pins(Users, 1)));
        Decide(new RunJob(Pins(Orders, 4)));

        Assert.Equal(["running silver/orders#4, silver/users#1 in silver/users e1, which waits"], Decide(new JobIntended(Pins(Users, 1), Handle("e1"))));
        Assert.Empty(Decide(new JobIntended(Pins(Users, 2), Handle("e2"))));

        Assert.Equal(["running silver/orders#4, silver/users#1 in silver/users e1, which waits"], Decide(new GetRunningJobs()));
        Decide(Ended(Pins(Users, 1)));
        Decide(new JobEndKept(Pins(Users, 1)));
        Assert.Equal(["running silver/orders#4"], Decide(new GetRunningJobs()));
    }

    [Fact]
    public void Of_executions_nothing_is_said_while_there_are_none()
    {
        Decide(new RunJob(Pins(Users, 1)));
        Assert.Null(Told().Submitted);

        Decide(new JobIntended(Pins(Users, 1), Handle("e1")));
        Assert.Equal([new SubmittedJob(Users, Handle("e1")) { IsAwaited = true }], Told().Submitted!);
    }

    [Fact]
    public void An_execution_proceeds_once_when_it_is_kept()
    {
        Decide(new RunJob(Pins(Users, 1)));
        Decide(new JobIntended(Pins(Users, 1), Handle("e1")));

        Assert.Empty(Decide(new IntentKept(Pins(Users, 1), Handle("e2"))));
        Assert.Empty(Decide(new IntentKept(Pins(Users, 2), Handle("e1"))));
        Assert.Equal(["proceed silver/users#1 with e1"], Decide(new IntentKept(Pins(Users, 1), Handle("e1"))));
        Assert.Empty(Decide(new IntentKept(Pins(Users, 1), Handle("e1"))));

        Assert.Equal(["running silver/users#1 in silver/users e1"], Decide(new GetRunningJobs()));
    }

    [Fact]
    public void A_job_that_another_node_has_submitted_starts_with_its_execution() =>
        Assert.Equal(["start silver/users#1 after e1"], Decide(new RunJob(Pins(Users, 1)) { Handle = Handle("e1") }));

    [Fact]
    public void What_is_no_message_of_theirs_is_refused() => Assert.Throws<ArgumentException>(() => NodeJobs.Decide(_jobs, "hello"));

    private static JobHandle Handle(string execution) => new("spark", execution, "s-1");

    private static JobPins Pins(TableId table, long run) => new() { Table = table, Run = run, RequestedAt = DateTimeOffset.UnixEpoch, Inputs = [], Targets = [] };

    private static JobEnded Ended(JobPins pins) => new(pins.Table, pins, new JobResult(pins.Table, pins.Run, 7, 1, null, TimeSpan.Zero), null);

    private RunningJobs Told() => Assert.IsType<RunningJobs>(Assert.IsType<NodeJobsEffect.Tell>(Assert.Single(NodeJobs.Decide(_jobs, new GetRunningJobs()).Effects)).Message);

    private List<string> Decide(object message)
    {
        (_jobs, var effects) = NodeJobs.Decide(_jobs, message);
        return [.. effects.Select(Name)];
    }

    private static string Name(NodeJobsEffect effect) => effect switch
    {
        NodeJobsEffect.Start start => $"start {start.Pins.Id}{(start.Handle is { } handle ? $" after {handle.Execution}" : "")}",
        NodeJobsEffect.Interrupt interrupt => $"interrupt {interrupt.Pins.Id}",
        NodeJobsEffect.Tell { Message: RunningJobs running } => $"running {string.Join(", ", running.Jobs.Select(pins => pins.Id))}{string.Concat((running.Submitted ?? []).Select(job => $" in {job.Table} {job.Handle.Execution}{(job.IsAwaited == true ? ", which waits" : "")}"))}",
        NodeJobsEffect.Proceed { Kept: var kept } => $"proceed {kept.Pins.Id} with {kept.Handle.Execution}",
        NodeJobsEffect.Tell { Message: JobEnded ended } => $"ended {ended.Pins!.Id}",
        _ => throw new ArgumentException("Unknown effect.", nameof(effect)),
    };
}
