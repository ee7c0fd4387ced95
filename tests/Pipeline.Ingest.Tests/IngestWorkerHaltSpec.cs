using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Ingest.Committer;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Tests;

/// <summary>What somebody has to mend: told once, looked at again slowly and when told, and its end is told.</summary>
public sealed class IngestWorkerHaltSpec : WorkerScene
{
    private static readonly Fault NoTopic = new(FaultKind.Missing, "Topic orders", "there is none", "Create it.");

    [Fact]
    public void What_only_somebody_can_mend_is_looked_at_again_less_and_less_often()
    {
        When(new WorkerEvent.Started());

        var pauses = new List<double>();
        for (var epoch = 1; epoch <= 7; epoch++)
        {
            pauses.Add(When(new WorkerEvent.LocateFailed(epoch, NoTopic)).OfType<WorkerEffect.LookAfter>().Single().Delay.TotalSeconds);
            Assert.Equal(WorkerPhase.Halted, State.Phase);
            Assert.Equal(epoch + 1, Assert.IsType<WorkerEffect.Locate>(Assert.Single(When(new WorkerEvent.LookDue()))).Epoch);
        }

        Assert.Equal([10, 20, 40, 80, 160, 300, 300], pauses);
    }

    [Fact]
    public void It_is_told_once_for_each_reason_and_again_after_a_word()
    {
        When(new WorkerEvent.Started());

        Assert.Equal([NoTopic], Told(new WorkerEvent.LocateFailed(1, NoTopic)));
        When(new WorkerEvent.LookDue());
        Assert.Empty(Told(new WorkerEvent.LocateFailed(2, NoTopic with { Cause = "there is none at 12:00" })));
        When(new WorkerEvent.LookDue());
        Assert.Equal([WrongPassword], Told(new WorkerEvent.LocateFailed(3, WrongPassword)));
        When(new WorkerEvent.ResumeAsked());
        Assert.Equal([WrongPassword], Told(new WorkerEvent.LocateFailed(4, WrongPassword)));
        When(new WorkerEvent.LookDue());
        Assert.Empty(Told(new WorkerEvent.LocateFailed(5, WrongPassword)));
    }

    [Fact]
    public void A_store_that_refuses_is_one_reason_whichever_object_shows_it()
    {
        var refused = new Fault(FaultKind.NotAuthorised, "Object s3://lake/a", "it cannot be read", "Check the rights.", Dependency: "Lake s3://lake");
        When(new WorkerEvent.Started());

        Assert.Equal([refused], Told(new WorkerEvent.LocateFailed(1, refused)));
        When(new WorkerEvent.LookDue());
        Assert.Empty(Told(new WorkerEvent.LocateFailed(2, refused with { Thing = "Object s3://lake/b" })));
    }

    [Fact]
    public void Its_end_is_told_with_the_first_commit()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.LocateFailed(1, NoTopic));
        When(new WorkerEvent.LookDue());
        Read(Single, 10, epoch: 2);
        var stage = StageOf(Orders, Single, 10, 20);
        When(new WorkerEvent.RollClosed(2, new Roll([stage])));

        var committed = When(Committed(stage));

        Assert.Equal(NoTopic, Assert.Single(committed.OfType<WorkerEffect.TellHaltEnded>()).Fault);
        Assert.True(State.Halts.IsEmpty);
    }

    [Fact]
    public void Its_end_is_told_when_reading_has_gone_on_for_a_while_though_nothing_came()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.LocateFailed(1, NoTopic));
        When(new WorkerEvent.LookDue());
        Read(Single, 10, epoch: 2);

        Assert.Empty(When(new WorkerEvent.ReadQuietly(1)));
        Assert.Equal(NoTopic, Assert.IsType<WorkerEffect.TellHaltEnded>(Assert.Single(When(new WorkerEvent.ReadQuietly(2)))).Fault);
        Assert.Empty(When(new WorkerEvent.ReadQuietly(2)));
    }

    [Fact]
    public void Reading_with_a_roll_in_hand_is_not_quiet()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.LocateFailed(1, NoTopic));
        When(new WorkerEvent.LookDue());
        Read(Single, 10, epoch: 2);
        When(new WorkerEvent.RollClosed(2, new Roll([StageOf(Orders, Single, 10, 20)])));

        Assert.Empty(When(new WorkerEvent.ReadQuietly(2)));
    }

    [Fact]
    public void A_split_that_is_halted_is_read_again_beside_the_others_and_its_own_commit_is_its_end()
    {
        GivenOneOfTwoHalted(NoRight);

        Assert.Equal(2, Assert.IsType<WorkerEffect.Locate>(Assert.Single(When(new WorkerEvent.LookDue()))).Epoch);
        Assert.IsType<WorkerEffect.DrainGraph>(Assert.Single(When(new WorkerEvent.Located(2, [Single, Other]))));
        When(new WorkerEvent.GraphEnded(2, Fault: null));
        ReadBoth(epoch: 3);
        var others = StageOf(Orders, Other, 10, 20);
        When(new WorkerEvent.RollClosed(3, new Roll([others])));
        Assert.Empty(When(Committed(others)).OfType<WorkerEffect.TellHaltEnded>());
        var own = StageOf(Orders, Single, 10, 20);
        When(new WorkerEvent.RollClosed(3, new Roll([own])));

        Assert.Equal(NoRight, Assert.Single(When(Committed(own)).OfType<WorkerEffect.TellHaltEnded>()).Fault);
    }

    [Fact]
    public void A_commit_of_others_does_not_make_the_looks_at_a_halted_split_more_frequent()
    {
        GivenOneOfTwoHalted(NoRight);
        var others = StageOf(Orders, Other, 10, 20);
        When(new WorkerEvent.RollClosed(2, new Roll([others])));
        When(Committed(others));
        When(new WorkerEvent.LookDue());
        When(new WorkerEvent.Located(2, [Single, Other]));
        When(new WorkerEvent.GraphEnded(2, Fault: null));
        ReadBoth(epoch: 3);

        var again = When(new WorkerEvent.GraphEnded(3, NoRight));

        Assert.Equal(20, again.OfType<WorkerEffect.LookAfter>().Single().Delay.TotalSeconds);
        Assert.Empty(again.OfType<WorkerEffect.TellHalt>());
        Assert.Equal(WorkerPhase.Locating, State.Phase);
    }

    [Fact]
    public void What_somebody_has_to_decide_is_recorded_in_the_table_with_where_the_split_stands()
    {
        GivenReading(Single, 10);
        var behind = BeyondTheEnd with { ReadAgainFrom = 4 };

        Assert.Equal(new WorkerEffect.RecordHalt(Single, behind, Position: 10), Assert.Single(When(new WorkerEvent.GraphEnded(1, behind)).OfType<WorkerEffect.RecordHalt>()));
        Assert.Empty(When(new WorkerEvent.LookDue()).OfType<WorkerEffect.RecordHalt>());
    }

    [Fact]
    public void What_looking_may_find_gone_by_chance_waits_for_a_word()
    {
        GivenReading(Single, 10);

        var halted = When(new WorkerEvent.GraphEnded(1, BeyondTheEnd));
        When(new WorkerEvent.Located(2, [Single]));
        When(new WorkerEvent.LookDue());
        Assert.Single(When(new WorkerEvent.Located(3, [Single])).OfType<WorkerEffect.RelistAfter>());
        Assert.Equal(WorkerPhase.Halted, State.Phase);
        When(new WorkerEvent.ResumeAsked());
        var resumed = When(new WorkerEvent.Located(4, [Single]));

        Assert.Empty(halted.OfType<WorkerEffect.LookAfter>());
        Assert.Equal(2, resumed.OfType<WorkerEffect.AskPositions>().Count());
    }

    [Fact]
    public void Splits_that_come_while_all_others_are_halted_are_read()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.GraphEnded(1, BeyondTheEnd));
        When(new WorkerEvent.Located(2, [Single]));
        Assert.Equal(WorkerPhase.Halted, State.Phase);

        var relisted = When(new WorkerEvent.RelistDue());
        var located = When(new WorkerEvent.Located(2, [Single, Other]));

        Assert.Equal(2, Assert.IsType<WorkerEffect.Locate>(Assert.Single(relisted)).Epoch);
        Assert.Equal([Other.Id], located.OfType<WorkerEffect.AskPositions>().First().Splits);
    }

    [Fact]
    public void A_list_that_fails_while_all_splits_are_halted_is_asked_for_again()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.GraphEnded(1, BeyondTheEnd));
        When(new WorkerEvent.Located(2, [Single]));
        When(new WorkerEvent.RelistDue());

        Assert.IsType<WorkerEffect.RelistAfter>(Assert.Single(When(new WorkerEvent.LocateFailed(2, Outage))));
    }

    [Fact]
    public void A_list_that_comes_late_does_not_start_a_worker_that_is_halted_as_a_whole()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.RelistDue());
        When(new WorkerEvent.GraphEnded(1, WrongPassword));

        Assert.Empty(When(new WorkerEvent.Located(1, [Single, Other])));
        Assert.Empty(When(new WorkerEvent.LocateFailed(1, Outage)));
        Assert.Empty(When(new WorkerEvent.RelistDue()));
        Assert.Equal(WorkerPhase.Halted, State.Phase);
    }

    [Fact]
    public void A_split_that_is_listed_no_more_halts_nothing_unless_a_word_is_awaited()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.GraphEnded(1, NoRight));

        var located = When(new WorkerEvent.Located(2, [Other]));

        Assert.Equal(NoRight, Assert.Single(located.OfType<WorkerEffect.TellHaltEnded>()).Fault);
        Assert.True(State.Halts.IsEmpty);
    }

    [Fact]
    public void A_split_that_awaits_a_word_awaits_it_though_it_was_not_listed_for_a_while()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.GraphEnded(1, BeyondTheEnd));

        Assert.Empty(When(new WorkerEvent.Located(2, [])).OfType<WorkerEffect.TellHaltEnded>());

        When(new WorkerEvent.RelistDue());
        Assert.Empty(When(new WorkerEvent.Located(2, [Single])).OfType<WorkerEffect.AskPositions>());
    }

    [Fact]
    public void New_splits_that_cannot_be_listed_any_more_are_told_once_and_that_they_can_again()
    {
        GivenReading(Single, 10);

        var failed = When(new WorkerEvent.LocateFailed(1, WrongPassword));
        var again = When(new WorkerEvent.LocateFailed(1, WrongPassword));
        var passing = When(new WorkerEvent.LocateFailed(1, Outage));
        var found = When(new WorkerEvent.Located(1, [Single]));
        var foundAgain = When(new WorkerEvent.Located(1, [Single]));

        Assert.Equal((WrongPassword, false), failed.OfType<WorkerEffect.TellListing>().Select(told => (told.Fault, told.IsBack)).Single());
        Assert.IsType<WorkerEffect.RelistAfter>(Assert.Single(again));
        Assert.IsType<WorkerEffect.RelistAfter>(Assert.Single(passing));
        Assert.Equal((WrongPassword, true), found.OfType<WorkerEffect.TellListing>().Select(told => (told.Fault, told.IsBack)).Single());
        Assert.IsType<WorkerEffect.RelistAfter>(Assert.Single(foundAgain));
        Assert.Equal(WorkerPhase.Reading, State.Phase);
    }

    [Fact]
    public void A_table_that_cannot_be_read_as_it_is_ends_what_is_read_of_it_and_halts()
    {
        var refused = NoTopic with { IsOfTable = true };
        GivenReading(Single, 10);

        Assert.IsType<WorkerEffect.DrainGraph>(Assert.Single(When(new WorkerEvent.LocateFailed(1, refused))));
        Assert.Equal(WorkerPhase.Stopping, State.Phase);
        When(new WorkerEvent.GraphEnded(1, Fault: null));
        Assert.Equal([refused], When(new WorkerEvent.LocateFailed(2, refused)).OfType<WorkerEffect.TellHalt>().Select(halt => halt.Fault));
        Assert.Equal(WorkerPhase.Halted, State.Phase);
    }

    [Fact]
    public void A_table_that_cannot_be_read_as_it_is_ends_nothing_of_a_worker_that_stops_already()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.DrainAsked());

        Assert.Empty(When(new WorkerEvent.LocateFailed(1, NoTopic with { IsOfTable = true })));
    }

    [Fact]
    public void What_keeps_a_table_and_may_pass_ends_nothing_that_is_read_of_it()
    {
        GivenReading(Single, 10);

        Assert.IsType<WorkerEffect.RelistAfter>(Assert.Single(When(new WorkerEvent.LocateFailed(1, Outage with { IsOfTable = true }))));
        Assert.Equal(WorkerPhase.Reading, State.Phase);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_worker_without_splits_is_not_halted_by_what_may_pass_or_is_not_of_its_table(bool mayPass)
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, []));

        var effects = When(new WorkerEvent.LocateFailed(1, mayPass ? Outage with { IsOfTable = true } : NoTopic));

        Assert.Single(effects.OfType<WorkerEffect.RelistAfter>());
        Assert.Equal(WorkerPhase.Idle, State.Phase);
    }

    [Fact]
    public void A_table_of_which_nothing_is_read_here_halts_when_it_cannot_be()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, []));

        Assert.Equal([NoTopic with { IsOfTable = true }], When(new WorkerEvent.LocateFailed(1, NoTopic with { IsOfTable = true })).OfType<WorkerEffect.TellHalt>().Select(halt => halt.Fault));
        Assert.Equal(WorkerPhase.Halted, State.Phase);
    }

    [Fact]
    public void That_the_own_table_takes_no_rows_is_told_once_while_others_are_fed_and_when_it_has_ended()
    {
        GivenReading(Single, 10);

        Assert.Equal([NoTopic], When(new WorkerEvent.Located(1, [Single]) { Unfit = NoTopic }).OfType<WorkerEffect.TellHalt>().Select(halt => halt.Fault));
        Assert.Empty(When(new WorkerEvent.Located(1, [Single]) { Unfit = NoTopic }).OfType<WorkerEffect.TellHalt>());
        Assert.Equal((WorkerPhase.Reading, NoTopic), (State.Phase, State.Unfit));
        Assert.Equal([NoTopic], When(new WorkerEvent.Located(1, [Single])).OfType<WorkerEffect.TellHaltEnded>().Select(ended => ended.Fault));
    }

    [Fact]
    public void Tables_that_have_to_begin_anew_do_so_before_reading_is_tried_again()
    {
        TableAnew[] anew = [new TableAnew("users", 12), new TableAnew("orders", 12)];
        GivenReading(Single, 10);

        When(new WorkerEvent.GraphEnded(1, Outage with { Anew = anew }));

        Assert.Equal(anew, When(new WorkerEvent.RetryDue()).OfType<WorkerEffect.Locate>().Single().Anew);
        When(new WorkerEvent.Located(2, [Single]));
        Assert.Empty(State.Anew);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_word_that_comes_while_it_is_being_looked_at_is_not_lost(bool isAsking)
    {
        When(new WorkerEvent.Started());
        if (isAsking) When(new WorkerEvent.Located(1, [Single]));

        Assert.Empty(When(new WorkerEvent.ResumeAsked()));
        var failed = isAsking ? When(new WorkerEvent.PositionsFailed(1, WrongPassword)) : When(new WorkerEvent.LocateFailed(1, WrongPassword));

        Assert.Equal(2, failed.OfType<WorkerEffect.Locate>().Single().Epoch);
        Assert.Empty(When(new WorkerEvent.LocateFailed(2, WrongPassword)).OfType<WorkerEffect.Locate>());
        Assert.Equal(WorkerPhase.Halted, State.Phase);
    }

    [Fact]
    public void A_word_that_was_heard_before_reading_began_is_not_heard_twice()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.ResumeAsked());
        Read(Single, 10, epoch: 1);

        Assert.Empty(When(new WorkerEvent.GraphEnded(1, WrongPassword)).OfType<WorkerEffect.Locate>());
    }

    [Fact]
    public void A_look_that_is_due_finds_nothing_to_do_where_nothing_is_halted_and_where_a_worker_rests()
    {
        GivenReading(Single, 10);
        Assert.Empty(When(new WorkerEvent.LookDue()));

        When(new WorkerEvent.GraphEnded(1, WrongPassword));
        When(new WorkerEvent.DrainAsked());
        Assert.Empty(When(new WorkerEvent.LookDue()));
        Assert.Equal((WorkerPhase.Drained, WrongPassword), (State.Phase, State.Halts.Reason));
    }

    [Fact]
    public void A_look_that_is_due_while_the_worker_stops_or_waits_is_taken_with_what_it_finds_next()
    {
        GivenOneOfTwoHalted(NoRight);
        When(new WorkerEvent.GraphEnded(2, Outage));

        Assert.Empty(When(new WorkerEvent.LookDue()));
        When(new WorkerEvent.RetryDue());

        Assert.Equal(2, When(new WorkerEvent.Located(3, [Single, Other])).OfType<WorkerEffect.AskPositions>().First().Splits.Length);
    }

    [Fact]
    public void People_see_why_it_is_halted_and_not_what_passed_meanwhile()
    {
        GivenOneOfTwoHalted(NoRight);
        When(new WorkerEvent.AcknowledgeFailed(2, Outage));

        Assert.Equal((true, NoRight), (State.Halts.IsWaiting, State.Halts.Reason));
        When(new WorkerEvent.LookDue());
        Assert.Equal((false, null), (State.Halts.IsWaiting, State.Halts.Reason));
    }

    [Fact]
    public void What_halts_a_worker_as_a_whole_is_a_reason_too()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.LocateFailed(1, NoTopic));

        Assert.Equal((true, NoTopic), (State.Halts.IsWaiting, State.Halts.Reason));
    }

    [Fact]
    public void The_end_of_a_splits_halt_is_not_the_end_of_its_workers()
    {
        var halts = Halts.None.Add(NoRight, out _, out _).Try().Add(NoTopic, out _, out _);

        var left = halts.Without(_ => true, out var ended);

        Assert.Equal([NoRight], ended);
        Assert.Equal(NoTopic, left.Worker?.Fault);
        Assert.Empty(left.Splits);
    }

    [Fact]
    public void What_halts_all_of_a_worker_is_seen_before_what_halts_a_split()
    {
        var halts = Halts.None.Add(NoRight, out _, out _).Add(NoTopic, out _, out _);

        Assert.Equal(NoTopic, halts.Reason);
    }

    [Fact]
    public void Reading_that_goes_on_for_a_while_ends_no_halt_of_a_split_that_is_not_read()
    {
        GivenOneOfTwoHalted(BeyondTheEnd);

        Assert.Empty(When(new WorkerEvent.ReadQuietly(2)));

        Assert.Equal(BeyondTheEnd, State.Halts.Reason);
    }

    [Fact]
    public void Reading_that_has_failed_meanwhile_ends_no_halt()
    {
        GivenOneOfTwoHalted(NoRight);
        When(new WorkerEvent.LookDue());
        When(new WorkerEvent.Located(2, [Single, Other]));
        When(new WorkerEvent.GraphEnded(2, Fault: null));
        ReadBoth(epoch: 3);
        When(new WorkerEvent.GraphEnded(3, Outage));

        Assert.Empty(When(new WorkerEvent.ReadQuietly(3)));

        Assert.False(State.Halts.IsEmpty);
    }

    [Fact]
    public void A_commit_of_several_splits_ends_the_halt_of_each()
    {
        GivenOneOfTwoHalted(NoRight);
        When(new WorkerEvent.LookDue());
        When(new WorkerEvent.Located(2, [Single, Other]));
        When(new WorkerEvent.GraphEnded(2, Fault: null));
        ReadBoth(epoch: 3);
        var stage = StageOf(Orders, Single, 10, 20);
        stage = stage with { Ranges = stage.Ranges.Add(new StagedRange(Other.Id, 10, 30)) };
        When(new WorkerEvent.RollClosed(3, new Roll([stage])));

        Assert.Equal(NoRight, Assert.Single(When(Committed(stage)).OfType<WorkerEffect.TellHaltEnded>()).Fault);
    }

    [Fact]
    public void A_list_that_brings_nothing_new_while_all_splits_are_halted_is_asked_for_again()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.GraphEnded(1, BeyondTheEnd));
        When(new WorkerEvent.Located(2, [Single]));
        When(new WorkerEvent.RelistDue());

        Assert.IsType<WorkerEffect.RelistAfter>(Assert.Single(When(new WorkerEvent.Located(2, [Single]))));

        Assert.Equal(WorkerPhase.Halted, State.Phase);
    }

    [Fact]
    public void A_worker_that_is_being_tried_again_as_a_whole_looks_for_others_while_all_splits_are_halted()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.LocateFailed(1, NoTopic));
        When(new WorkerEvent.LookDue());
        Read(Single, 10, epoch: 2);
        When(new WorkerEvent.GraphEnded(2, BeyondTheEnd));
        When(new WorkerEvent.Located(3, [Single]));
        Assert.Equal(WorkerPhase.Halted, State.Phase);

        Assert.Equal(3, Assert.IsType<WorkerEffect.Locate>(Assert.Single(When(new WorkerEvent.RelistDue()))).Epoch);
    }

    [Fact]
    public void The_end_of_a_splits_halt_is_told_when_reading_has_gone_on_for_a_while_though_nothing_came()
    {
        GivenOneOfTwoHalted(NoRight);
        When(new WorkerEvent.LookDue());
        When(new WorkerEvent.Located(2, [Single, Other]));
        When(new WorkerEvent.GraphEnded(2, Fault: null));
        ReadBoth(epoch: 3);

        Assert.Equal(NoRight, Assert.IsType<WorkerEffect.TellHaltEnded>(Assert.Single(When(new WorkerEvent.ReadQuietly(3)))).Fault);
    }

    private ImmutableList<Fault> Told(WorkerEvent message) => [.. When(message).OfType<WorkerEffect.TellHalt>().Select(told => told.Fault)];
}
