using System.Diagnostics;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Node.Tests.Failures;
using Pipeline.Operations.Control;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Control;

public sealed class PipelineStatusSpec : IDisposable
{
    private const int Tables = 2_000;

    private readonly ScratchDirectory _directory = new("pipeline-status-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Of_two_thousand_tables_it_is_told_within_200_ms()
    {
        await using var node = await RunningNode.StartAsync(_directory, "");
        var other = node.System.ActorOf(Props.Create<Deaf>());
        var facts = new NodeFacts("10.0.0.5:4053", "1", "1.0.0", DateTimeOffset.UnixEpoch, ["ingest"], "x");
        var reports = Enumerable.Range(0, Tables).Select(i => new TableReport(TableId.Bronze("app", $"table_{i}"), WorkState.Reading, DateTimeOffset.UnixEpoch, i, 1_000, 12.5, Pending: 0)
        {
            LastAt = DateTimeOffset.UnixEpoch, Workers = [new WorkerLine(0, WorkState.Reading, 3)], Fault = new ReportedFault(FaultKind.Unreachable, $"Table {i}", "no answer", "Look at the network."),
        });
        foreach (var part in reports.Chunk(NodeReport.TablesMax)) node.System.ActorSelection("/user/pipeline-control/pipeline-control").Tell(new NodeReport(facts, By: null, IsHeld: false, 0, part, []), other);
        await node.WaitForTableAsync($"bronze/app/table_{Tables - 1}", _ => true);

        // The machine may be busy with others: what it can do is told by the best of some tries.
        var (best, status) = (TimeSpan.MaxValue, (PipelineStatus?)null);
        for (var tries = 0; tries < 50 && best > TimeSpan.FromMilliseconds(200); tries++)
        {
            var started = Stopwatch.GetTimestamp();
            status = await node.Control.StatusAsync(Cancel);
            if (Stopwatch.GetElapsedTime(started) is var took && took < best) best = took;
        }

        Assert.Equal(Tables, status!.Tables.Count);
        Assert.True(best <= TimeSpan.FromMilliseconds(200), $"It took {best.TotalMilliseconds:0} ms.");
    }

    private sealed class Deaf : ReceiveActor
    {
        public Deaf() => ReceiveAny(_ => { });
    }
}
