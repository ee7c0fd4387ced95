using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Ingest.Committer;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Tests;

/// <summary>Since when a worker waits for something, and what tells it that the thing is back.</summary>
public sealed class WorkerOutagesSpec : WorkerScene, IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly List<OutageNotice> _said = [];
    private readonly OutageWatch _watch;
    private readonly WorkerOutages _outages;

    public WorkerOutagesSpec()
    {
        _watch = new OutageWatch(_time, _said.Add);
        _outages = new WorkerOutages(_watch.Waiter());
    }

    public void Dispose() => _watch.Dispose();

    [Fact]
    public void Splits_that_cannot_be_listed_are_away_since_the_worker_began_to_locate_and_back_when_they_are_listed()
    {
        Happens(new WorkerEvent.Started());
        Pass(2);
        Happens(new WorkerEvent.ResumeAsked());
        Pass(2);
        Happens(new WorkerEvent.LocateFailed(1, Outage));
        Pass(5.9);
        Assert.Empty(_said);
        Pass(0.1);
        Assert.Equal((OutageStage.Away, 10), Last());

        Happens(new WorkerEvent.RetryDue());
        Happens(new WorkerEvent.Located(2, [Single]));

        Assert.Equal((OutageStage.Returned, 10), Last());
    }

    [Fact]
    public void What_a_worker_has_met_is_of_the_reading_that_goes_on()
    {
        GivenReads();
        WorkerEvent[] Failing(long epoch) =>
            [new WorkerEvent.LocateFailed(epoch, Outage), new WorkerEvent.PositionsFailed(epoch, Outage), new WorkerEvent.AcknowledgeFailed(epoch, Outage), new WorkerEvent.GraphEnded(epoch, Outage)];

        Assert.All(Failing(State.Epoch), failed => Assert.Equal(Outage, WorkerOutages.FaultOf(failed, State)));
        Assert.All(Failing(State.Epoch - 1), failed => Assert.Null(WorkerOutages.FaultOf(failed, State)));
        Assert.Null(WorkerOutages.FaultOf(new WorkerEvent.GraphEnded(State.Epoch, Fault: null), State));
        Assert.Null(WorkerOutages.FaultOf(new WorkerEvent.Located(State.Epoch, [Single]), State));
    }

    [Fact]
    public void A_worker_that_starts_over_asks_from_then_on()
    {
        GivenReads();
        Pass(60);
        Happens(new WorkerEvent.GraphEnded(1, Fault: null));
        Happens(new WorkerEvent.RetryDue());
        Pass(4);

        Happens(new WorkerEvent.LocateFailed(2, Outage));

        Pass(5.9);
        Assert.Empty(_said);
        Pass(0.1);
        Assert.Single(_said);
    }

    [Fact]
    public void New_splits_that_cannot_be_listed_while_others_are_read_are_away_since_just_now()
    {
        GivenReads();
        Pass(60);

        Happens(new WorkerEvent.LocateFailed(1, Outage));

        Pass(9.9);
        Assert.Empty(_said);
        Pass(0.1);
        Assert.Single(_said);
    }

    [Fact]
    public void Positions_that_are_not_told_are_back_when_all_are_known()
    {
        Happens(new WorkerEvent.Started());
        Happens(new WorkerEvent.Located(1, [Single]));
        Pass(60);
        Happens(new WorkerEvent.PositionsFailed(1, Outage));
        Pass(10);
        Assert.Equal((OutageStage.Away, 10), Last());
        Happens(new WorkerEvent.RetryDue());
        Happens(new WorkerEvent.Located(2, [Single]));

        Happens(new WorkerEvent.PositionsKnown(2, Orders, Positions()));
        Assert.Equal(OutageStage.Away, Last().Stage);
        Happens(new WorkerEvent.PositionsKnown(2, Dead, Positions()));

        Assert.Equal(OutageStage.Returned, Last().Stage);
    }

    [Fact]
    public void A_source_that_takes_no_acknowledgement_is_back_when_it_takes_one_and_not_with_a_commit()
    {
        GivenReads();
        Happens(new WorkerEvent.AcknowledgeFailed(1, Outage));
        Pass(10);
        Assert.Equal((OutageStage.Away, 10), Last());

        Commit();
        Assert.Equal(OutageStage.Away, Last().Stage);
        Happens(new WorkerEvent.Acknowledged(1));

        Assert.Equal(OutageStage.Returned, Last().Stage);
    }

    [Fact]
    public void A_lake_that_takes_no_stage_is_back_with_a_commit_and_not_when_splits_and_positions_are_known()
    {
        GivenReads();
        var stage = StageOf(Orders, Single, 10, 20);
        Happens(new WorkerEvent.RollClosed(1, new Roll([stage])));
        Happens(new WorkerEvent.StageLost(new StageFailed(stage.Id, Orders, Outage)));
        Pass(10);
        Assert.Equal((OutageStage.Away, 10), Last());

        Happens(new WorkerEvent.GraphEnded(1, Fault: null));
        Happens(new WorkerEvent.RetryDue());
        Reads(epoch: 2);
        Happens(new WorkerEvent.Acknowledged(2));
        Assert.Equal(OutageStage.Away, Last().Stage);
        Commit(epoch: 2);

        Assert.Equal(OutageStage.Returned, Last().Stage);
    }

    [Fact]
    public void A_source_that_gives_no_records_and_has_nothing_new_is_back_when_reading_goes_on()
    {
        GivenReads();
        Happens(new WorkerEvent.GraphEnded(1, Outage));
        Pass(10);
        Assert.Equal((OutageStage.Away, 10), Last());

        Happens(new WorkerEvent.ReadQuietly(1));
        Assert.Equal(OutageStage.Away, Last().Stage);
        Happens(new WorkerEvent.RetryDue());
        Reads(epoch: 2);
        Happens(new WorkerEvent.ReadQuietly(1));
        Assert.Equal(OutageStage.Away, Last().Stage);
        Happens(new WorkerEvent.ReadQuietly(2));

        Assert.Equal(OutageStage.Returned, Last().Stage);
    }

    [Fact]
    public void Reading_with_a_roll_in_hand_says_nothing_of_what_is_away()
    {
        GivenReads();
        Happens(new WorkerEvent.GraphEnded(1, Outage));
        Pass(10);
        Happens(new WorkerEvent.RetryDue());
        Reads(epoch: 2);
        Happens(new WorkerEvent.RollClosed(2, new Roll([StageOf(Orders, Single, 10, 20)])));

        Happens(new WorkerEvent.ReadQuietly(2));

        Assert.Equal(OutageStage.Away, Last().Stage);
    }

    [Fact]
    public void Who_refuses_is_not_away_and_a_defect_says_nothing_of_it()
    {
        Happens(new WorkerEvent.Started());
        Happens(new WorkerEvent.LocateFailed(1, Outage));
        Pass(10);
        Happens(new WorkerEvent.RetryDue());

        Happens(new WorkerEvent.LocateFailed(2, Fault.Of("Source", new InvalidOperationException("no such element"))));
        Assert.Equal(OutageStage.Away, Last().Stage);
        Happens(new WorkerEvent.RetryDue());
        Happens(new WorkerEvent.LocateFailed(3, WrongPassword));

        Assert.Equal(OutageStage.Returned, Last().Stage);
    }

    [Fact]
    public void Who_refuses_without_having_been_missed_is_not_said_to_be_back()
    {
        Happens(new WorkerEvent.Started());
        Happens(new WorkerEvent.LocateFailed(1, WrongPassword));
        Pass(120);

        Assert.Empty(_said);
    }

    [Fact]
    public void What_an_earlier_reading_hears_late_is_void()
    {
        GivenReads();
        Happens(new WorkerEvent.GraphEnded(1, Fault: null));
        Happens(new WorkerEvent.RetryDue());
        Reads(epoch: 2);

        Happens(new WorkerEvent.LocateFailed(1, Outage));
        Happens(new WorkerEvent.PositionsFailed(1, Outage));
        Happens(new WorkerEvent.AcknowledgeFailed(1, Outage));
        Happens(new WorkerEvent.GraphEnded(1, Outage));
        Pass(120);

        Assert.Empty(_said);
    }

    [Fact]
    public void What_came_back_once_is_missed_again_from_the_beginning()
    {
        GivenReads();
        Happens(new WorkerEvent.AcknowledgeFailed(1, Outage));
        Pass(10);
        Happens(new WorkerEvent.Acknowledged(1));
        Happens(new WorkerEvent.Acknowledged(1));
        Pass(60);
        Happens(new WorkerEvent.AcknowledgeFailed(1, Outage));
        Pass(10);

        Assert.Equal([OutageStage.Away, OutageStage.Returned, OutageStage.Away], _said.Select(notice => notice.Stage));
        Assert.Equal((OutageStage.Away, 10), Last());
    }

    [Fact]
    public void What_a_reading_has_met_is_no_fault_of_another()
    {
        GivenReads();

        Assert.Equal(Outage, WorkerOutages.FaultOf(new WorkerEvent.AcknowledgeFailed(1, Outage), State));
        Assert.Null(WorkerOutages.FaultOf(new WorkerEvent.AcknowledgeFailed(0, Outage), State));
    }

    [Fact]
    public void A_worker_that_is_gone_waits_for_nothing()
    {
        GivenReads();
        Happens(new WorkerEvent.AcknowledgeFailed(1, Outage));
        Pass(10);

        _outages.Dispose();

        Assert.Equal(OutageStage.Abandoned, Last().Stage);
    }

    private void GivenReads()
    {
        Happens(new WorkerEvent.Started());
        Reads(epoch: 1);
    }

    private void Reads(long epoch)
    {
        Happens(new WorkerEvent.Located(epoch, [Single]));
        Happens(new WorkerEvent.PositionsKnown(epoch, Orders, Positions((Single, 10))));
        Happens(new WorkerEvent.PositionsKnown(epoch, Dead, Positions()));
        Assert.Equal(WorkerPhase.Reading, State.Phase);
    }

    private void Commit(long epoch = 1)
    {
        var stage = StageOf(Orders, Single, 10, 20);
        Happens(new WorkerEvent.RollClosed(epoch, new Roll([stage])));
        Happens(Committed(stage));
    }

    private void Happens(WorkerEvent message)
    {
        var before = State;
        When(message);
        _outages.On(message, before, State);
    }

    private void Pass(double seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));

    private (OutageStage Stage, double Seconds) Last() => (_said[^1].Stage, _said[^1].Duration.TotalSeconds);
}
