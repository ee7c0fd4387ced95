using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Coordination.Runners;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Coordination;

/// <summary>Which node runs which job: what a coordinator makes of what nodes say.</summary>
public sealed class RunnerAssignmentSpec : MedallionScene
{
    private const string Other = "akka://node-2";

    [Fact]
    public void Nothing_is_planned_before_every_node_has_said_what_it_runs()
    {
        State = Alone(Options, Now);
        Decide(new RunnersAsked([Node, Other]));
        Assert.Empty(Tick());

        Answered(Node);
        Assert.Empty(Tick());
        Answered(Other);

        Assert.Equal(["plan silver/users", "plan silver/orders"], Tick());
    }

    [Fact]
    public void A_node_that_is_gone_or_does_not_answer_is_not_waited_for()
    {
        State = Alone(Options, Now);
        Decide(new RunnersAsked([Node, Other]));
        Answered(Node);
        Decide(new RunnerLost(Other));
        Assert.NotEmpty(Tick());

        State = Alone(Options, Now);
        Decide(new RunnersAsked([Node, Other]));
        Decide(RunnersWaitedFor.Instance);
        Assert.NotEmpty(Tick());
    }

    [Fact]
    public void A_run_without_an_end_is_left_to_the_node_that_runs_it()
    {
        State = Requested(Users, run: 3);
        Decide(new RunnersAsked([Node, Other]));

        Assert.Empty(Answered(Node));
        Assert.Empty(Answered(Other, Pins(Users, 3)));

        Assert.Equal(TableActivity.Running, Status(Users).Activity);
        Assert.Equal(["announce silver/users@7"], Ended(Users, 3, version: 7));
    }

    [Fact]
    public void A_run_that_no_node_owns_up_to_is_started_again_with_its_own_pins_also_out_of_a_snapshot()
    {
        State = Requested(Users, run: 3);
        var remembered = State.ToSnapshot();
        foreach (var state in (MedallionState[])[State, Alone(Options, Now).Restore(remembered)])
        {
            State = state;
            Decide(new RunnersAsked([Node, Other]));
            Assert.Empty(Answered(Node));

            Assert.Equal(["run silver/users#3"], Answered(Other));
        }
    }

    [Fact]
    public void A_run_that_is_not_owned_up_to_in_time_is_started_again_on_a_node_that_has_answered()
    {
        State = Requested(Users, run: 3);
        Decide(new RunnersAsked([Node, Other]));
        Answered(Other);

        var effect = Assert.Single(MedallionState.Decide(State, RunnersWaitedFor.Instance, Now).Effects.OfType<MedallionEffect.Run>());

        Assert.Equal((Other, true), (effect.Runner, effect.IsAgain));
    }

    [Fact]
    public void What_a_lost_node_ran_is_started_again_elsewhere_at_once()
    {
        Answered(Other);
        Begin();
        var runner = State.Runners.Assigned[Users];

        Assert.Equal(["run silver/users#1"], Decide(new RunnerLost(runner)));

        Assert.NotEqual(runner, State.Runners.Assigned[Users]);
    }

    [Fact]
    public void With_no_node_left_a_run_waits_for_the_next_one()
    {
        Begin();
        Assert.Empty(Decide(new RunnerLost(Node)));
        Assert.Equal(TableActivity.Running, Status(Users).Activity);

        Assert.Equal(["run silver/users#1"], Answered(Other));
    }

    [Fact]
    public void A_run_that_is_planned_while_no_node_is_there_is_written_down_and_starts_with_the_next_node()
    {
        Decide(new RunnerLost(Node));
        Tick();
        var decision = MedallionState.Decide(State, new JobPlanned(Users, Pins(Users, 1)), Now);
        Assert.IsType<JobRequested>(Assert.Single(decision.Events));
        Assert.Empty(Take(decision));

        Assert.Equal(["run silver/users#1"], Answered(Node));
    }

    [Fact]
    public void An_order_that_was_lost_on_the_way_is_given_again()
    {
        Begin();
        Assert.Empty(Answered(Node, Pins(Users, 1)));

        Assert.Equal(["run silver/users#1"], Answered(Node));
    }

    [Fact]
    public void A_run_that_nobody_remembers_is_taken_over_from_the_node_that_runs_it_and_written_down()
    {
        State = Alone(Options, Now);
        Decide(new RunnersAsked([Node]));

        var decision = MedallionState.Decide(State, new RunnerAnswered(Node, [Pins(Users, 5)]), Now);

        Assert.Equal(5, Assert.IsType<JobRequested>(Assert.Single(decision.Events)).Pins.Run);
        Assert.Empty(Take(decision));
        Assert.DoesNotContain("plan silver/users", Tick());
        Assert.Equal(["announce silver/users@9"], Ended(Users, 5, version: 9));
    }

    [Fact]
    public void What_nobody_waits_for_is_interrupted()
    {
        Answered(Other);
        Begin();
        var (with, without) = State.Runners.Assigned[Users] == Node ? (Node, Other) : (Other, Node);

        Assert.Equal([$"cancel silver/users#1 on {without}"], Answered(without, Pins(Users, 1)));
        Assert.Contains($"cancel silver/users#8 on {with}", Answered(with, Pins(Users, 8)));
        Assert.Equal([$"cancel silver/forgotten#1 on {without}"], Answered(without, Pins(TableId.Silver("forgotten"), 1)));
    }

    [Fact]
    public void An_end_that_is_told_again_or_is_of_a_run_that_was_given_up_changes_nothing()
    {
        Begin();
        Assert.Empty(Ended(Users, run: 8, version: 7));
        Assert.Equal(TableActivity.Running, Status(Users).Activity);
        Ended(Users, 1, version: 7);

        Assert.Empty(Ended(Users, 1, version: 7));
        Assert.Empty(Decide(new JobEnded(Users, Pins(Users, 1), null, new Fault(FaultKind.Invalid, "a", "b", "c"))));

        Assert.Null(Status(Users).Error);
    }

    [Fact]
    public void A_run_of_the_same_number_that_another_coordinator_planned_is_another_run()
    {
        Begin();
        var twin = Pins(Users, 1) with { Inputs = [new PinnedInput(AppUsers, null, 4)] };

        Assert.Contains($"cancel silver/users#1 on {Node}", Answered(Node, twin));
        Assert.Empty(Decide(new JobEnded(Users, twin, new JobResult(Users, 1, 7, 1, null, TimeSpan.Zero), null)));

        Assert.Equal(TableActivity.Running, Status(Users).Activity);
    }

    [Fact]
    public void Jobs_go_to_the_node_with_the_fewest()
    {
        Answered(Other);
        Decide(new InputSeen(AppUsers, 5, 1, Now));
        Tick();
        Decide(new JobPlanned(Users, Pins(Users, 1)));
        Decide(new JobPlanned(Orders, Pins(Orders, 1)));

        Assert.Equal([Node, Other], State.Runners.Assigned.Values.Order(StringComparer.Ordinal));
        Ended(Users, 1, version: 1);
        Assert.Single(State.Runners.Assigned);
    }

    [Fact]
    public void The_execution_of_a_run_is_known_with_its_request_and_forgotten_with_its_end()
    {
        var handle = new JobHandle("duckdb", "4b1de7", "4b1de7");
        var running = Alone(Options, Now).Apply(new JobRequested(Users, Now, Pins(Users, 3), handle));

        Assert.Equal(handle, running.Find(Users)!.Handle);
        Assert.Null(running.Apply(new JobFailed(Users, Now, 3, "broken", IsFinal: false)).Find(Users)!.Handle);
        Assert.Null(running.Apply(new JobDropped(Users, Now, 3, "overtaken")).Find(Users)!.Handle);
        Assert.Null(running.Apply(new JobTooLarge(Users, Now, 3, RowsMax: 500, "too large")).Find(Users)!.Handle);
    }

    [Fact]
    public void Of_nodes_with_as_many_jobs_the_first_by_name_is_chosen()
    {
        Answered(Other);

        Begin();

        Assert.Equal(Node, State.Runners.Assigned[Users]);
    }

    [Fact]
    public void What_another_node_runs_goes_on_when_one_is_lost()
    {
        Answered(Other);
        Decide(new InputSeen(AppUsers, 5, 1, Now));
        Tick();
        Decide(new JobPlanned(Users, Pins(Users, 1)));
        Decide(new JobPlanned(Orders, Pins(Orders, 1)));

        Assert.Equal(["run silver/users#1"], Decide(new RunnerLost(State.Runners.Assigned[Users])));
    }

    [Fact]
    public void A_run_that_is_remembered_is_not_written_down_again()
    {
        State = Requested(Users, run: 3);
        Decide(new RunnersAsked([Node]));

        var decision = MedallionState.Decide(State, new RunnerAnswered(Node, [Pins(Users, 3)]), Now);

        Assert.Empty(decision.Events);
        Assert.Empty(decision.Effects);
    }

    [Fact]
    public void A_run_that_nobody_remembers_is_written_down_also_while_others_are_waited_for()
    {
        State = Alone(Options, Now);
        Decide(new RunnersAsked([Node, Other]));

        var decision = MedallionState.Decide(State, new RunnerAnswered(Node, [Pins(Users, 5)]), Now);

        Assert.Equal(5, Assert.IsType<JobRequested>(Assert.Single(decision.Events)).Pins.Run);
    }

    [Fact]
    public void An_execution_is_written_down_once_and_goes_to_whoever_runs_the_job_again()
    {
        var handle = new JobHandle("spark", "e1", "s-1");
        Begin();
        Decide(new TriggerTable(Users));
        var answer = new RunnerAnswered(Node, [Pins(Users, 1)]) { Submitted = [new SubmittedJob(Users, handle)] };

        Assert.Equal(handle, Assert.IsType<JobRequested>(Assert.Single(MedallionState.Decide(State, answer, Now).Events)).Handle);
        Decide(answer);
        Assert.Empty(MedallionState.Decide(State, answer, Now).Events);
        Assert.True(State.Find(Users)!.IsTriggered);

        foreach (var state in (MedallionState[])[State, Alone(Options, Now).Restore(State.ToSnapshot())])
        {
            var again = MedallionState.Decide(MedallionState.Decide(state, new RunnerLost(Node), Now).State, new RunnerAnswered(Other, []), Now);
            Assert.Equal(new MedallionEffect.Run(Pins(Users, 1), Other, IsAgain: true, handle).ToString(), Assert.Single(again.Effects.OfType<MedallionEffect.Run>()).ToString());
        }

        Ended(Users, 1, version: 7);
        Assert.Null(State.Find(Users)!.Handle);
    }

    [Fact]
    public void An_execution_that_waits_for_being_written_down_proceeds_then_and_with_each_answer()
    {
        var handle = new JobHandle("emr", "e1", "test/e1");
        Begin();
        var answer = new RunnerAnswered(Node, [Pins(Users, 1)]) { Submitted = [new SubmittedJob(Users, handle) { IsAwaited = true }] };

        var first = MedallionState.Decide(State, answer, Now);
        var second = MedallionState.Decide(first.Events.Aggregate(first.State, (state, happened) => state.Apply(happened)), answer, Now);

        // The answer to the first may have been lost.
        Assert.Equal((handle, 0), (Assert.IsType<JobRequested>(Assert.Single(first.Events)).Handle, second.Events.Length));
        Assert.All([first, second], decision => Assert.Equal((handle, Node), (Assert.Single(decision.Effects.OfType<MedallionEffect.Proceed>()).Kept.Handle, decision.Effects.OfType<MedallionEffect.Proceed>().Single().Runner)));
        Assert.Empty(MedallionState.Decide(State, answer with { Runner = Other }, Now).Effects.OfType<MedallionEffect.Proceed>());
    }

    [Fact]
    public void An_execution_of_a_run_that_nobody_remembers_is_written_down_with_it()
    {
        var handle = new JobHandle("emr", "e1", "test/e1");
        State = Alone(Options, Now);

        var decision = MedallionState.Decide(State, new RunnerAnswered(Node, [Pins(Users, 5)]) { Submitted = [new SubmittedJob(Users, handle) { IsAwaited = true }] }, Now);

        Assert.Equal(handle, decision.Events.Aggregate(decision.State, (state, happened) => state.Apply(happened)).Find(Users)!.Handle);
        Assert.Single(decision.Effects.OfType<MedallionEffect.Proceed>());
    }

    [Fact]
    public void Jobs_of_one_engine_elsewhere_go_to_one_node_where_they_count_for_nothing()
    {
        State = MedallionState.Decide(Fresh(Options with { JobsMax = 9 }, Now), new RunnerAnswered(Other, []), Now).State;
        Tick();

        Decide(new JobPlanned(Orders, Pins(Orders, 1)));
        Decide(new JobPlanned(Users, Pins(Users, 1) with { Engine = "emr" }));
        Decide(new JobPlanned(Sales, Pins(Sales, 1) with { Engine = "emr" }));

        Assert.Equal((Node, Other, Other), (State.Runners.Assigned[Orders], State.Runners.Assigned[Users], State.Runners.Assigned[Sales]));
        Ended(Orders, 1, 1);
        Now += TimeSpan.FromMinutes(1);
        Decide(new InputSeen(CrmOrders, 2, 1, Now));
        Tick();
        Decide(new JobPlanned(Orders, Pins(Orders, 2)));
        Assert.Equal(Node, State.Runners.Assigned[Orders]);
    }

    [Fact]
    public void An_execution_of_another_run_is_nobodys()
    {
        Begin();

        var decision = MedallionState.Decide(State, new RunnerAnswered(Node, [Pins(Users, 1)]) { Submitted = [new SubmittedJob(Orders, new JobHandle("spark", "e1", "s-1"))] }, Now);

        Assert.Empty(decision.Events);
    }

    [Fact]
    public void The_execution_of_a_run_that_nobody_remembers_is_written_down_with_it()
    {
        var handle = new JobHandle("spark", "e1", "s-1");
        State = Alone(Options, Now);
        Decide(new RunnersAsked([Node]));

        var decision = MedallionState.Decide(State, new RunnerAnswered(Node, [Pins(Users, 5)]) { Submitted = [new SubmittedJob(Users, handle)] }, Now);

        Assert.Equal(handle, Assert.IsType<JobRequested>(Assert.Single(decision.Events)).Handle);
        Take(decision);
        Assert.Equal(handle, State.Find(Users)!.Handle);
    }

    [Fact]
    public void An_execution_that_is_known_stays_known_while_the_node_that_has_the_run_knows_of_none()
    {
        var handle = new JobHandle("spark", "e1", "s-1");
        State = Alone(Options, Now).Apply(new JobRequested(Users, Now, Pins(Users, 3), handle));
        Decide(new RunnersAsked([Node]));

        Assert.Empty(MedallionState.Decide(State, new RunnerAnswered(Node, [Pins(Users, 3)]), Now).Events);
    }

    [Fact]
    public void The_execution_of_a_run_that_is_given_up_is_not_written_down()
    {
        Answered(Other);
        Begin();
        var answer = new RunnerAnswered(Other, [Pins(Users, 8)]) { Submitted = [new SubmittedJob(Users, new JobHandle("spark", "e8", "s-8"))] };

        var decision = MedallionState.Decide(State, answer, Now);

        Assert.Empty(decision.Events);
        Assert.Equal([$"cancel silver/users#8 on {Other}"], Take(decision));
    }

    [Fact]
    public void A_job_goes_where_most_jobs_of_its_engine_elsewhere_are_and_one_in_process_where_the_fewest_in_process_are()
    {
        State = Alone(Options, Now);
        Answered(Node);
        Decide(new RunnerAnswered(Other, [Pins(Users, 1) with { Engine = "emr" }, Pins(Orders, 1)]));
        Assert.Equal(Other, State.Runners.Choose(State, Pins(Sales, 1) with { Engine = "emr" }));

        State = Alone(Options, Now);
        Answered(Node, Pins(Orders, 1));
        Decide(new RunnerAnswered(Other, [Pins(Users, 1) with { Engine = "emr" }]));
        Assert.Equal(Other, State.Runners.Choose(State, Pins(Sales, 1)));
    }

    [Fact]
    public void A_run_that_is_cancelled_is_interrupted_and_planned_anew_and_its_end_is_nothing_to_anybody()
    {
        State = Alone(Options, Now);
        Answered(Node);
        Tick();
        Planned(Users, 1);
        var pins = RunOf(Users)!;

        Assert.Equal(["cancel silver/users#1 on " + Node], Decide(new CancelTable(Users)));
        Assert.Empty(Decide(new CancelTable(Users)));
        Assert.Empty(Decide(new JobEnded(Users, pins, new JobResult(Users, 1, 7, 1, null, TimeSpan.Zero), null)));

        Assert.Equal(TableActivity.Waiting, Status(Users).Activity);
        Now += Options.IntervalMin;
        Assert.Contains("plan silver/users", Tick());
    }

    [Fact]
    public void A_node_that_operators_want_held_is_given_no_run()
    {
        const string held = "akka.tcp://pipeline@10.0.0.5:4053";
        State = Alone(Options, Now) with { Held = HeldWork.None with { Nodes = ["10.0.0.5:4053"] } };
        Decide(new RunnerAnswered(held, []));
        Assert.Null(State.Runners.Choose(State, Pins(Sales, 1)));
        Answered(Node, Pins(Orders, 1));

        Assert.Equal(Node, State.Runners.Choose(State, Pins(Sales, 1)));
        Assert.Equal(held, State.Runners.Choose(State with { Held = HeldWork.None }, Pins(Sales, 1)));
    }

    [Fact]
    public void A_node_that_leaves_a_table_alone_or_was_compared_with_nobody_is_given_no_run_of_it()
    {
        const string other = "akka.tcp://pipeline@10.0.0.5:4053";
        State = Alone(Options, Now) with { Held = HeldWork.None with { Unlike = ImmutableDictionary<TableId, ImmutableHashSet<string>>.Empty.Add(Sales, ["10.0.0.5:4053"]) } };
        Decide(new RunnerAnswered(other, []));

        Assert.Null(State.Runners.Choose(State, Pins(Sales, 1)));
        Assert.Equal(other, State.Runners.Choose(State, Pins(Orders, 1)));
        Assert.Null(State.Runners.Choose(State with { Held = HeldWork.None with { Compared = ["10.0.0.6:4053"] } }, Pins(Orders, 1)));
        Assert.Equal(other, State.Runners.Choose(State with { Held = HeldWork.None with { Compared = ["10.0.0.5:4053"] } }, Pins(Orders, 1)));
    }

    [Fact]
    public void A_run_of_an_engine_that_is_configured_no_more_is_planned_anew_unless_a_node_still_runs_it()
    {
        var pins = Pins(Users, 3) with { Engine = "emr" };
        foreach (var (engines, expected) in new[] { ((EngineKind[])[EngineKind.Emr], (string[])["run silver/users#3"]), ([EngineKind.EmrServerless], []), ([], []) })
        {
            State = Alone(Options with { SparkEngines = [.. engines] }, Now).Apply(new JobRequested(Users, Now, pins));
            Decide(new RunnersAsked([Node]));

            Assert.Equal(expected, Answered(Node));

            Assert.Equal((expected.Length == 0, null), (State.Find(Users)!.Running is null, Status(Users).Error));
            Now += TimeSpan.FromMinutes(1);
            Assert.Equal(expected.Length == 0, Tick().Contains("plan silver/users"));
        }

        State = Alone(Options, Now).Apply(new JobRequested(Users, Now, pins));
        Decide(new RunnersAsked([Node]));
        Assert.Empty(Answered(Node, pins));
        Assert.NotNull(State.Find(Users)!.Running);
    }

    private List<string> Answered(string runner, params JobPins[] jobs) => Decide(new RunnerAnswered(runner, jobs));

    /// <summary>A coordinator that remembers a run and knows no node.</summary>
    private MedallionState Requested(TableId table, long run) => Alone(Options, Now).Apply(new JobRequested(table, Now, Pins(table, run)));

    /// <summary>The first run of the users begins.</summary>
    private void Begin()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 5, 10, Now));
        Tick();
        Decide(new JobPlanned(Users, Pins(Users, 1)));
    }
}
