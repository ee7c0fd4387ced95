using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Ingest.Committer;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Tests;

/// <summary>What a worker does about stages that are refused or lost and about graphs and acknowledgements that fail.</summary>
public sealed class IngestWorkerFaultSpec : WorkerScene
{
    [Fact]
    public void Workers_that_are_refused_in_turn_do_not_chase_each_other_without_pause()
    {
        GivenReading(Single, 10);

        RefuseIn(epoch: 1);
        var first = When(new WorkerEvent.GraphEnded(1, Fault: null));
        Read(Single, 10, epoch: 2);
        RefuseIn(epoch: 2);
        var second = When(new WorkerEvent.GraphEnded(2, Fault: null));

        Assert.IsType<WorkerEffect.Locate>(Assert.Single(first));
        Assert.Equal(new IngestOptions().Retry.Delay(2), Assert.IsType<WorkerEffect.RetryAfter>(Assert.Single(second)).Delay);
    }

    [Fact]
    public void What_it_stages_after_a_refusal_counts_again()
    {
        GivenReading(Single, 10);
        RefuseIn(epoch: 1);
        When(new WorkerEvent.GraphEnded(1, Fault: null));
        Read(Single, 10, epoch: 2);

        When(new WorkerEvent.DrainAsked());
        var rolled = When(new WorkerEvent.RollClosed(2, new Roll([StageOf(Orders, Single, 10, 20)])));

        Assert.Single(rolled.OfType<WorkerEffect.Send>());
    }

    [Fact]
    public void A_refused_worker_that_is_to_rest_rests()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.DrainAsked());

        RefuseIn(epoch: 1);
        var ended = When(new WorkerEvent.GraphEnded(1, Fault: null));

        Assert.IsType<WorkerEffect.TellDrained>(Assert.Single(ended));
    }

    [Fact]
    public void An_answer_to_a_stage_that_was_dropped_is_void()
    {
        GivenReading(Single, 10);
        var stage = RefuseIn(epoch: 1);

        Assert.Empty(When(Committed(stage)));
        Assert.Empty(When(new WorkerEvent.ResendDue()));
    }

    [Fact]
    public void Of_a_refused_roll_only_what_was_never_sent_is_deleted()
    {
        GivenReading(Single, 10);
        var (dead, rows, behind) = (StageOf(Dead, Single, null, 20), StageOf(Orders, Single, 10, 20), StageOf(Orders, Single, 20, 30));
        When(new WorkerEvent.RollClosed(1, new Roll([dead, rows, behind, StageOf(Orders, Single, 30, 40) with { Files = [] }])));
        When(Committed(dead));

        var refused = When(new WorkerEvent.Refused(new StageRefused(rows.Id, Orders, Positions())));

        Assert.Equal(behind.Files, Assert.Single(refused.OfType<WorkerEffect.DeleteFiles>()).Files);
    }

    [Fact]
    public void A_stage_that_is_given_back_ends_the_reading_and_its_fault_says_what_follows()
    {
        GivenReading(Single, 10);
        var stage = StageOf(Orders, Single, 10, 20);
        When(new WorkerEvent.RollClosed(1, new Roll([stage])));
        Assert.Empty(When(new WorkerEvent.StageLost(new StageFailed(Guid.NewGuid(), Orders, Outage))));

        var lost = When(new WorkerEvent.StageLost(new StageFailed(stage.Id, Orders, WrongPassword)));
        var phase = State.Phase;
        var ended = When(new WorkerEvent.GraphEnded(1, Fault: null));

        Assert.IsType<WorkerEffect.AbortGraph>(Assert.Single(lost));
        Assert.Equal(WorkerPhase.Stopping, phase);
        Assert.Equal(WrongPassword, Assert.Single(ended.OfType<WorkerEffect.TellHalt>()).Fault);
        Assert.Equal((WorkerPhase.Halted, WrongPassword), (State.Phase, State.LastFault));
    }

    [Fact]
    public void A_stage_that_is_given_back_while_new_splits_wait_is_a_fault_all_the_same()
    {
        GivenReading(Single, 10);
        var stage = StageOf(Orders, Single, 10, 20);
        When(new WorkerEvent.RollClosed(1, new Roll([stage])));
        When(new WorkerEvent.Located(1, [Single, Slot]));

        When(new WorkerEvent.StageLost(new StageFailed(stage.Id, Orders, Outage)));
        var ended = When(new WorkerEvent.GraphEnded(1, Fault: null));

        Assert.Equal(new IngestOptions().Retry.Delay(1), Assert.IsType<WorkerEffect.RetryAfter>(Assert.Single(ended)).Delay);
    }

    [Fact]
    public void A_stage_that_is_given_back_to_a_worker_that_is_to_rest_does_not_keep_it()
    {
        GivenReading(Single, 10);
        var stage = StageOf(Orders, Single, 10, 20);
        When(new WorkerEvent.DrainAsked());
        When(new WorkerEvent.RollClosed(1, new Roll([stage])));

        When(new WorkerEvent.StageLost(new StageFailed(stage.Id, Orders, Outage)));

        Assert.IsType<WorkerEffect.TellDrained>(Assert.Single(When(new WorkerEvent.GraphEnded(1, Fault: null))));
    }

    [Fact]
    public void A_source_that_cannot_be_told_now_is_told_with_the_next_roll()
    {
        GivenReading(Single, 10);

        var released = When(new WorkerEvent.AcknowledgeFailed(1, Outage));

        Assert.IsType<WorkerEffect.ReleaseRoll>(Assert.Single(released));
        Assert.Equal((WorkerPhase.Reading, Outage), (State.Phase, State.LastFault));
    }

    [Fact]
    public void A_source_that_can_never_be_told_ends_the_reading()
    {
        GivenReading(Single, 10);

        var dropped = When(new WorkerEvent.AcknowledgeFailed(1, WrongPassword));

        Assert.IsType<WorkerEffect.AbortGraph>(Assert.Single(dropped));
    }

    [Fact]
    public void A_source_that_can_never_be_told_and_says_so_after_the_end_makes_nobody_wait_for_another_end()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.DrainAsked());
        When(new WorkerEvent.GraphEnded(1, Fault: null));
        var drained = State;

        Assert.Empty(When(new WorkerEvent.AcknowledgeFailed(1, WrongPassword)));

        Assert.Equal((WorkerPhase.Drained, drained), (State.Phase, State));
    }

    [Fact]
    public void The_end_of_a_source_is_no_fault_whatever_failed_before()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.AcknowledgeFailed(1, WrongPassword with { Kind = FaultKind.Unreachable }));

        var ended = When(new WorkerEvent.GraphEnded(1, Fault: null));

        Assert.Equal(new IngestOptions().SplitsInterval, Assert.IsType<WorkerEffect.RetryAfter>(Assert.Single(ended)).Delay);
        Assert.Equal(0, State.Failures);
    }

    [Fact]
    public void A_graph_ends_once_and_what_it_still_hands_over_is_deleted()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.RollClosed(1, new Roll([StageOf(Orders, Single, 10, 20)])));
        When(new WorkerEvent.GraphEnded(1, Outage));
        var late = StageOf(Orders, Single, 20, 30);

        var handed = When(new WorkerEvent.RollClosed(1, new Roll([late])));

        Assert.Equal(late.Files, Assert.IsType<WorkerEffect.DeleteFiles>(Assert.Single(handed)).Files);
        Assert.Empty(When(new WorkerEvent.GraphEnded(1, WrongPassword)));
        Assert.Empty(When(new WorkerEvent.ResendDue()));
        Assert.Equal((WorkerPhase.BackingOff, Outage, 1), (State.Phase, State.LastFault, State.Failures));
    }

    [Fact]
    public void Acknowledges_only_splits_that_moved_and_that_every_table_has_committed()
    {
        var other = new Split(new SplitId("test", "orders/1"), ["orders"]);
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, [Single, other, Slot]));
        When(Known(Orders, (Single, 10), (other, 10), (Slot, 10)));
        When(Known(Lines));
        When(Known(Dead));
        var stage = StageOf(Orders, Single, 10, 20);
        stage = stage with { Ranges = stage.Ranges.Add(new StagedRange(Slot.Id, 10, 30)) };
        When(new WorkerEvent.RollClosed(1, new Roll([stage])));

        var committed = When(Committed(stage));

        Assert.Equal([(Single.Id, 20L)], committed.OfType<WorkerEffect.Acknowledge>().Single().Positions);
        Assert.Empty(When(Committed(stage)));
    }

    [Fact]
    public void What_is_sent_again_what_is_durable_and_what_was_refused_is_told()
    {
        GivenReading(Single, 10);
        var stage = StageOf(Orders, Single, 10, 20);

        var first = When(new WorkerEvent.RollClosed(1, new Roll([stage])));
        var again = When(new WorkerEvent.ResendDue());
        var committed = When(Committed(stage));
        var next = StageOf(Orders, Single, 20, 30);
        When(new WorkerEvent.RollClosed(1, new Roll([next])));
        var refused = When(new WorkerEvent.Refused(new StageRefused(next.Id, Orders, Positions())));

        Assert.Equal((false, true), (first.OfType<WorkerEffect.Send>().Single().IsAgain, again.OfType<WorkerEffect.Send>().Single().IsAgain));
        Assert.Equal(stage, committed.OfType<WorkerEffect.CountCommit>().Single().Stage);
        Assert.Equal(next.Id, refused.OfType<WorkerEffect.TellRefusal>().Single().Answer.Id);
    }

    /// <summary>Stages a file and has it refused for good.</summary>
    private StageFiles RefuseIn(long epoch)
    {
        var stage = StageOf(Orders, Single, 10, 20);
        When(new WorkerEvent.RollClosed(epoch, new Roll([stage])));
        When(new WorkerEvent.Refused(new StageRefused(stage.Id, Orders, ImmutableDictionary<SplitId, long>.Empty)));
        return stage;
    }
}
