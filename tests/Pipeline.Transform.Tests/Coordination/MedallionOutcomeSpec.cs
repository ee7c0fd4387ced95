using Pipeline.Core;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Coordination;

/// <summary>What is remembered of a run's outcome, and what is told of a table.</summary>
public sealed class MedallionOutcomeSpec : MedallionScene
{
    private static readonly Fault Broken = new(FaultKind.Unreachable, "silver/users", "broken", "Mend it.");

    [Fact]
    public void A_plan_that_nobody_asked_for_starts_nothing()
    {
        Settle();

        var decision = MedallionState.Decide(State, new JobPlanned(Users, Pins(Users, 1)), Now);

        Assert.Empty(decision.Events);
        Assert.Empty(decision.Effects);
    }

    [Fact]
    public void Success_is_announced_with_its_rows_and_adds_none_to_what_waits()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 1, 1, Now));
        Tick();
        Planned(Users, 1);

        var decision = MedallionState.Decide(State, new JobEnded(Users, RunOf(Users, 1), new JobResult(Users, 1, 7, 42, null, TimeSpan.FromSeconds(3)), null), Now);
        Take(decision);

        Assert.Equal(42, Assert.IsType<MedallionEffect.Announce>(Assert.Single(decision.Effects)).Advanced.Rows);
        Assert.Equal((7L, 42L, TimeSpan.FromSeconds(3)), (Status(Users).Version, Status(Users).Rows, Status(Users).LastTook));
        Assert.Equal(0, Status(Orders).PendingRows);
    }

    [Fact]
    public void Success_ends_a_row_of_failures()
    {
        FailOnce();
        Now += TimeSpan.FromMinutes(1);
        Tick();
        Planned(Users, 1);

        Ended(Users, 1, version: 1);

        Assert.Equal((0, null), (Status(Users).FailedAttempts, Status(Users).Error));
    }

    [Fact]
    public void Nothing_to_do_ends_a_row_of_failures()
    {
        FailOnce();
        Now += TimeSpan.FromMinutes(1);
        Tick();

        Planned(Users);

        Assert.Equal((0, null), (Status(Users).FailedAttempts, Status(Users).Error));
    }

    [Fact]
    public void A_pause_of_before_the_clock_was_set_back_is_not_told_of_a_table_that_is_well()
    {
        FailOnce();
        Now -= TimeSpan.FromHours(2);
        Tick();

        Planned(Users);

        Assert.Equal(TableActivity.Current, Status(Users).Activity);
    }

    [Fact]
    public void A_success_in_the_journal_makes_good_the_end_that_was_before_it()
    {
        var state = Fresh(Options, Start)
            .Apply(new JobFailed(Users, Now, 1, "broken", IsFinal: true))
            .Apply(new JobSucceeded(Users, Now, 1, 1, 1, TimeSpan.Zero));

        Assert.NotEqual(TableActivity.Stopped, state.ToStatus(Now).Tables[0].Activity);
    }

    [Fact]
    public void A_failure_keeps_since_when_the_table_waits_and_when_it_ran()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 1, 1, Now));
        Tick();
        Now += TimeSpan.FromSeconds(5);
        Planned(Users, 1);
        Decide(new InputSeen(AppUsers, 2, 1, Now));
        Now += TimeSpan.FromSeconds(5);

        Failed(Users, isTransient: true);

        Assert.Equal((Start.AddSeconds(5), Start.AddSeconds(10)), (Status(Users).PendingSince, Status(Users).LastRunAt));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_came_while_a_run_was_in_vain_waits_since_then(bool isTooLarge)
    {
        Settle();
        Decide(new InputSeen(AppUsers, 1, 1, Now));
        Tick();
        Decide(new JobPlanned(Users, Pins(Users, 1) with { Rows = 1_000 }));
        Now += TimeSpan.FromSeconds(5);
        Decide(new InputSeen(AppUsers, 2, 1, Now));
        Now += TimeSpan.FromSeconds(5);

        if (isTooLarge) TooLarge(Users);
        else Superseded(Users, "overtaken");

        Assert.Equal(Start.AddSeconds(5), Status(Users).PendingSince);
    }

    [Fact]
    public void A_plan_that_was_overtaken_is_made_again()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 1, 1, Now));
        Tick();

        Superseded(Users, "overtaken");

        Assert.Equal(["plan silver/users"], Tick());
    }

    [Fact]
    public void A_failure_names_the_run_that_failed_and_one_of_planning_the_run_that_was_to_be()
    {
        Settle();
        Run(Users, 4, bronzeVersion: 5, rows: 10);
        Settle();
        Now += TimeSpan.FromMinutes(1);
        Decide(new InputSeen(AppUsers, 6, 1, Now));
        Tick();
        var planning = MedallionState.Decide(State, new JobEnded(Users, RunOf(Users), null, Broken), Now);
        Decide(new JobPlanned(Users, Pins(Users, 9) with { Rows = 80_000 }));

        var running = MedallionState.Decide(State, new JobEnded(Users, RunOf(Users), null, Broken), Now);

        Assert.Equal(5, Assert.IsType<JobFailed>(Assert.Single(planning.Events)).Run);
        Assert.Equal(9, Assert.IsType<JobFailed>(Assert.Single(running.Events)).Run);
    }

    [Fact]
    public void A_run_that_cannot_say_how_fresh_it_is_leaves_what_is_known()
    {
        Settle();
        Run(Users, 1, bronzeVersion: 5, rows: 10, reflects: Start.AddSeconds(-3));
        Settle();
        Now += TimeSpan.FromMinutes(1);
        Run(Users, 2, bronzeVersion: 6, rows: 10);

        Assert.Equal(Start.AddSeconds(-3), Status(Users).ReflectsUntil);
    }

    [Fact]
    public void A_gold_table_is_of_unknown_freshness_while_that_of_an_input_is()
    {
        Settle();
        Run(Users, 1, bronzeVersion: 5, rows: 10, reflects: Start.AddSeconds(-3));
        Settle();
        Now += TimeSpan.FromMinutes(1);
        Decide(new InputSeen(Users, 99, 1, Now));
        Tick();
        Planned(Sales, 1);
        Ended(Sales, 1, 2);

        Assert.Null(Status(Sales).ReflectsUntil);
    }

    [Fact]
    public void Everything_that_is_told_of_a_table_is_remembered_over_a_restart()
    {
        Settle();
        Run(Users, 4, bronzeVersion: 5, rows: 10, reflects: Start.AddSeconds(-3));
        Decide(new PauseTable(Users));
        Settle();
        Assert.Equal(TableActivity.Paused, Status(Users).Activity);

        var restored = Fresh(Options, Now).Restore(State.ToSnapshot()).ToStatus(Now).Tables[0];

        Assert.Equal(Status(Users) with { PendingSince = Now }, restored);
        Assert.Equal((4L, 5L, 1L), (restored.Run, restored.Version, restored.Rows));
        Assert.NotNull(restored.LastRunAt);
        Assert.NotNull(restored.LastTook);
        Assert.NotNull(restored.ReflectsUntil);
    }

    private void FailOnce()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 1, 1, Now));
        Tick();
        Planned(Users, 1);
        Failed(Users, isTransient: true);
        Assert.Equal((1, Broken.ToString()), (Status(Users).FailedAttempts, Status(Users).Error));
    }
}
