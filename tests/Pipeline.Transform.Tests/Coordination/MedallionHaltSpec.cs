using Pipeline.Core;
using Pipeline.Transform.Coordination;

namespace Pipeline.Transform.Tests.Coordination;

/// <summary>A table that somebody has to mend: how long it is left alone, and what is taken over of it.</summary>
public sealed class MedallionHaltSpec : MedallionScene
{
    /// <summary>After each halt in a row, with <see cref="TransformOptions.HaltRetry"/> as it is by default.</summary>
    private static readonly TimeSpan First = TimeSpan.FromSeconds(10), Second = TimeSpan.FromSeconds(20);

    public MedallionHaltSpec()
    {
        State = Fresh(Options with { JobsMax = 9, Retry = Options.Retry with { AttemptsMax = 99 } }, Start);
        Settle();
    }

    [Fact]
    public void What_is_made_of_a_table_whose_rows_break_a_rule_waits_for_it_over_restarts_and_other_faults()
    {
        Offer(1);
        Tick();
        Planned(Users, 1);
        Decide(JobEnded.Failed(Users, RunOf(Users), new PipelineException(FaultKind.Invalid, "Table silver/users", "rows break a rule", "Mend them.") { IsRuleBroken = true }));
        Run(Orders, 1, 1, 1, CrmOrders);
        Assert.Equal(TableActivity.Stopped, Status(Sales).Activity);
        Assert.Equal("Table gold/sales: it waits for silver/users. Table silver/users: rows break a rule. Mend them.", Status(Sales).Error);

        State = Fresh(Options with { JobsMax = 9 }, Now).Restore(State.ToSnapshot());
        Now += Options.LagMax + Second;
        Assert.DoesNotContain("plan gold/sales", Tick());
        Planned(Users, 2);
        Failed(Users, isTransient: true);
        Decide(new TriggerTable(Sales));
        Assert.DoesNotContain("plan gold/sales", Tick());

        Decide(new TriggerTable(Users));
        Tick();
        Planned(Users, 2);
        Ended(Users, 2, version: 2);
        Assert.Contains("plan gold/sales", Tick());
    }

    [Fact]
    public void What_is_made_of_a_table_waits_for_it_only_where_rows_break_a_rule_and_until_it_has_nothing_to_do()
    {
        Offer(1);
        Tick();
        Planned(Users, 1);
        Failed(Users, isTransient: false);
        Assert.False(State.Find(Users)!.IsRuleBroken);

        Decide(new TriggerTable(Users));
        Tick();
        Planned(Users, 1);
        Decide(JobEnded.Failed(Users, RunOf(Users), new PipelineException(FaultKind.Invalid, "Table silver/users", "rows break a rule", "Mend them.") { IsRuleBroken = true }));
        Assert.True(State.Find(Users)!.IsRuleBroken);
        Decide(new TriggerTable(Users));
        Tick();
        Planned(Users);
        Assert.False(State.Find(Users)!.IsRuleBroken);
        // Nothing has failed before what comes next.
        Decide(new TriggerTable(Users));
        Tick();
        Planned(Users, 2);
        Assert.Null(RunOf(Users)!.FailedBefore);
    }

    [Fact]
    public void Each_halt_in_a_row_is_longer_and_a_halted_table_is_looked_at_by_itself()
    {
        HaltUsers();
        AssertDueAfter(First);

        Planned(Users, 1);
        Failed(Users, isTransient: false);

        AssertDueAfter(Second);
    }

    [Theory]
    [InlineData("triggered")]
    [InlineData("succeeded")]
    [InlineData("nothing to do")]
    [InlineData("passing fault")]
    public void What_ends_a_row_of_halts_makes_the_next_one_the_first(string end)
    {
        HaltUsers();
        AssertDueAfter(First);
        Planned(Users, 1);
        Failed(Users, isTransient: false);
        switch (end)
        {
            case "triggered":
                Decide(new TriggerTable(Users));
                Tick();
                break;
            case "succeeded":
                AssertDueAfter(Second);
                Planned(Users, 1);
                Ended(Users, 1, version: 1);
                Offer(2);
                break;
            case "nothing to do":
                AssertDueAfter(Second);
                Planned(Users);
                Assert.NotEqual(TableActivity.Stopped, Status(Users).Activity);
                Offer(2);
                break;
            default:
                AssertDueAfter(Second);
                Planned(Users, 1);
                Failed(Users, isTransient: true);
                Now += TimeSpan.FromMinutes(2);
                Assert.Contains("plan silver/users", Tick());
                break;
        }

        Planned(Users, 3);
        Failed(Users, isTransient: false);

        AssertDueAfter(First);
    }

    [Fact]
    public void New_input_brings_a_halted_table_forward_but_is_no_reason_to_hurry()
    {
        HaltUsers();
        for (var halts = 1; halts < 5; halts++) HaltAgain();
        // It would be left alone for 160 s.
        Decide(new InputSeen(AppUsers, 20, 1, Now));

        Assert.Equal(TableActivity.BackingOff, Status(Users).Activity);
        AssertDueAfter(Options.Retry.BackoffMax);
    }

    [Fact]
    public void New_input_puts_nothing_off()
    {
        HaltUsers();
        Now += First - TimeSpan.FromSeconds(1);
        Decide(new InputSeen(AppUsers, 20, 1, Now));

        AssertDueAfter(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void A_long_halt_is_believed_though_no_passing_fault_is_waited_for_as_long()
    {
        HaltUsers();
        for (var halts = 1; halts < 5; halts++) HaltAgain();

        AssertDueAfter(TimeSpan.FromSeconds(160));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_pause_that_is_longer_than_any_was_written_before_the_clock_was_set_back(bool isOfferedMore)
    {
        Offer(1);
        Planned(Users, 1);
        Failed(Users, isTransient: true);
        Now -= TimeSpan.FromMinutes(2);
        if (isOfferedMore) Decide(new InputSeen(AppUsers, 2, 1, Now));

        Assert.Contains("plan silver/users", Tick());
    }

    [Fact]
    public void What_was_remembered_and_comes_late_tells_what_is_paused_and_how_much_fits()
    {
        var remembered = State.Apply(new TablePaused(Users, Now)).Apply(new JobTooLarge(Users, Now, 1, RowsMax: 500, "too large"));

        State = State.TakeOver(remembered, new HashSet<TableId>());

        Assert.Equal((TableActivity.Paused, TableActivity.Current), (Status(Users).Activity, Status(Orders).Activity));
        Decide(new ResumeTable(Users));
        Decide(new TriggerTable(Users));
        Assert.Equal([500], PlannedRows(Users));
    }

    [Fact]
    public void What_was_ordered_and_learnt_meanwhile_stands_against_what_was_remembered()
    {
        var remembered = State.Apply(new TablePaused(Users, Now)).Apply(new JobTooLarge(Users, Now, 1, RowsMax: 500, "too large"));
        State = State.Apply(new TableResumed(Users, Now)).Apply(new TablePaused(Orders, Now)).Apply(new JobTooLarge(Users, Now, 1, RowsMax: 300, "too large"));

        State = State.TakeOver(remembered, new HashSet<TableId> { Users, Orders });

        Assert.Equal(TableActivity.Paused, Status(Orders).Activity);
        Assert.NotEqual(TableActivity.Paused, Status(Users).Activity);
        Decide(new TriggerTable(Users));
        Assert.Equal([300], PlannedRows(Users));
    }

    [Fact]
    public void Of_tables_that_nobody_remembers_all_stays_as_it_is()
    {
        Decide(new PauseTable(Users));
        var remembered = MedallionState.Start([(Orders, [CrmOrders])], Options, Now);

        State = State.TakeOver(remembered, new HashSet<TableId>());

        Assert.Equal(TableActivity.Paused, Status(Users).Activity);
    }

    private void Offer(long version)
    {
        Now += TimeSpan.FromMinutes(1);
        Decide(new InputSeen(AppUsers, version, 1, Now));
        Assert.Contains("plan silver/users", Tick());
    }

    private void HaltUsers()
    {
        Offer(1);
        Planned(Users, 1);
        Failed(Users, isTransient: false);
        Assert.Equal(TableActivity.Stopped, Status(Users).Activity);
    }

    private void HaltAgain()
    {
        Now += Options.HaltRetry.BackoffMax;
        Assert.Contains("plan silver/users", Tick());
        Planned(Users, 1);
        Failed(Users, isTransient: false);
    }

    /// <summary>The users are planned then, and not earlier.</summary>
    private void AssertDueAfter(TimeSpan pause)
    {
        var start = Now;
        foreach (var early in (TimeSpan[])[TimeSpan.Zero, pause / 3, pause - TimeSpan.FromSeconds(1)])
        {
            Now = start + early;
            Assert.DoesNotContain("plan silver/users", Tick());
        }

        Now = start + pause;
        Assert.Contains("plan silver/users", Tick());
    }
}
