using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Tests;

/// <summary>What a worker makes of its splits and of their tables' positions.</summary>
public sealed class IngestWorkerLocatingSpec : WorkerScene
{
    private static readonly TimeSpan SplitsInterval = new IngestOptions().SplitsInterval;

    [Theory]
    [InlineData(5, 1, true)]
    [InlineData(4, 1, true)]
    [InlineData(3, 1, false)]
    [InlineData(5, 0, false)]
    public void A_split_is_read_anew_when_a_log_that_is_not_older_has_it_in_another_epoch_than_it_is_read_in(long version, int epoch, bool isAnew)
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, [Single]));
        foreach (var table in new[] { Orders, Dead }) When(new WorkerEvent.PositionsKnown(1, table, Positions((Single, 10))) { Version = 4 });
        Assert.Equal(WorkerPhase.Reading, State.Phase);
        var epochs = ImmutableDictionary<SplitId, int>.Empty;

        var effects = When(new WorkerEvent.Located(1, [Single]) { Logged = ImmutableDictionary<TableId, LoggedEpochs>.Empty.Add(Orders, new LoggedEpochs(version, epoch == 0 ? epochs : epochs.Add(Single.Id, epoch))) });

        Assert.Equal((isAnew, !isAnew), (effects.OfType<WorkerEffect.DrainGraph>().Any(), effects.OfType<WorkerEffect.RelistAfter>().Any()));
    }

    [Fact]
    public void Asks_each_table_for_those_splits_that_feed_it()
    {
        var line = new Split(new SplitId("test", "lines/0"), ["lines"]);
        When(new WorkerEvent.Started());

        var asked = When(new WorkerEvent.Located(1, [Single, line])).OfType<WorkerEffect.AskPositions>().ToDictionary(ask => ask.Table, ask => ask.Splits);

        Assert.Equal([Single.Id], asked[Orders]);
        Assert.Equal([line.Id], asked[Lines]);
        Assert.Equal([Single.Id, line.Id], asked[Dead]);
    }

    [Fact]
    public void Looks_for_new_splits_again_as_long_as_it_reads()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, [Single]));
        When(Known(Orders, (Single, 10)));
        var started = When(Known(Dead));

        When(new WorkerEvent.RelistDue());
        var same = When(new WorkerEvent.Located(1, [Single]));

        Assert.Equal(SplitsInterval, started.OfType<WorkerEffect.RelistAfter>().Single().Delay);
        Assert.Equal(SplitsInterval, Assert.IsType<WorkerEffect.RelistAfter>(Assert.Single(same)).Delay);
        Assert.Equal(WorkerPhase.Reading, State.Phase);
    }

    [Fact]
    public void Without_a_split_it_waits_for_one_and_reads_it()
    {
        When(new WorkerEvent.Started());

        var none = When(new WorkerEvent.Located(1, []));
        var phase = State.Phase;
        var relisted = When(new WorkerEvent.RelistDue());
        var still = When(new WorkerEvent.Located(1, []));
        var found = When(new WorkerEvent.Located(1, [Single]));

        Assert.Equal(SplitsInterval, Assert.IsType<WorkerEffect.RelistAfter>(Assert.Single(none)).Delay);
        Assert.Equal(WorkerPhase.Idle, phase);
        Assert.Equal(1, Assert.IsType<WorkerEffect.Locate>(Assert.Single(relisted)).Epoch);
        Assert.Equal(none, still);
        Assert.Equal(2, found.OfType<WorkerEffect.AskPositions>().Count());
        Assert.Equal(WorkerPhase.Asking, State.Phase);
    }

    [Fact]
    public void With_nothing_but_halted_splits_it_is_halted_and_looks_for_others()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.GraphEnded(1, Gap(Single)));

        var located = When(new WorkerEvent.Located(2, [Single]));

        Assert.IsType<WorkerEffect.RelistAfter>(Assert.Single(located));
        Assert.Equal(WorkerPhase.Halted, State.Phase);
    }

    [Fact]
    public void A_list_that_cannot_be_had_leaves_what_is_being_read_alone()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.RelistDue());

        var whileReading = When(new WorkerEvent.LocateFailed(1, Outage));

        Assert.IsType<WorkerEffect.RelistAfter>(Assert.Single(whileReading));
        Assert.Equal(WorkerPhase.Reading, State.Phase);
    }

    [Fact]
    public void A_list_that_cannot_be_had_leaves_a_worker_without_splits_waiting()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, []));

        var failed = When(new WorkerEvent.LocateFailed(1, Outage));

        Assert.IsType<WorkerEffect.RelistAfter>(Assert.Single(failed));
        Assert.Equal(WorkerPhase.Idle, State.Phase);
    }

    [Fact]
    public void A_list_that_cannot_be_had_is_not_asked_for_again_by_a_worker_that_stops()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.DrainAsked());

        Assert.Empty(When(new WorkerEvent.LocateFailed(1, Outage)));
    }

    [Fact]
    public void Without_a_first_list_it_backs_off()
    {
        When(new WorkerEvent.Started());

        var failed = When(new WorkerEvent.LocateFailed(1, Outage));

        Assert.IsType<WorkerEffect.RetryAfter>(Assert.Single(failed));
        Assert.Equal((WorkerPhase.BackingOff, Outage), (State.Phase, State.LastFault));
    }

    [Fact]
    public void Without_an_answer_to_its_question_it_backs_off_and_late_answers_start_nothing()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, [Single]));
        When(Known(Orders, (Single, 10)));

        var failed = When(new WorkerEvent.PositionsFailed(1, Outage));
        var late = When(Known(Dead));

        Assert.IsType<WorkerEffect.RetryAfter>(Assert.Single(failed));
        Assert.Empty(late);
        Assert.Equal(WorkerPhase.BackingOff, State.Phase);
    }

    [Fact]
    public void Asks_again_where_no_answer_comes_and_nowhere_else()
    {
        When(new WorkerEvent.Started());
        var asked = When(new WorkerEvent.Located(1, [Single]));
        When(Known(Orders, (Single, 10)));

        var overdue = When(new WorkerEvent.AnswerOverdue(1, Dead));

        Assert.Equal([Dead, Orders], asked.OfType<WorkerEffect.AskAgainAfter>().Select(again => again.Table));
        Assert.All(asked.OfType<WorkerEffect.AskAgainAfter>(), again => Assert.Equal(new IngestOptions().AnswerTimeout, again.Delay));
        Assert.Equal(Dead, overdue.OfType<WorkerEffect.AskPositions>().Single().Table);
        Assert.Single(overdue.OfType<WorkerEffect.AskAgainAfter>());
        Assert.Empty(When(new WorkerEvent.AnswerOverdue(1, Orders)));
        Assert.Empty(When(new WorkerEvent.AnswerOverdue(0, Dead)));
        When(new WorkerEvent.PositionsFailed(1, Outage));
        Assert.Empty(When(new WorkerEvent.AnswerOverdue(1, Dead)));
    }

    [Fact]
    public void Opens_its_tables_once_a_reading()
    {
        var opened = new OpenedTables(OpenedTables.None.ByName);
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, [Single]) { Tables = opened });
        When(Known(Orders, (Single, 10)));
        var started = When(Known(Dead));

        var relisted = When(new WorkerEvent.RelistDue());
        When(new WorkerEvent.GraphEnded(1, Outage));
        var again = When(new WorkerEvent.RetryDue());

        Assert.Same(opened, started.OfType<WorkerEffect.StartGraph>().Single().Tables);
        Assert.Same(opened, relisted.OfType<WorkerEffect.Locate>().Single().Known);
        Assert.Same(OpenedTables.None, again.OfType<WorkerEffect.Locate>().Single().Known);
        Assert.Same(OpenedTables.None, State.Tables);
    }

    [Fact]
    public void The_first_answer_of_a_table_counts()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, [Single]));
        When(Known(Orders, (Single, 10)));
        When(Known(Orders, (Single, 20)));

        Assert.Equal(10, When(Known(Dead)).OfType<WorkerEffect.StartGraph>().Single().Starts[0].From);
    }

    [Fact]
    public void While_it_reads_nobody_is_asked_and_no_answer_counts()
    {
        GivenReading(Single, 10);

        Assert.Empty(When(new WorkerEvent.PositionsFailed(1, Outage)));
        Assert.Empty(When(Known(Orders, (Single, 20))));
        Assert.Empty(When(new WorkerEvent.RetryDue()));
        Assert.Empty(When(new WorkerEvent.DrainOverdue()));
        Assert.Empty(When(new WorkerEvent.ResumeAsked()));
        Assert.Equal(WorkerPhase.Reading, State.Phase);
    }

    [Fact]
    public void While_it_asks_nothing_is_listed_again()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, [Single]));

        Assert.Empty(When(new WorkerEvent.RelistDue()));
        Assert.Empty(When(new WorkerEvent.Located(1, [Single, Other])));
    }

    [Fact]
    public void Starting_over_forgets_what_was_known()
    {
        GivenReading(Single, 10);

        When(new WorkerEvent.GraphEnded(1, Outage));
        When(new WorkerEvent.RetryDue());

        Assert.Equal((WorkerPhase.Locating, 2L), (State.Phase, State.Epoch));
        Assert.Empty(State.Splits);
        Assert.Empty(State.Positions);
    }

    [Fact]
    public void An_unanswered_question_of_an_earlier_start_is_forgotten()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, [Slot]));
        When(new WorkerEvent.PositionsFailed(1, Outage));
        When(new WorkerEvent.RetryDue());

        Assert.Empty(State.Unanswered);
    }

    [Fact]
    public void What_goes_with_the_position_of_a_split_goes_into_its_reading()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, [Single]));
        When(new WorkerEvent.PositionsKnown(1, Orders, Positions((Single, 10))) { Marks = ImmutableDictionary<SplitId, SplitMarks>.Empty.Add(Single.Id, new SplitMarks(Note: 7)) });

        var started = When(Known(Dead));

        var start = started.OfType<WorkerEffect.StartGraph>().Single().Starts[0];
        Assert.Equal(7, start.Marks.Note);
        Assert.Equal([KeyValuePair.Create(Single.Tables[0], new SplitMarks(Note: 7))], start.TableMarks!);
    }

    [Fact]
    public void What_belongs_to_an_earlier_reading_is_void_while_the_next_one_runs()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.GraphEnded(1, Outage));
        When(new WorkerEvent.RetryDue());
        When(new WorkerEvent.Located(2, [Single]));
        var asking = State;
        Assert.Empty(When(new WorkerEvent.LocateFailed(1, Outage)));
        Assert.Empty(When(Known(Orders, (Single, 99))));
        Assert.Empty(When(new WorkerEvent.PositionsFailed(1, Outage)));
        Assert.Equal(asking, State);
        foreach (var table in new[] { Orders, Dead }) When(new WorkerEvent.PositionsKnown(2, table, Positions((Single, 10))));

        var reading = State;
        Assert.Empty(When(new WorkerEvent.RollClosed(1, new Roll([StageOf(Orders, Single, 10, 20)]))));
        Assert.Empty(When(new WorkerEvent.Acknowledged(1)));
        Assert.Empty(When(new WorkerEvent.AcknowledgeFailed(1, WrongPassword)));
        Assert.Empty(When(new WorkerEvent.GraphEnded(1, WrongPassword)));
        Assert.Equal(reading, State);
    }

    [Fact]
    public void A_first_list_of_an_earlier_start_that_fails_is_void()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.LocateFailed(1, Outage));
        When(new WorkerEvent.RetryDue());

        Assert.Empty(When(new WorkerEvent.LocateFailed(1, Outage)));
        Assert.Equal(WorkerPhase.Locating, State.Phase);
    }
}
