using Pipeline.Core;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Coordination;

public sealed class MedallionStateSpec : MedallionScene
{
    [Fact]
    public void Looks_at_every_table_at_the_start_as_far_as_jobs_are_free()
    {
        Assert.Equal(["plan silver/users", "plan silver/orders"], Tick());
        Assert.Empty(Tick());
        Assert.Empty(Planned(Users));
        Assert.Empty(Planned(Orders));

        Assert.Equal(["plan gold/sales"], Tick());
    }

    [Fact]
    public void Writes_down_a_job_before_it_runs_and_announces_its_result()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 5, 10, Now));
        Assert.Equal(["plan silver/users"], Tick());

        var decision = MedallionState.Decide(State, new JobPlanned(Users, Pins(Users, 1)), Now);
        Assert.IsType<JobRequested>(Assert.Single(decision.Events));
        Assert.Equal(["run silver/users#1"], Take(decision));
        Assert.Equal(TableActivity.Running, Status(Users).Activity);

        Assert.Equal(["announce silver/users@7"], Ended(Users, 1, version: 7));
        Assert.Equal((TableActivity.Current, 1L, 7L), (Status(Users).Activity, Status(Users).Run, Status(Users).Version));
    }

    [Fact]
    public void Runs_what_is_made_from_a_table_after_it()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 5, 10, Now));
        Tick();
        Planned(Users, 1);
        Assert.Empty(Tick());

        Ended(Users, 1, version: 7);

        Assert.Equal(["plan silver/orders", "plan gold/sales"], Tick());
    }

    [Fact]
    public void A_clock_that_is_set_back_holds_no_table_up()
    {
        Settle();
        Run(Users, 1, bronzeVersion: 5, rows: 10);
        Settle();
        Decide(new InputSeen(CrmOrders, 3, 10, Now));
        Tick();
        Failed(Orders, isTransient: true);

        Now -= TimeSpan.FromHours(2);
        Decide(new InputSeen(AppUsers, 6, 10, Now));

        Assert.Equal(["plan silver/orders", "plan silver/users"], Tick().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Who_waits_since_before_the_clock_was_set_back_comes_first()
    {
        Settle();
        Decide(new InputSeen(CrmOrders, 3, 10, Now));

        Now -= TimeSpan.FromHours(1);
        Decide(new InputSeen(AppUsers, 6, 10, Now));

        Assert.Equal(["plan silver/orders", "plan silver/users"], Tick());
    }

    [Fact]
    public void Leaves_the_shortest_interval_between_two_runs_unless_many_rows_wait()
    {
        Settle();
        Run(Users, 1, bronzeVersion: 5, rows: 10);
        Decide(new InputSeen(AppUsers, 6, 10, Now));
        Assert.DoesNotContain("plan silver/users", Tick());
        Settle();
        Now += TimeSpan.FromSeconds(1.9);
        Assert.DoesNotContain("plan silver/users", Tick());

        Decide(new InputSeen(AppUsers, 7, 990, Now));

        Assert.Contains("plan silver/users", Tick());
    }

    [Theory]
    [InlineData(0.5, 2)]
    [InlineData(5, 10)]
    [InlineData(60, 30)]
    public void Lets_a_table_rest_as_long_as_its_last_run_took(double tookSeconds, double dueAfterSeconds)
    {
        Settle();
        Decide(new InputSeen(AppUsers, 5, 1, Now));
        Tick();
        Planned(Users, 1);
        Decide(new JobEnded(Users, RunOf(Users, 1), new JobResult(Users, 1, 1, 1, null, TimeSpan.FromSeconds(tookSeconds)), null));
        Decide(new InputSeen(AppUsers, 6, 1, Now));
        Settle();
        Now += TimeSpan.FromSeconds(dueAfterSeconds) - TimeSpan.FromMilliseconds(1);
        Assert.DoesNotContain("plan silver/users", Tick());

        Now += TimeSpan.FromMilliseconds(1);

        Assert.Contains("plan silver/users", Tick());
    }

    [Fact]
    public void Goes_on_at_once_with_what_a_run_has_left()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 9, 10, Now));
        Tick();
        Decide(new JobPlanned(Users, Pins(Users, 1) with { Inputs = [new PinnedInput(AppUsers, null, 4)] }));
        Ended(Users, 1, version: 1);
        Assert.Contains("plan silver/users", Tick());

        Decide(new JobPlanned(Users, Pins(Users, 2) with { Inputs = [new PinnedInput(AppUsers, 4, 9)] }));
        Ended(Users, 2, version: 2);

        Assert.DoesNotContain("plan silver/users", Tick());
    }

    [Fact]
    public void Lets_a_gold_table_wait_for_a_running_input_but_not_for_ever()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 5, 10, Now));
        Assert.Equal(["plan silver/users"], Tick());
        Planned(Users, 1);
        Decide(new InputSeen(Orders, 9, 0, Now));
        Assert.Empty(Tick());

        Now += Options.LagMax;

        Assert.Equal(["plan gold/sales"], Tick());
    }

    [Fact]
    public void Backs_off_a_failing_table_alone_longer_each_time_and_then_stops_it()
    {
        Settle();
        foreach (var seconds in new[] { 1, 2 })
        {
            Decide(new InputSeen(AppUsers, State.Heads.GetValueOrDefault(AppUsers).Version + 1, 1, Now));
            Now += TimeSpan.FromMinutes(2);
            Assert.Equal(["plan silver/users"], Tick());
            Planned(Users, 1);
            Failed(Users, isTransient: true);
            Now += TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1);
            Assert.Equal(TableActivity.BackingOff, Status(Users).Activity);
            Decide(new InputSeen(CrmOrders, State.Heads.GetValueOrDefault(CrmOrders).Version + 1, 1, Now));
            Assert.Equal(["plan silver/orders"], Tick());
            Planned(Orders);
        }

        Now += TimeSpan.FromMinutes(2);
        Tick();
        Planned(Users, 1);
        Failed(Users, isTransient: true);

        Assert.Equal((TableActivity.Stopped, "silver/users: broken. Mend it."), (Status(Users).Activity, Status(Users).Error));
        Now += Options.HaltRetry.BackoffMin - TimeSpan.FromMilliseconds(1);
        Assert.Empty(Tick());
        Decide(new TriggerTable(Users));
        Assert.Equal(["plan silver/users"], Tick());
    }

    [Fact]
    public void Stops_at_once_after_a_permanent_error_and_is_tried_again_slowly()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 5, 1, Now));
        Tick();
        foreach (var seconds in (int[])[10, 20, 40, 80, 160, 300, 300])
        {
            Planned(Users, 1);
            Failed(Users, isTransient: false);
            Assert.Equal(TableActivity.Stopped, Status(Users).Activity);
            Now += TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1);
            Assert.Empty(Tick());
            Now += TimeSpan.FromMilliseconds(1);
            Assert.Equal(["plan silver/users"], Tick());
        }
    }

    [Fact]
    public void New_input_is_waited_for_no_longer_than_after_any_other_error()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 5, 1, Now));
        Tick();
        for (var halts = 0; halts < 6; halts++)
        {
            Planned(Users, 1);
            Failed(Users, isTransient: false);
            Now += Options.HaltRetry.BackoffMax;
            Tick();
        }

        Planned(Users, 1);
        Failed(Users, isTransient: false);

        Decide(new InputSeen(AppUsers, 6, 1, Now));
        Now += Options.Retry.BackoffMax;

        Assert.Equal(["plan silver/users"], Tick());
    }

    [Fact]
    public void Reads_half_of_what_did_not_fit_at_once_and_then_more_and_more()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 9, 10, Now));
        Assert.Equal([Options.RunRowsMax], PlannedRows(Users));
        Decide(new JobPlanned(Users, Pins(Users, 1) with { Rows = 80_000, Inputs = [new PinnedInput(AppUsers, null, 4)] }));
        TooLarge(Users);

        // At once, without an error or an attempt that counts.
        Assert.Equal((TableActivity.Waiting, 0, null), (Status(Users).Activity, Status(Users).FailedAttempts, Status(Users).Error));
        Assert.Equal([40_000], PlannedRows(Users));
        Decide(new JobPlanned(Users, Pins(Users, 1) with { Rows = 40_000, Inputs = [new PinnedInput(AppUsers, null, 2)] }));
        Ended(Users, 1, version: 1);

        Assert.Equal([45_001], PlannedRows(Users));
    }

    [Fact]
    public void A_run_elsewhere_that_did_not_fit_is_followed_by_half_of_it_though_it_has_read_more_than_any_in_process()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 9, 10, Now));
        Tick();
        Decide(new JobPlanned(Users, Pins(Users, 1) with { Rows = 50_000_000, Engine = "emr" }));
        TooLarge(Users);

        Assert.Equal([25_000_000], PlannedRows(Users));
        Decide(new JobPlanned(Users, Pins(Users, 1) with { Rows = 25_000_000, Engine = "emr" }));
        Ended(Users, 1, version: 1);

        Decide(new InputSeen(AppUsers, 10, 10, Now));
        Now += TimeSpan.FromMinutes(1);
        Assert.Equal([Options.RunRowsMax], PlannedRows(Users));
    }

    [Theory]
    [InlineData("silver/users")]
    [InlineData("gold/sales")]
    public void Tries_what_does_not_fit_and_cannot_be_made_smaller_by_the_policy_and_then_stops(string name)
    {
        var table = TableId.Parse(name);
        Settle();
        if (table == Sales) Run(Users, 1, bronzeVersion: 5, rows: 10);
        else Decide(new InputSeen(AppUsers, 9, 10, Now));

        for (var attempt = 1; attempt <= Options.Retry.AttemptsMax; attempt++)
        {
            Assert.Contains($"plan {table}", Tick());
            foreach (var other in State.Tables.Where(other => other.IsPlanning && other.Table != table).ToList()) Planned(other.Table);
            Decide(new JobPlanned(table, Pins(table, 1) with { Rows = table == Sales ? null : 1_000_000 }));
            TooLarge(table);
            Assert.Equal((attempt, attempt < Options.Retry.AttemptsMax ? TableActivity.BackingOff : TableActivity.Stopped), (Status(table).FailedAttempts, Status(table).Activity));
            Now += Options.Retry.BackoffMax;
        }

        Assert.Equal($"{table}: too large. Read fewer rows.", Status(table).Error);
    }

    [Fact]
    public void Goes_on_at_once_when_a_run_has_left_rows_whose_parents_have_come()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 1, 1, Now));
        Tick();
        Planned(Users, 1);

        Decide(new JobEnded(Users, RunOf(Users, 1), new JobResult(Users, 1, 1, 1, null, TimeSpan.Zero, IsBehind: true), null));

        Assert.Contains("plan silver/users", Tick());
    }

    [Fact]
    public void Takes_fewer_rows_out_of_quarantine_when_those_were_too_many()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 1, 1, Now));
        Tick();
        Decide(new JobPlanned(Users, Pins(Users, 1) with { Rows = 0, HeldRowsMax = 17_000 }));

        TooLarge(Users);

        Assert.Equal([8_500], PlannedRows(Users));
    }

    [Fact]
    public void Knows_after_a_restart_how_much_fits()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 5, 1, Now));
        Tick();
        Decide(new JobPlanned(Users, Pins(Users, 1) with { Rows = 80_000 }));
        TooLarge(Users);

        State = MedallionState.Start(State.Tables.Select(t => (t.Table, (IEnumerable<TableId>)t.Inputs)), Options, Now).Restore(State.ToSnapshot());
        Now += Options.IntervalMin;

        Assert.Equal([40_000], PlannedRows(Users));
    }

    [Fact]
    public void Plans_again_without_an_error_when_another_run_got_there_first()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 5, 1, Now));
        Tick();
        Planned(Users, 1);
        Superseded(Users, "run 1 is taken");
        Now += Options.IntervalMin;

        Assert.Null(Status(Users).Error);
        Assert.Equal(["plan silver/users"], Tick());
    }

    [Fact]
    public void Starts_nothing_for_a_paused_table()
    {
        Settle();
        Decide(new PauseTable(Users));
        Decide(new InputSeen(AppUsers, 5, 1, Now));
        Assert.Empty(Tick());

        Decide(new ResumeTable(Users));

        Assert.Equal(["plan silver/users"], Tick());
    }

    [Fact]
    public void Starts_nothing_that_operators_want_held_and_a_table_with_a_schedule_only_when_told()
    {
        Settle();
        Decide(new InputSeen(AppUsers, 5, 1, Now));
        State = State with { Held = HeldWork.None with { Tables = [Users] } };
        Assert.Empty(Tick());
        Assert.Equal(TableActivity.Paused, Status(Users).Activity);

        State = State with { Held = HeldWork.None with { Scheduled = [Users] } };
        Assert.Empty(Tick());
        Assert.Equal(TableActivity.Waiting, Status(Users).Activity);
        Decide(new TriggerTable(Users));

        Assert.Equal(["plan silver/users"], Tick());
    }

    [Fact]
    public void Knows_how_fresh_each_table_is()
    {
        Settle();
        Run(Users, 1, 5, 10, reflects: Start.AddSeconds(-3));
        Run(Orders, 1, 5, 10, CrmOrders, reflects: Start.AddSeconds(-9));
        Tick();
        Planned(Sales, 1);
        Ended(Sales, 1, 2);

        Assert.Equal([Start.AddSeconds(-3), Start.AddSeconds(-9), Start.AddSeconds(-9)], State.ToStatus(Now).Tables.Select(table => table.ReflectsUntil));
    }

    [Fact]
    public void A_lower_version_is_news_when_it_was_committed_later_as_of_a_table_that_was_made_anew()
    {
        Settle();
        Run(Users, 1, bronzeVersion: 10, rows: 5);
        Decide(new InputSeen(AppUsers, 10, 0, Now));
        var committed = Now;
        Now += TimeSpan.FromMinutes(10);
        Settle();

        Decide(new InputSeen(AppUsers, 3, 1, committed));
        Decide(new InputSeen(AppUsers, 3, 1, committed - TimeSpan.FromSeconds(1)));
        Assert.DoesNotContain($"plan {Users}", Tick());
        Decide(new InputSeen(AppUsers, 3, 1, committed + TimeSpan.FromSeconds(1)));

        Now += Options.LagMax;
        Assert.Contains($"plan {Users}", Tick());
    }

    [Fact]
    public void A_run_says_what_had_failed_before_it_since_the_last_that_did_not()
    {
        Settle();
        Run(Users, 1, bronzeVersion: 5, rows: 10);
        Decide(new InputSeen(AppUsers, 6, 10, Now));
        Now += TimeSpan.FromMinutes(10);
        var first = Now;
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            TickAlone();
            Planned(Users, 2);
            Assert.Equal(attempt == 1 ? null : new FailedBefore(attempt - 1, first), RunOf(Users)!.FailedBefore);
            if (attempt == 1) first = Now;
            Failed(Users, isTransient: attempt == 1);
            // Told to look again, it still has failed before.
            Now += TimeSpan.FromMinutes(10);
            if (attempt == 2) Decide(new LookAgain());
        }

        TickAlone();
        Planned(Users, 2);
        Assert.Equal(new FailedBefore(3, first), RunOf(Users)!.FailedBefore);
        Ended(Users, 2, version: 8);
        Decide(new InputSeen(AppUsers, 7, 10, Now));
        Now += TimeSpan.FromMinutes(10);
        TickAlone();
        Planned(Users, 3);
        Assert.Null(RunOf(Users)!.FailedBefore);

        // The others have nothing to do.
        void TickAlone()
        {
            Tick();
            foreach (var other in State.Tables.Where(table => table.IsPlanning && table.Table != Users).ToList()) Planned(other.Table);
        }
    }
}
