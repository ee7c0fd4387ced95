using System.Collections.Immutable;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Ingest.Worker;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests;

/// <summary>What a worker says of how far its tables reflect their source, by a clock that the tests move.</summary>
public sealed class WorkerLooksSpec : WorkerScene
{
    private readonly FakeTimeProvider _time = new();
    private readonly ScriptedSystem _system = new ScriptedSystem("test").WithTable("orders").WithTable("lines");
    private readonly WorkerLooks _looks;
    private ImmutableDictionary<(TableId, SplitId), long> _positions = ImmutableDictionary<(TableId, SplitId), long>.Empty;

    public WorkerLooksSpec() => _looks = new WorkerLooks(_system.Open(), "orders", "orders/0", _time);

    [Fact]
    public void A_look_counts_when_the_table_has_everything_below_its_position()
    {
        GivenReading(Single, 10);
        See(Single, 20);
        Assert.Equal((0, null), Of(Orders));

        GivenCommitted(Single, 19);
        Assert.Equal((0, null), Of(Orders));
        Pass(30);
        GivenCommitted(Single, 20);
        Assert.Equal((1, 30), Of(Orders));
    }

    [Fact]
    public void What_a_source_doubts_is_told_of_the_tables_of_its_split_while_it_is_read_on()
    {
        GivenReading(Single, 10);
        See(Single, 10);
        Assert.NotNull(_system.Looks.Doubt(Single.Id, new PipelineException(FaultKind.Gap, "Source test", "its times fell", "Look.") { Split = Single.Id, ReadAgainFrom = 0 }, _time));

        var told = Assert.Single(_looks.Tell(State), looked => looked.Table == Orders);

        Assert.Null(told.Fault);
        Assert.Equal((FaultKind.Gap, "its times fell", "Look."), (told.Doubt!.Kind, told.Doubt.Cause, told.Doubt.NextStep));
        Assert.Null(_system.Looks.Doubt(Single.Id, doubt: null, _time));
        Assert.Null(Assert.Single(_looks.Tell(State), looked => looked.Table == Orders).Doubt);
    }

    [Fact]
    public void A_table_that_is_always_a_little_behind_reflects_the_look_before_the_last()
    {
        GivenReading(Single, 10);
        for (var position = 20; position < 200; position += 10)
        {
            See(Single, position);
            Of(Orders);
            Pass(2);
            GivenCommitted(Single, position);
            See(Single, position + 10);
            Assert.Equal((1, 2), Of(Orders));
        }
    }

    [Fact]
    public void A_look_at_a_split_that_brought_nothing_counts_at_once()
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, [Single]) { Listed = 1 });
        When(new WorkerEvent.PositionsKnown(1, Orders, ImmutableDictionary<SplitId, long>.Empty) { Version = 4 });
        When(new WorkerEvent.PositionsKnown(1, Dead, ImmutableDictionary<SplitId, long>.Empty));
        See(Single, position: null);
        Pass(7);

        Assert.Equal(new BronzeLooked(Orders, "orders/0", 1, 1, 4, 7_000, Fault: null), Assert.Single(_looks.Tell(State)));
    }

    [Fact]
    public void The_earliest_look_counts_and_one_for_ever_does_not()
    {
        GivenReadingBoth(10);
        See(Single, position: null);
        Pass(5);
        See(Other, position: null);
        Assert.Equal((2, 5), Of(Orders));

        _system.Looks.Saw(Single.Id, new SplitLook(null, SplitLook.ForEver));
        Assert.Equal((2, 0), Of(Orders));
        _system.Looks.Saw(Other.Id, new SplitLook(null, SplitLook.ForEver));
        Assert.Equal((2, null), Of(Orders));
    }

    [Fact]
    public void What_waits_of_the_split_that_is_behind_is_told_by_positions()
    {
        GivenReadingBoth(10);
        See(Single, position: null);
        Pass(5);
        See(Other, position: null);
        Assert.Null(Backlog());

        _system.Looks.EndsAt(Single.Id, 90);
        _system.Looks.EndsAt(Other.Id, 12);
        Assert.Equal(new SplitBacklog(Single.Id, 10, 90), Backlog());
        GivenCommitted(Single, 95);
        Assert.Equal(new SplitBacklog(Single.Id, 95, 95), Backlog());

        Pass(5);
        See(Single, position: null);
        Assert.Equal(new SplitBacklog(Other.Id, 10, 12), Backlog());
    }

    [Fact]
    public void A_slot_speaks_for_all_its_tables()
    {
        GivenReading(Slot, 10);
        See(Slot, 20);
        GivenCommitted(Slot, 20, Lines);

        Assert.Equal((0, null), Of(Orders));
        Assert.Equal((1, 0), Of(Lines));
    }

    [Fact]
    public void One_that_is_halted_speaks_for_no_split_and_says_why()
    {
        GivenReading(Single, 10);
        See(Single, position: null);
        When(new WorkerEvent.GraphEnded(1, WrongPassword));

        var said = Assert.Single(_looks.Tell(State));

        Assert.Equal((0, WrongPassword), (said.Splits, said.Fault));
    }

    [Fact]
    public void One_that_reads_what_it_knows_of_a_source_that_hides_the_rest_says_so()
    {
        GivenReading(Single, 10);
        See(Single, position: null);
        When(new WorkerEvent.LocateFailed(1, WrongPassword));

        var said = Said(Orders);

        Assert.Equal((1, WrongPassword), (said.Splits, said.Fault));
    }

    [Fact]
    public void A_clock_that_is_set_makes_nothing_older_or_younger()
    {
        var time = new SetClock();
        var looks = new WorkerLooks(_system.Open(), "orders", "orders/0", time);
        GivenReading(Single, 10);
        _system.Looks.Saw(Single.Id, new SplitLook(null, time.GetTimestamp()));
        time.Clock = time.Clock.AddDays(-400);

        Assert.InRange(looks.Tell(State).Single().AgeMs!.Value, 0, 60_000);

        // A record of the future, or one that a producer gives the year 1970.
        Assert.Equal(time.GetTimestamp(), SplitLook.OfEvent(null, time.Clock.AddDays(900), time).At, TimeSpan.FromMinutes(1).Ticks * 100d);
        Assert.True(SplitLook.OfEvent(null, DateTimeOffset.UnixEpoch, time).At < time.GetTimestamp());
    }

    private void GivenReadingBoth(long position)
    {
        When(new WorkerEvent.Started());
        When(new WorkerEvent.Located(1, [Single, Other]) { Listed = 2 });
        foreach (var table in new[] { Orders, Dead }) When(new WorkerEvent.PositionsKnown(1, table, Positions((Single, position), (Other, position))));
    }

    private void GivenCommitted(Split split, long to, TableId? table = null) =>
        _positions = _positions.SetItem((table ?? Orders, split.Id), to);

    private void See(Split split, long? position) => _system.Looks.Saw(split.Id, new SplitLook(position, _time.GetTimestamp()));

    private void Pass(double seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));

    private SplitBacklog? Backlog() => Said(Orders).Backlog;

    private (int Splits, double? Age) Of(TableId table)
    {
        var said = Said(table);
        return (said.Splits, said.AgeMs / 1_000d);
    }

    private BronzeLooked Said(TableId table) => _looks.Tell(State with { Positions = State.Positions.SetItems(_positions) }).Single(looked => looked.Table == table);

    /// <summary>A wall clock that somebody sets, over a clock that nobody does.</summary>
    private sealed class SetClock : TimeProvider
    {
        public DateTimeOffset Clock { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Clock;
    }
}
