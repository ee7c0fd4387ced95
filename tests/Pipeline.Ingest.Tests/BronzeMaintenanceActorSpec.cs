using System.Collections.Concurrent;
using Akka.TestKit.Xunit;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Ingest.Committer;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests;

public sealed class BronzeMaintenanceActorSpec : TestKit
{
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private readonly ScratchDirectory _directory = new("maintenance-");

    public BronzeMaintenanceActorSpec() : base("akka.loglevel = OFF, akka.stdout-loglevel = OFF")
    {
    }

    [Fact]
    public async Task A_round_follows_however_the_one_before_it_ended()
    {
        var rounds = new ConcurrentQueue<Exception>(
        [
            new PipelineException(FaultKind.Unreachable, "Store", "is away", "Wait."), new InvalidOperationException("a defect"),
            new TaskCanceledException("a time-out"), new InvalidOperationException("a defect again"),
        ]);
        var whole = new TaskCompletionSource();
        var store = new UnreliableStore(new LocalObjectStore(_directory), seed: 1)
        {
            Break = _ =>
            {
                if (rounds.TryDequeue(out var thrown)) return thrown;
                whole.TrySetResult();
                return null;
            },
        };

        Sys.ActorOf(BronzeMaintenanceActor.Props(TableId.Bronze("app", "users"), new Lake(store, TimeProvider.System),
            IngestNode.Fast with { CompactInterval = TimeSpan.FromMilliseconds(10) }));

        await whole.Task.WaitAsync(Deadline, TestContext.Current.CancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing) _directory.Dispose();
    }
}
