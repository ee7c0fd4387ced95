using Pipeline.Core;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Coordination;

/// <summary>Whose turn it is, and who has to wait.</summary>
public sealed class MedallionTurnSpec : MedallionScene
{
    [Fact]
    public void Runs_no_more_jobs_at_once_than_allowed()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 1, 1, Now));
        Decide(new InputSeen(CrmOrders, 1, 1, Now));
        Decide(new TriggerTable(Sales));
        Decide(new TriggerTable(Users));

        Assert.Equal(["plan silver/users", "plan gold/sales"], Tick().OrderDescending(StringComparer.Ordinal));
        Assert.Empty(Tick());
        Planned(Users, 1);
        Assert.Empty(Tick());
        Planned(Sales);

        Assert.Equal(["plan silver/orders"], Tick());
    }

    [Fact]
    public void Tables_that_are_left_out_are_not_run_and_not_forgotten()
    {
        State = State.Apply(new TablePaused(Sales, Now)) with { Only = new HashSet<TableId> { Orders } };

        Assert.Equal(["plan silver/orders"], Tick());
        Planned(Orders);
        Decide(new InputSeen(AppUsers, 1, 1, Now));
        Decide(new TriggerTable(Users));

        Assert.Empty(Tick());
        Assert.Equal([(Users, false), (Orders, false), (Sales, true)], State.ToSnapshot().Tables.Select(table => (table.Table, table.IsPaused)));
    }

    [Fact]
    public void A_table_of_which_it_is_looked_what_there_is_to_do_is_not_taken_to_have_nothing_to_do()
    {
        Settle();
        Assert.Equal(TableActivity.Current, Status(Users).Activity);
        Decide(new TriggerTable(Users));
        Assert.Equal(["plan silver/users"], Tick());

        Assert.Equal(TableActivity.Waiting, Status(Users).Activity);
        Planned(Users);

        Assert.Equal(TableActivity.Current, Status(Users).Activity);
    }

    [Fact]
    public void The_bound_of_runs_elsewhere_holds_those_that_run_there_and_those_that_are_planned_and_no_other()
    {
        State = Fresh(Options with { JobsMax = 9, RemoteJobsMax = 1 }, Start);
        Assert.Equal(["plan silver/users"], Tick());
        Assert.Empty(Tick());

        Decide(new JobPlanned(Users, Pins(Users, 1) with { Engine = "emr" }));
        Assert.Empty(Tick());

        Ended(Users, 1, version: 1);
        Assert.Equal(["plan silver/orders"], Tick());
        Decide(new JobPlanned(Orders, Pins(Orders, 1)));
        Decide(new TriggerTable(Sales));
        Assert.Equal(["plan gold/sales"], Tick());
    }

    [Fact]
    public void Runs_elsewhere_have_a_bound_of_their_own()
    {
        State = Fresh(Options with { JobsMax = 1, RemoteJobsMax = 2 }, Start);
        Assert.Single(Tick());
        Decide(new JobPlanned(Users, Pins(Users, 1) with { Engine = "emr" }));
        Assert.Single(Tick());
        Decide(new JobPlanned(Orders, Pins(Orders, 1) with { Engine = "emr" }));

        Assert.Empty(Tick());

        Ended(Users, 1, 1);
        Now += TimeSpan.FromMinutes(1);
        Assert.NotEmpty(Tick());
    }

    [Fact]
    public void Who_was_triggered_comes_first_then_who_has_waited_longest()
    {
        State = Fresh(Options with { JobsMax = 1 }, Start);
        Settle();
        Settle();
        Decide(new InputSeen(CrmOrders, 1, 1, Now));
        Now += TimeSpan.FromSeconds(1);
        Decide(new InputSeen(AppUsers, 1, 1, Now));
        Now += TimeSpan.FromSeconds(1);
        Decide(new TriggerTable(Sales));

        Assert.Equal(["plan gold/sales"], Tick());
        Planned(Sales);
        Assert.Equal(["plan silver/orders"], Tick());
        Planned(Orders);
        Assert.Equal(["plan silver/users"], Tick());
    }

    [Fact]
    public void Triggering_does_not_make_a_table_lose_its_place()
    {
        Settle();
        Decide(new InputSeen(CrmOrders, 1, 1, Now));
        Now += TimeSpan.FromSeconds(1);
        Decide(new TriggerTable(Users));
        Now += TimeSpan.FromSeconds(1);
        Decide(new TriggerTable(Orders));

        Assert.Equal(["plan silver/orders", "plan silver/users"], Tick());
    }

    [Fact]
    public void A_triggered_table_runs_without_rest_and_once()
    {
        Settle();
        Run(Users, 1, bronzeVersion: 5, rows: 10);
        Settle();
        Assert.Empty(Tick());

        Decide(new TriggerTable(Users));
        Assert.Equal(["plan silver/users"], Tick());
        Planned(Users, 2);
        Ended(Users, 2, version: 6);
        Settle();
        Decide(new InputSeen(AppUsers, 6, 1, Now));

        Assert.Empty(Tick());
    }

    [Fact]
    public void A_triggered_table_that_has_nothing_to_do_rests_again()
    {
        Settle();
        Run(Users, 1, bronzeVersion: 5, rows: 10);
        Settle();
        Decide(new TriggerTable(Users));
        Tick();
        Planned(Users);

        Decide(new InputSeen(AppUsers, 6, 1, Now));

        Assert.Empty(Tick());
    }

    [Fact]
    public void A_triggered_table_that_fails_backs_off()
    {
        Settle();
        Decide(new TriggerTable(Users));
        Tick();
        Planned(Users, 1);

        Failed(Users, isTransient: true);

        Assert.Empty(Tick());
        Assert.Equal(TableActivity.BackingOff, Status(Users).Activity);
    }

    [Fact]
    public void A_triggered_table_that_cannot_be_planned_backs_off()
    {
        Settle();
        Decide(new TriggerTable(Users));
        Tick();

        Failed(Users, isTransient: true);

        Assert.Empty(Tick());
    }

    [Fact]
    public void Triggering_forgets_earlier_failures()
    {
        Settle();
        Decide(new TriggerTable(Users));
        Tick();
        Planned(Users, 1);
        Failed(Users, isTransient: false);

        Decide(new TriggerTable(Users));

        Assert.Equal((TableActivity.Waiting, 0), (Status(Users).Activity, Status(Users).FailedAttempts));
        Tick();
        Planned(Users);
        Decide(new InputSeen(AppUsers, 1, Options.RowsThreshold, Now));
        Assert.Equal(["plan silver/users"], Tick());
    }

    [Fact]
    public void A_word_plans_every_table_that_has_stopped_or_failed_at_once_and_no_other()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 1, 1, Now));
        Decide(new InputSeen(CrmOrders, 1, 1, Now));
        Tick();
        Failed(Users, isTransient: false);
        Failed(Orders, isTransient: true);
        Assert.Equal((TableActivity.Stopped, TableActivity.BackingOff), (Status(Users).Activity, Status(Orders).Activity));

        Assert.Empty(Tick());
        Decide(new LookAgain());

        Assert.Equal(["plan silver/orders", "plan silver/users"], Tick().Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_word_that_comes_while_a_table_is_looked_at_is_not_lost_should_that_look_fail(bool isPlanned)
    {
        Settle();
        Decide(new InputSeen(AppUsers, 1, 1, Now));
        Tick();
        if (isPlanned) Planned(Users, 1);

        Decide(new LookAgain());
        Failed(Users, isTransient: false);
        Assert.Equal(["plan silver/users"], Tick());

        // One word, one look.
        Failed(Users, isTransient: false);
        Assert.Empty(Tick());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_word_that_comes_while_a_look_succeeds_is_done(bool hasWork)
    {
        Settle();
        Decide(new InputSeen(AppUsers, 1, 1, Now));
        Tick();
        Decide(new LookAgain());
        Planned(Users, hasWork ? 1 : null);
        if (hasWork) Ended(Users, 1, version: 1);

        Decide(new InputSeen(AppUsers, 2, Options.RowsThreshold, Now));
        Tick();
        Failed(Users, isTransient: false);

        Assert.DoesNotContain("plan silver/users", Tick());
    }

    [Fact]
    public void A_word_does_not_end_the_pause_of_a_table()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 1, 1, Now));
        Tick();
        Failed(Users, isTransient: false);
        Decide(new PauseTable(Users));

        Decide(new LookAgain());

        Assert.Empty(Tick());
    }

    [Fact]
    public void What_polling_finds_counts_as_if_it_had_been_announced()
    {
        Settle();

        Decide(new InputsPolled([new InputSeen(AppUsers, 1, 3, Now), new InputSeen(CrmOrders, 1, 4, Now)]));

        Assert.Equal((3L, 4L), (Status(Users).PendingRows, Status(Orders).PendingRows));
    }

    [Fact]
    public void A_version_counts_once_and_the_first_one_is_zero()
    {
        Settle();

        Decide(new InputSeen(AppUsers, 0, 3, Now));
        Now += TimeSpan.FromSeconds(1);
        Decide(new InputSeen(AppUsers, 0, 3, Now));
        Decide(new InputSeen(AppUsers, 1, 4, Now));

        Assert.Equal((7L, Start), (Status(Users).PendingRows, Status(Users).PendingSince));
        Tick();
        Assert.Equal(0, Status(Users).PendingRows);
    }

    [Fact]
    public void A_running_table_is_not_planned_again_and_what_comes_meanwhile_waits()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 1, 1, Now));
        Tick();
        Planned(Users, 1);

        Now += TimeSpan.FromSeconds(5);
        Decide(new InputSeen(AppUsers, 2, Options.RowsThreshold, Now));
        Assert.Empty(Tick());
        Ended(Users, 1, version: 1);

        Assert.Equal(Start.AddSeconds(5), Status(Users).PendingSince);
        Assert.Contains("plan silver/users", Tick());
    }

    [Fact]
    public void A_silver_table_does_not_wait_for_the_tables_it_refers_to()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 1, 1, Now));
        Tick();
        Planned(Users, 1);
        Decide(new InputSeen(CrmOrders, 1, 1, Now));

        Assert.Equal(["plan silver/orders"], Tick());
    }

    [Fact]
    public void A_gold_table_that_waits_since_before_the_clock_was_set_back_waits_for_nobody()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 1, 1, Now));
        Tick();
        Planned(Users, 1);
        Decide(new InputSeen(Orders, 1, 1, Now));
        Assert.Empty(Tick());

        Now -= TimeSpan.FromHours(1);

        Assert.Equal(["plan gold/sales"], Tick());
    }

    [Fact]
    public void Is_tried_again_when_its_pause_is_over_and_not_before()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 1, 1, Now));
        Tick();
        Planned(Users, 1);
        Failed(Users, isTransient: true);
        Decide(new InputSeen(AppUsers, 2, Options.RowsThreshold, Now));

        Now += Options.Retry.BackoffMin - TimeSpan.FromMilliseconds(1);
        Assert.Empty(Tick());
        Now += TimeSpan.FromMilliseconds(1);

        Assert.Equal(TableActivity.Waiting, Status(Users).Activity);
        Assert.Equal(["plan silver/users"], Tick());
    }

    [Fact]
    public void The_longest_pause_is_kept()
    {
        State = Fresh(Options with { Retry = Options.Retry with { BackoffMin = Options.Retry.BackoffMax } }, Start);
        Settle();
        Decide(new InputSeen(AppUsers, 1, 1, Now));
        Tick();
        Planned(Users, 1);
        Failed(Users, isTransient: true);

        Decide(new InputSeen(AppUsers, 2, Options.RowsThreshold, Now));

        Assert.Empty(Tick());
    }

    [Fact]
    public void Pauses_double_up_to_the_longest_however_often_it_fails()
    {
        State = Fresh(Options with { Retry = Options.Retry with { AttemptsMax = 100 } }, Start);
        Settle();
        var pauses = new List<double>();
        for (var i = 0; i < 40; i++)
        {
            Decide(new TriggerTable(Sales));
            Decide(new InputSeen(AppUsers, i, Options.RowsThreshold, Now));
            Now += Options.Retry.BackoffMax;
            Assert.Contains("plan silver/users", Tick());
            Planned(Sales);
            Planned(Users, 1);
            Failed(Users, isTransient: true);
            pauses.Add((State.Find(Users)!.NotBefore - Now).TotalSeconds);
        }

        Assert.Equal([1, 2, 4, 8, 16, 32, 60, 60], pauses.Take(8));
        Assert.All(pauses.Skip(8), pause => Assert.Equal(60, pause));
    }

    [Theory]
    [InlineData(30, 30)]
    [InlineData(60, 60)]
    public void A_shortest_interval_beyond_the_largest_lag_is_kept_and_no_run_makes_it_longer_than_needed(int intervalSeconds, int dueAfterSeconds)
    {
        State = Fresh(Options with { IntervalMin = TimeSpan.FromSeconds(intervalSeconds) }, Start);
        Settle();
        Decide(new InputSeen(AppUsers, 5, 1, Now));
        Tick();
        Planned(Users, 1);
        Decide(new JobEnded(Users, RunOf(Users, 1), new JobResult(Users, 1, 1, 1, null, TimeSpan.FromSeconds(intervalSeconds == 30 ? 60 : 1)), null));
        Decide(new InputSeen(AppUsers, 6, 1, Now));
        Settle();

        Now += TimeSpan.FromSeconds(dueAfterSeconds) - TimeSpan.FromMilliseconds(1);
        Assert.DoesNotContain("plan silver/users", Tick());
        Now += TimeSpan.FromMilliseconds(1);

        Assert.Contains("plan silver/users", Tick());
    }
}
