using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Ingest.Committer;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Tests;

/// <summary>A worker of two tables and the words to tell what happens to it.</summary>
public abstract class WorkerScene
{
    protected static readonly TableId Orders = TableId.Bronze("test", "orders");
    protected static readonly TableId Lines = TableId.Bronze("test", "lines");
    protected static readonly TableId Dead = TableId.DeadLetter("test");
    protected static readonly Split Single = new(new SplitId("test", "orders/0"), ["orders"]);
    protected static readonly Split Other = new(new SplitId("test", "orders/1"), ["orders"]);
    protected static readonly Split Slot = new(new SplitId("test", "slot"), ["orders", "lines"]);
    protected static readonly Fault Outage = new(FaultKind.Unreachable, "Broker", "does not answer", "Wait.");
    protected static readonly Fault WrongPassword = new(FaultKind.NotAuthorised, "Broker", "wrong password", "Correct it.");
    protected static readonly Fault NoRight = new(FaultKind.NotAuthorised, "Topic orders, partition 0", "reading is not allowed", "Grant it.", Single.Id);
    protected static readonly Fault BeyondTheEnd = Gap(Single) with { AwaitsWord = true };

    protected static Fault Gap(Split split) => new(FaultKind.Gap, $"Split {split.Id}", "its next records have expired", "Accept the gap.", split.Id);

    /// <summary>What has become of the worker.</summary>
    protected IngestWorkerState State { get; private set; } = new(TableId.DeadLetter("test"), new IngestOptions());

    protected void GivenReading(Split split, long position)
    {
        When(new WorkerEvent.Started());
        Read(split, position, epoch: 1);
    }

    protected void Read(Split split, long position, long epoch)
    {
        When(new WorkerEvent.Located(epoch, [split]));
        foreach (var table in split.Tables) When(new WorkerEvent.PositionsKnown(epoch, TableId.Bronze("test", table), Positions((split, position))));
        When(new WorkerEvent.PositionsKnown(epoch, Dead, Positions()));
        Assert.Equal(WorkerPhase.Reading, State.Phase);
    }

    protected void GivenOneOfTwoHalted(Fault fault)
    {
        When(new WorkerEvent.Started());
        ReadBoth(epoch: 1);
        Assert.Equal([fault], When(new WorkerEvent.GraphEnded(1, fault)).OfType<WorkerEffect.TellHalt>().Select(told => told.Fault));
        When(new WorkerEvent.Located(2, [Single, Other]));
        foreach (var table in new[] { Orders, Dead }) When(new WorkerEvent.PositionsKnown(2, table, Positions((Other, 10))));
        Assert.Equal((WorkerPhase.Reading, 1), (State.Phase, State.Splits.Length));
    }

    protected void ReadBoth(long epoch)
    {
        When(new WorkerEvent.Located(epoch, [Single, Other]));
        foreach (var table in new[] { Orders, Dead }) When(new WorkerEvent.PositionsKnown(epoch, table, Positions((Single, 10), (Other, 10))));
        Assert.Equal(WorkerPhase.Reading, State.Phase);
    }

    protected ImmutableList<WorkerEffect> When(WorkerEvent message)
    {
        (State, var effects) = IngestWorkerState.Decide(State, message);
        return effects;
    }

    protected static WorkerEvent Known(TableId table, params (Split Split, long Position)[] positions) => new WorkerEvent.PositionsKnown(1, table, Positions(positions));

    protected static ImmutableDictionary<SplitId, long> Positions(params (Split Split, long Position)[] positions) =>
        positions.ToImmutableDictionary(pair => pair.Split.Id, pair => pair.Position);

    protected static WorkerEvent Committed(StageFiles stage) =>
        new WorkerEvent.Committed(new StageCommitted(stage.Id, stage.Table, Version: 1, DateTimeOffset.UnixEpoch));

    protected static StageFiles StageOf(TableId table, Split split, long? from, long to) => new(table, Guid.NewGuid(),
        [new StagedRange(split.Id, from, to)],
        [new StagedFile($"part-{Guid.NewGuid()}.parquet", ImmutableDictionary<string, string?>.Empty, 100, DateTimeOffset.UnixEpoch, Stats: null)], 10, null, null);
}
