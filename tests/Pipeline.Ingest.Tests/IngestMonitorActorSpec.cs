using System.Collections.Immutable;
using Akka.TestKit.Xunit;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Ingest.Worker;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests;

public sealed class IngestMonitorActorSpec() : TestKit("akka.loglevel = OFF, akka.stdout-loglevel = OFF")
{
    private static readonly TimeSpan Deadline = Deadlines.Test;

    [Fact]
    public void After_a_restart_a_node_is_drained_when_its_workers_are()
    {
        var cancel = TestContext.Current.CancellationToken;
        using var meter = new IngestMeter(new ByteBudget(1));
        var (worker, broken) = (CreateTestProbe(), CreateTestProbe());
        var monitor = Sys.ActorOf(IngestMonitorActor.Props(new ByteBudget(1), meter, new Holds()));
        monitor.Tell(new WorkerReport([]), worker);
        monitor.Tell(new WorkerReport(default(ImmutableArray<WorkerStatus>)), broken);
        // What the report holds cannot be added up: the monitor starts anew.
        monitor.Tell(new GetIngestStatus(), TestActor);

        monitor.Tell(new DrainNode(), TestActor);
        worker.ExpectMsg<DrainWorker>(Deadline, cancellationToken: cancel);
        broken.ExpectMsg<DrainWorker>(Deadline, cancellationToken: cancel);
        monitor.Tell(new WorkerDrained(), broken);
        ExpectNoMsg(TimeSpan.Zero, cancel);
        monitor.Tell(new WorkerDrained(), worker);

        ExpectMsg<NodeDrained>(Deadline, cancellationToken: cancel);
    }

    [Fact]
    public void What_operators_want_held_rests_until_they_do_not_whatever_else_tells_it_to_go_on()
    {
        var (cancel, orders, lines) = (TestContext.Current.CancellationToken, TableId.Bronze("shop", "orders"), TableId.Bronze("shop", "lines"));
        using var meter = new IngestMeter(new ByteBudget(1));
        var (holds, held, free) = (new Holds(), CreateTestProbe(), CreateTestProbe());
        var monitor = Sys.ActorOf(IngestMonitorActor.Props(new ByteBudget(1), meter, holds));
        monitor.Tell(Reports(orders, IngestState.Running), held);
        monitor.Tell(Reports(lines, IngestState.Running), free);

        holds.Set(HeldWork.None with { Tables = [orders] }, "here:1");
        monitor.Tell(new HoldsChanged(), TestActor);
        held.ExpectMsg<DrainWorker>(Deadline, cancellationToken: cancel);
        monitor.Tell(Reports(orders, IngestState.Paused), held);
        monitor.Tell(new ResumeIngest(Table: null), TestActor);
        free.ExpectMsg<ResumeWorker>(Deadline, cancellationToken: cancel);
        // One that has started anew does not know.
        monitor.Tell(Reports(orders, IngestState.Starting), held);
        held.ExpectMsg<DrainWorker>(Deadline, cancellationToken: cancel);
        // What is held is one object for both sides: it changes again only when everything before has been done.
        holds.Set(HeldWork.None, "here:1");
        monitor.Tell(new HoldsChanged(), TestActor);

        held.FishForMessage<ResumeWorker>(_ => true, Deadline, cancellationToken: cancel);
    }

    [Fact]
    public void A_worker_that_began_with_a_rest_goes_on_when_that_is_over_also_if_it_was_before_anybody_knew_of_it()
    {
        var (cancel, orders, lines) = (TestContext.Current.CancellationToken, TableId.Bronze("shop", "orders"), TableId.Bronze("shop", "lines"));
        using var meter = new IngestMeter(new ByteBudget(1));
        var (holds, early, late) = (new Holds(), CreateTestProbe(), CreateTestProbe());
        var monitor = Sys.ActorOf(IngestMonitorActor.Props(new ByteBudget(1), meter, holds));
        holds.AwaitComparison(() => true);
        monitor.Tell(Reports(orders, IngestState.Paused), early);
        monitor.Tell(new ResumeIngest(Table: null), TestActor);
        // Both are handled, and it has not been told to go on.
        monitor.Tell(new GetIngestStatus(), TestActor);
        ExpectMsg<IngestStatus>(Deadline, cancellationToken: cancel);
        early.ExpectNoMsg(TimeSpan.Zero, cancel);

        holds.Compared();
        monitor.Tell(new HoldsChanged(), TestActor);
        monitor.Tell(Reports(lines, IngestState.Paused), late);

        early.ExpectMsg<ResumeWorker>(Deadline, cancellationToken: cancel);
        late.ExpectMsg<ResumeWorker>(Deadline, cancellationToken: cancel);
    }

    private static WorkerReport Reports(TableId table, IngestState state) =>
        new([new WorkerStatus(table, Worker: 0, state, Rows: 0, DeadLetters: 0, Version: -1, LastFault: null, ImmutableDictionary<SplitId, long>.Empty, NewestEventAt: null, LastCommitAt: null)]);
}
