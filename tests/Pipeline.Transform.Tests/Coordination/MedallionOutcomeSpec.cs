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

        var decision = MedallionState.Decide(State, new JobPlanned("silver/users", Pins("silver/users", 1)), Now);

        Assert.Empty(decision.Events);
        Assert.Empty(decision.Effects);
    }

    [Fact]
    public void Success_is_announced_with_its_rows_and_adds_none_to_what_waits()
    {
        Settle();
        Decide(new InputSeen("bronze/app/users", 1, 1, Now));
        Tick();
        Planned("silver/users", 1);

        var decision = MedallionState.Decide(State, new JobEnded("silver/users", new JobResult("silver/users", 1, 7, 42, null, TimeSpan.FromSeconds(3)), null), Now);
        Take(decision);

        Assert.Equal(42, Assert.IsType<MedallionEffect.Announce>(Assert.Single(decision.Effects)).Advanced.Rows);
        Assert.Equal((7L, 42L, TimeSpan.FromSeconds(3)), (Status("silver/users").Version, Status("silver/users").Rows, Status("silver/users").LastTook));
        Assert.Equal(0, Status("silver/orders").PendingRows);
    }

    [Fact]
    public void Success_ends_a_row_of_failures()
    {
        FailOnce();
        Now += TimeSpan.FromMinutes(1);
        Tick();
        Planned("silver/users", 1);

        Ended("silver/users", 1, version: 1);

        Assert.Equal((0, null), (Status("silver/users").FailedAttempts, Status("silver/users").Error));
    }

    [Fact]
    public void Nothing_to_do_ends_a_row_of_failures()
    {
        FailOnce();
        Now += TimeSpan.FromMinutes(1);
        Tick();

        Planned("silver/users");

        Assert.Equal((0, null), (Status("silver/users").FailedAttempts, Status("silver/users").Error));
    }

    [Fact]
    public void A_pause_of_before_the_clock_was_set_back_is_not_told_of_a_table_that_is_well()
    {
        FailOnce();
        Now -= TimeSpan.FromHours(2);
        Tick();

        Planned("silver/users");

        Assert.Equal(TableActivity.Current, Status("silver/users").Activity);
    }

    [Fact]
    public void A_success_in_the_journal_makes_good_the_end_that_was_before_it()
    {
        var state = Fresh(Options, Start)
            .Apply(new JobFailed("silver/users", Now, 1, "broken", IsFinal: true))
            .Apply(new JobSucceeded("silver/users", Now, 1, 1, 1, TimeSpan.Zero));

        Assert.NotEqual(TableActivity.Stopped, state.ToStatus(Now).Tables[0].Activity);
    }

    [Fact]
    public void A_failure_keeps_since_when_the_table_waits_and_when_it_ran()
    {
        Settle();
        Decide(new InputSeen("bronze/app/users", 1, 1, Now));
        Tick();
        Now += TimeSpan.FromSeconds(5);
        Planned("silver/users", 1);
        Decide(new InputSeen("bronze/app/users", 2, 1, Now));
        Now += TimeSpan.FromSeconds(5);

        Failed("silver/users", isTransient: true);

        Assert.Equal((Start.AddSeconds(5), Start.AddSeconds(10)), (Status("silver/users").PendingSince, Status("silver/users").LastRunAt));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_came_while_a_run_was_in_vain_waits_since_then(bool isTooLarge)
    {
        Settle();
        Decide(new InputSeen("bronze/app/users", 1, 1, Now));
        Tick();
        Decide(new JobPlanned("silver/users", Pins("silver/users", 1) with { Rows = 1_000 }));
        Now += TimeSpan.FromSeconds(5);
        Decide(new InputSeen("bronze/app/users", 2, 1, Now));
        Now += TimeSpan.FromSeconds(5);

        if (isTooLarge) TooLarge("silver/users");
        else Decide(JobEnded.Failed("silver/users", new JobSupersededException("overtaken")));

        Assert.Equal(Start.AddSeconds(5), Status("silver/users").PendingSince);
    }

    [Fact]
    public void A_plan_that_was_overtaken_is_made_again()
    {
        Settle();
        Decide(new InputSeen("bronze/app/users", 1, 1, Now));
        Tick();

        Decide(JobEnded.Failed("silver/users", new JobSupersededException("overtaken")));

        Assert.Equal(["plan silver/users"], Tick());
    }

    [Fact]
    public void A_failure_names_the_run_that_failed_and_one_of_planning_the_run_that_was_to_be()
    {
        Settle();
        Run("silver/users", 4, bronzeVersion: 5, rows: 10);
        Settle();
        Now += TimeSpan.FromMinutes(1);
        Decide(new InputSeen("bronze/app/users", 6, 1, Now));
        Tick();
        var planning = MedallionState.Decide(State, new JobEnded("silver/users", null, Broken), Now);
        Decide(new JobPlanned("silver/users", Pins("silver/users", 9) with { Rows = 80_000 }));

        var running = MedallionState.Decide(State, new JobEnded("silver/users", null, Broken), Now);

        Assert.Equal(5, Assert.IsType<JobFailed>(Assert.Single(planning.Events)).Run);
        Assert.Equal(9, Assert.IsType<JobFailed>(Assert.Single(running.Events)).Run);
    }

    [Fact]
    public void A_run_that_cannot_say_how_fresh_it_is_leaves_what_is_known()
    {
        Settle();
        Run("silver/users", 1, bronzeVersion: 5, rows: 10, reflects: Start.AddSeconds(-3));
        Settle();
        Now += TimeSpan.FromMinutes(1);
        Run("silver/users", 2, bronzeVersion: 6, rows: 10);

        Assert.Equal(Start.AddSeconds(-3), Status("silver/users").ReflectsUntil);
    }

    [Fact]
    public void A_gold_table_is_of_unknown_freshness_while_that_of_an_input_is()
    {
        Settle();
        Run("silver/users", 1, bronzeVersion: 5, rows: 10, reflects: Start.AddSeconds(-3));
        Settle();
        Now += TimeSpan.FromMinutes(1);
        Decide(new InputSeen("silver/users", 99, 1, Now));
        Tick();
        Planned("gold/sales", 1);
        Ended("gold/sales", 1, 2);

        Assert.Null(Status("gold/sales").ReflectsUntil);
    }

    [Fact]
    public void Everything_that_is_told_of_a_table_is_remembered_over_a_restart()
    {
        Settle();
        Run("silver/users", 4, bronzeVersion: 5, rows: 10, reflects: Start.AddSeconds(-3));
        Decide(new PauseTable("silver/users"));
        Settle();
        Assert.Equal(TableActivity.Paused, Status("silver/users").Activity);

        var restored = Fresh(Options, Now).Restore(State.ToSnapshot()).ToStatus(Now).Tables[0];

        Assert.Equal(Status("silver/users") with { PendingSince = Now }, restored);
        Assert.Equal((4L, 5L, 1L), (restored.Run, restored.Version, restored.Rows));
        Assert.NotNull(restored.LastRunAt);
        Assert.NotNull(restored.LastTook);
        Assert.NotNull(restored.ReflectsUntil);
    }

    private void FailOnce()
    {
        Settle();
        Decide(new InputSeen("bronze/app/users", 1, 1, Now));
        Tick();
        Planned("silver/users", 1);
        Failed("silver/users", isTransient: true);
        Assert.Equal((1, Broken.ToString()), (Status("silver/users").FailedAttempts, Status("silver/users").Error));
    }
}
