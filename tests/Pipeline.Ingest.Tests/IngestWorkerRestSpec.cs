using Pipeline.Core;
using Pipeline.Ingest.Committer;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Tests;

/// <summary>How a worker comes to rest, and how it goes on.</summary>
public sealed class IngestWorkerRestSpec : WorkerScene
{
    private static readonly TimeSpan DrainTimeout = new IngestOptions().DrainTimeout;

    [Fact]
    public void Draining_has_an_end()
    {
        GivenReading(Single, 10);

        var drain = When(new WorkerEvent.DrainAsked());
        var overdue = When(new WorkerEvent.DrainOverdue());

        Assert.Equal(DrainTimeout, drain.OfType<WorkerEffect.DrainWithin>().Single().Limit);
        Assert.IsType<WorkerEffect.AbortGraph>(Assert.Single(overdue));
        Assert.True(State.IsAborted);
    }

    [Fact]
    public void A_worker_that_stops_for_new_splits_can_be_drained_and_rests_when_its_graph_has_ended()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.Located(1, [Single, Slot]));
        Assert.Equal(WorkerPhase.Stopping, State.Phase);

        var drain = When(new WorkerEvent.DrainAsked());
        var ended = When(new WorkerEvent.GraphEnded(1, Fault: null));

        Assert.Equal(DrainTimeout, Assert.IsType<WorkerEffect.DrainWithin>(Assert.Single(drain)).Limit);
        Assert.IsType<WorkerEffect.TellDrained>(Assert.Single(ended));
        Assert.Equal(WorkerPhase.Drained, State.Phase);
    }

    [Fact]
    public void A_worker_that_is_to_end_ends_though_it_is_resumed_meanwhile()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.StopAsked());

        Assert.Empty(When(new WorkerEvent.ResumeAsked()));

        Assert.Single(When(new WorkerEvent.GraphEnded(1, Fault: null)).OfType<WorkerEffect.StopSelf>());
    }

    [Fact]
    public void Resuming_a_worker_that_stops_for_a_fault_does_not_hide_the_fault()
    {
        GivenReading(Single, 10);
        var stage = StageOf(Orders, Single, 10, 20);
        When(new WorkerEvent.RollClosed(1, new Roll([stage])));
        When(new WorkerEvent.StageLost(new StageFailed(stage.Id, Orders, WrongPassword)));

        When(new WorkerEvent.ResumeAsked());
        When(new WorkerEvent.GraphEnded(1, Fault: null));

        Assert.Equal(WorkerPhase.Halted, State.Phase);
    }

    [Fact]
    public void Resumed_while_it_backs_off_it_starts_at_once_and_its_failures_are_forgotten()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.GraphEnded(1, Outage));

        var resumed = When(new WorkerEvent.ResumeAsked());

        Assert.IsType<WorkerEffect.Locate>(Assert.Single(resumed));
        Assert.Equal(0, State.Failures);
    }

    [Fact]
    public void Resumed_without_a_split_it_looks_for_one_at_once()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, []));

        Assert.Equal(2, Assert.IsType<WorkerEffect.Locate>(Assert.Single(When(new WorkerEvent.ResumeAsked()))).Epoch);
    }

    [Fact]
    public void Resumed_it_reads_its_halted_splits_again()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.GraphEnded(1, Gap(Single)));
        When(new WorkerEvent.Located(2, [Single]));
        Assert.Equal(WorkerPhase.Halted, State.Phase);

        When(new WorkerEvent.ResumeAsked());
        var located = When(new WorkerEvent.Located(3, [Single]));

        Assert.Equal(2, located.OfType<WorkerEffect.AskPositions>().Count());
    }

    [Fact]
    public void A_word_that_comes_while_a_split_is_being_looked_at_tries_that_split_once_more()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.ResumeAsked());
        When(new WorkerEvent.LocateFailed(1, NoRight));

        Assert.Single(When(new WorkerEvent.Located(2, [Single])).OfType<WorkerEffect.AskPositions>(), ask => ask.Splits.Contains(Single.Id) && ask.Table == Orders);
    }

    [Fact]
    public void A_word_that_comes_while_the_others_are_listed_is_heard_for_the_halted_split()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.GraphEnded(1, BeyondTheEnd));

        Assert.Empty(When(new WorkerEvent.ResumeAsked()));

        Assert.Equal(2, When(new WorkerEvent.Located(2, [Single, Other])).OfType<WorkerEffect.AskPositions>().First().Splits.Length);
    }

    [Fact]
    public void A_word_that_comes_while_the_others_are_read_has_the_halted_split_read_with_them()
    {
        GivenOneOfTwoHalted(BeyondTheEnd);

        Assert.IsType<WorkerEffect.Locate>(Assert.Single(When(new WorkerEvent.ResumeAsked())));

        Assert.IsType<WorkerEffect.DrainGraph>(Assert.Single(When(new WorkerEvent.Located(2, [Single, Other]))));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_word_that_comes_while_a_worker_stops_is_heard_for_the_halted_split(bool isPaused)
    {
        GivenOneOfTwoHalted(BeyondTheEnd);
        if (isPaused) When(new WorkerEvent.DrainAsked());
        else When(new WorkerEvent.Located(2, [Single, Other, new Split(new SplitId("test", "orders/2"), ["orders"])]));
        Assert.Equal(WorkerPhase.Stopping, State.Phase);

        Assert.Empty(When(new WorkerEvent.ResumeAsked()));
        When(new WorkerEvent.GraphEnded(2, Fault: null));

        Assert.Equal(2, When(new WorkerEvent.Located(3, [Single, Other])).OfType<WorkerEffect.AskPositions>().First().Splits.Length);
    }

    [Fact]
    public void A_word_where_nothing_is_halted_changes_nothing_of_what_is_read()
    {
        GivenReading(Single, 10);

        Assert.Empty(When(new WorkerEvent.ResumeAsked()));
        Assert.Equal(WorkerPhase.Reading, State.Phase);
    }
}
