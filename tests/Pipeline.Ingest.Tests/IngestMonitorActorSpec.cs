using System.Collections.Immutable;
using Akka.TestKit.Xunit;
using Pipeline.Core.Buffers;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Tests;

public sealed class IngestMonitorActorSpec() : TestKit("akka.loglevel = OFF, akka.stdout-loglevel = OFF")
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    [Fact]
    public void After_a_restart_a_node_is_drained_when_its_workers_are()
    {
        var cancel = TestContext.Current.CancellationToken;
        using var meter = new IngestMeter(new ByteBudget(1));
        var (worker, broken) = (CreateTestProbe(), CreateTestProbe());
        var monitor = Sys.ActorOf(IngestMonitorActor.Props(new ByteBudget(1), meter));
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
}
