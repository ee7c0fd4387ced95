using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Ingest.Committer;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Tests;

public sealed class IngestWorkerStateSpec : WorkerScene
{
    [Fact]
    public void Asks_every_table_and_reads_from_the_smallest_position()
    {
        When(new WorkerEvent.Started());
        var asked = When(new WorkerEvent.Located(1, [Slot]));
        When(Known(Orders, (Slot, 50)));
        When(Known(Dead, (Slot, 45)));
        var started = When(Known(Lines, (Slot, 40)));

        Assert.Equal([Dead, Lines, Orders], asked.OfType<WorkerEffect.AskPositions>().Select(ask => ask.Table));
        var start = Assert.Single(started.OfType<WorkerEffect.StartGraph>().Single().Starts);
        Assert.Equal(40, start.From);
        Assert.Equal((50L, 40L, 45L), (start.Tables[Orders], start.Tables[Lines], start.Tables[Dead]));
    }

    [Fact]
    public void Reads_a_split_that_one_of_its_tables_has_never_seen_from_its_beginning()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, [Slot]));
        When(Known(Orders, (Slot, 50)));
        When(Known(Dead));

        Assert.Null(When(Known(Lines)).OfType<WorkerEffect.StartGraph>().Single().Starts[0].From);
    }

    [Fact]
    public void Stages_the_dead_letters_first_and_acknowledges_only_after_all_are_committed()
    {
        GivenReading(Single, 10);
        var (dead, rows) = (StageOf(Dead, Single, null, 20), StageOf(Orders, Single, 10, 20));

        var first = When(new WorkerEvent.RollClosed(1, new Roll([dead, rows])));
        var second = When(Committed(dead));
        var acknowledged = When(Committed(rows));
        var released = When(new WorkerEvent.Acknowledged(1));

        Assert.Equal(dead, first.OfType<WorkerEffect.Send>().Single().Stage);
        Assert.Equal(rows, second.OfType<WorkerEffect.Send>().Single().Stage);
        Assert.DoesNotContain(second, effect => effect is WorkerEffect.Acknowledge);
        Assert.Equal((Single.Id, 20L), acknowledged.OfType<WorkerEffect.Acknowledge>().Single().Positions.Single());
        Assert.IsType<WorkerEffect.ReleaseRoll>(Assert.Single(released));
    }

    [Fact]
    public void Starts_over_when_a_split_has_been_read_to_where_its_reading_ends_for_now()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, [Single]) { Ends = EndsOf(30) });
        When(Known(Orders, (Single, 10)));
        var start = Assert.Single(When(Known(Dead)).OfType<WorkerEffect.StartGraph>().Single().Starts);
        var (before, last) = (StageOf(Orders, Single, 10, 20), StageOf(Orders, Single, 20, 30));

        When(new WorkerEvent.RollClosed(1, new Roll([before])));
        var goesOn = When(Committed(before));
        When(new WorkerEvent.Acknowledged(1));
        When(new WorkerEvent.RollClosed(1, new Roll([last])));
        var ends = When(Committed(last));
        var released = When(new WorkerEvent.Acknowledged(1));
        var again = When(new WorkerEvent.GraphEnded(1, Fault: null));

        Assert.Equal((30, 7), (start.End, start.OrderTimeMax));
        Assert.DoesNotContain(goesOn, effect => effect is WorkerEffect.DrainGraph);
        Assert.Equal([typeof(WorkerEffect.Acknowledge), typeof(WorkerEffect.DrainGraph)], ends.Where(effect => effect is not WorkerEffect.CountCommit).Select(effect => effect.GetType()));
        Assert.IsType<WorkerEffect.ReleaseRoll>(Assert.Single(released));
        Assert.Equal(2, again.OfType<WorkerEffect.Locate>().Single().Epoch);
    }

    [Fact]
    public void A_split_that_is_there_already_is_not_read()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, [Single]) { Ends = EndsOf(30) });
        When(Known(Orders, (Single, 30)));

        Assert.Equal(2, Assert.IsType<WorkerEffect.Locate>(Assert.Single(When(Known(Dead)))).Epoch);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_split_whose_epoch_has_begun_since_it_was_located_is_located_again_with_the_end_of_that_epoch(int located)
    {
        var (none, begun) = (ImmutableDictionary<SplitId, int>.Empty, ImmutableDictionary<SplitId, int>.Empty.Add(Single.Id, 1));
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, [Single, Other])
        {
            Logged = ImmutableDictionary<TableId, LoggedEpochs>.Empty.Add(Orders, new LoggedEpochs(3, located == 0 ? none : begun)).Add(Dead, new LoggedEpochs(3, none)),
        });
        When(new WorkerEvent.PositionsKnown(1, Orders, Positions((Single, 10), (Other, 10))) { Version = 4, Epochs = begun });

        var effects = When(Known(Dead));

        if (located == 0) Assert.Equal(2, Assert.IsType<WorkerEffect.Locate>(Assert.Single(effects)).Epoch);
        else Assert.Single(effects.OfType<WorkerEffect.StartGraph>());
    }

    [Fact]
    public void Rows_of_a_split_are_of_the_order_that_the_log_of_their_table_said_when_it_was_located()
    {
        var begun = ImmutableDictionary<SplitId, int>.Empty.Add(Single.Id, 3).Add(Other.Id, 3);
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, [Single, Other])
        {
            Logged = ImmutableDictionary<TableId, LoggedEpochs>.Empty.Add(Orders, new LoggedEpochs(3, begun) { Orders = ImmutableDictionary<SplitId, int>.Empty.Add(Single.Id, 1) }).Add(Dead, new LoggedEpochs(3, ImmutableDictionary<SplitId, int>.Empty)),
        });
        When(new WorkerEvent.PositionsKnown(1, Orders, Positions((Single, 10), (Other, 10))) { Version = 3, Epochs = begun });

        var starts = When(Known(Dead)).OfType<WorkerEffect.StartGraph>().Single().Starts.ToDictionary(start => start.Split.Id);

        Assert.Equal((new RowEpoch(1, 3), new RowEpoch(3), new RowEpoch(0)), (starts[Single.Id].RowsOf(Orders), starts[Other.Id].RowsOf(Orders), starts[Single.Id].RowsOf(Dead)));
    }

    [Fact]
    public void Acknowledges_a_slot_up_to_its_slowest_table()
    {
        GivenReading(Slot, 10);
        var orders = StageOf(Orders, Slot, 10, 90);

        When(new WorkerEvent.RollClosed(1, new Roll([orders])));
        var acknowledged = When(Committed(orders));

        Assert.Equal((Slot.Id, 10L), acknowledged.OfType<WorkerEffect.Acknowledge>().Single().Positions.Single());
    }

    [Fact]
    public void A_refused_worker_leaves_its_files_for_vacuum_and_asks_again_instead_of_trusting_itself()
    {
        GivenReading(Single, 10);
        var stage = StageOf(Orders, Single, 10, 20);
        When(new WorkerEvent.RollClosed(1, new Roll([stage])));

        var refused = When(new WorkerEvent.Refused(new StageRefused(stage.Id, Orders, ImmutableDictionary<SplitId, long>.Empty)));
        var late = When(new WorkerEvent.RollClosed(1, new Roll([StageOf(Orders, Single, 20, 30)])));
        var ended = When(new WorkerEvent.GraphEnded(1, Fault: null));

        Assert.Contains(refused, effect => effect is WorkerEffect.AbortGraph);
        Assert.Empty(refused.OfType<WorkerEffect.DeleteFiles>());
        Assert.DoesNotContain(late, effect => effect is WorkerEffect.Send);
        Assert.Equal(2, ended.OfType<WorkerEffect.Locate>().Single().Epoch);
        Assert.Empty(State.Positions);
    }

    [Fact]
    public void Asks_a_committer_again_until_it_answers()
    {
        When(new WorkerEvent.Started());
        var asked = When(new WorkerEvent.Located(1, [Single]));
        var again = When(new WorkerEvent.AnswerOverdue(1, Orders));
        When(Known(Orders, (Single, 10)));
        var answered = When(new WorkerEvent.AnswerOverdue(1, Orders));
        var stale = When(new WorkerEvent.AnswerOverdue(0, Dead));

        Assert.Equal(asked.Where(effect => effect is WorkerEffect.AskPositions { Table: var table } && table == Orders).OfType<WorkerEffect.AskPositions>().Single().Splits,
            again.OfType<WorkerEffect.AskPositions>().Single().Splits);
        Assert.Equal([Dead, Orders], asked.OfType<WorkerEffect.AskAgainAfter>().Select(later => later.Table));
        Assert.Equal(new WorkerEffect.AskAgainAfter(1, Orders, State.Options.AnswerTimeout), again.OfType<WorkerEffect.AskAgainAfter>().Single());
        Assert.Empty(answered);
        Assert.Empty(stale);
    }

    [Fact]
    public void Asks_nobody_any_more_when_a_table_cannot_be_opened()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, [Single]));
        When(new WorkerEvent.PositionsFailed(1, Outage));

        Assert.Empty(When(new WorkerEvent.AnswerOverdue(1, Orders)));
    }

    [Fact]
    public void Says_whether_a_stage_is_sent_for_the_first_time()
    {
        GivenReading(Single, 10);
        var (dead, rows) = (StageOf(Dead, Single, null, 20), StageOf(Orders, Single, 10, 20));

        var first = When(new WorkerEvent.RollClosed(1, new Roll([dead, rows])));
        var again = When(new WorkerEvent.ResendDue());
        var second = When(Committed(dead));

        Assert.Equal([false, true, false], first.Concat(again).Concat(second).OfType<WorkerEffect.Send>().Select(send => send.IsAgain));
        Assert.Equal(dead, second.OfType<WorkerEffect.CountCommit>().Single().Stage);
    }

    [Fact]
    public void Keeps_tables_open_that_it_has_and_opens_them_anew_when_it_starts_over()
    {
        var opened = new OpenedTables(OpenedTables.None.ByName);
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, [Single]) { Tables = opened });
        When(Known(Orders));
        var started = When(Known(Dead));

        var listed = When(new WorkerEvent.RelistDue());
        When(new WorkerEvent.GraphEnded(1, Outage));
        var anew = When(new WorkerEvent.RetryDue());

        Assert.Same(opened, started.OfType<WorkerEffect.StartGraph>().Single().Tables);
        Assert.Same(opened, listed.OfType<WorkerEffect.Locate>().Single().Known);
        Assert.Same(OpenedTables.None, anew.OfType<WorkerEffect.Locate>().Single().Known);
    }

    [Fact]
    public void Backs_off_from_an_outage_ever_longer_and_forgets_it_with_the_next_commit()
    {
        GivenReading(Single, 10);
        var pauses = new List<TimeSpan>();
        for (var epoch = 1; epoch <= 3; epoch++)
        {
            pauses.Add(When(new WorkerEvent.GraphEnded(epoch, Outage)).OfType<WorkerEffect.RetryAfter>().Single().Delay);
            When(new WorkerEvent.RetryDue());
            Read(Single, 10, epoch + 1);
        }

        var stage = StageOf(Orders, Single, 10, 20);
        When(new WorkerEvent.RollClosed(4, new Roll([stage])));
        When(Committed(stage));

        Assert.Equal([200, 400, 800], pauses.Select(pause => pause.TotalMilliseconds));
        Assert.Equal((0, null), (State.Failures, State.LastFault));
    }

    [Fact]
    public void Halts_on_what_nobody_but_an_operator_can_repair_until_resumed()
    {
        GivenReading(Single, 10);

        var halted = When(new WorkerEvent.GraphEnded(1, WrongPassword));
        Assert.Equal(WrongPassword, Assert.Single(halted.OfType<WorkerEffect.TellHalt>()).Fault);
        Assert.Equal(WorkerPhase.Halted, State.Phase);
        var resumed = When(new WorkerEvent.ResumeAsked());

        Assert.IsType<WorkerEffect.Locate>(Assert.Single(resumed));
    }

    [Fact]
    public void Halts_only_the_split_that_a_gap_names()
    {
        var other = new Split(new SplitId("test", "orders/1"), ["orders"]);
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, [Single, other]));
        When(Known(Orders, (Single, 10), (other, 10)));
        When(Known(Dead));

        When(new WorkerEvent.GraphEnded(1, new Fault(FaultKind.Gap, "Partition 0", "expired", "Accept it.", Single.Id)));
        When(new WorkerEvent.Located(2, [Single, other]));
        When(new WorkerEvent.PositionsKnown(2, Orders, ImmutableDictionary<SplitId, long>.Empty.Add(other.Id, 10)));
        var started = When(new WorkerEvent.PositionsKnown(2, Dead, ImmutableDictionary<SplitId, long>.Empty));

        Assert.Equal(other, started.OfType<WorkerEffect.StartGraph>().Single().Starts.Single().Split);
    }

    [Fact]
    public void New_splits_are_read_after_what_is_open_has_been_committed()
    {
        GivenReading(Single, 10);
        var added = new Split(new SplitId("test", "orders/1"), ["orders"]);

        Assert.Equal(1, When(new WorkerEvent.RelistDue()).OfType<WorkerEffect.Locate>().Single().Epoch);
        var found = When(new WorkerEvent.Located(1, [Single, added]));
        var ended = When(new WorkerEvent.GraphEnded(1, Fault: null));

        Assert.IsType<WorkerEffect.DrainGraph>(Assert.Single(found));
        Assert.IsType<WorkerEffect.Locate>(Assert.Single(ended));
    }

    [Fact]
    public void Draining_commits_what_is_open_and_then_rests()
    {
        GivenReading(Single, 10);
        var stage = StageOf(Orders, Single, 10, 20);

        var drain = When(new WorkerEvent.DrainAsked());
        var rolled = When(new WorkerEvent.RollClosed(1, new Roll([stage])));
        When(Committed(stage));
        When(new WorkerEvent.Acknowledged(1));
        var ended = When(new WorkerEvent.GraphEnded(1, Fault: null));
        var stop = When(new WorkerEvent.StopAsked());

        Assert.Contains(drain, effect => effect is WorkerEffect.DrainGraph);
        Assert.Contains(rolled, effect => effect is WorkerEffect.Send);
        Assert.IsType<WorkerEffect.TellDrained>(Assert.Single(ended));
        Assert.Contains(stop, effect => effect is WorkerEffect.StopSelf);
    }

    [Fact]
    public void Resumed_while_draining_it_reads_on_after_what_is_open_has_been_committed()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.DrainAsked());

        When(new WorkerEvent.ResumeAsked());
        var ended = When(new WorkerEvent.GraphEnded(1, Fault: null));

        Assert.IsType<WorkerEffect.Locate>(Assert.Single(ended));
    }

    [Fact]
    public void Answers_from_an_earlier_reading_are_void()
    {
        GivenReading(Single, 10);
        When(new WorkerEvent.GraphEnded(1, Outage));
        When(new WorkerEvent.RetryDue());
        var before = State;

        Assert.Empty(When(new WorkerEvent.Located(1, [Single])));
        Assert.Empty(When(new WorkerEvent.GraphEnded(1, WrongPassword)));
        Assert.Equal(before, State);
    }

    /// <summary>A part of a split is read again up to there.</summary>
    private static ImmutableDictionary<SplitId, SplitTurn> EndsOf(long to) => ImmutableDictionary<SplitId, SplitTurn>.Empty.Add(Single.Id, new SplitTurn(1, to, to + 1, default) { OrderTimeMax = 7 });
}
