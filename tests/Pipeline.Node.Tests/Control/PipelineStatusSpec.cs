using System.Diagnostics;
using System.Text.Json.Nodes;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Ingest.Tests;
using Pipeline.Node.Tests.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Node.Tests.Http;
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
        await ReportAsync(node);

        // The machine may be busy with others: what it can do is told by the best of some tries.
        var (best, status) = (TimeSpan.MaxValue, (PipelineStatus?)null);
        for (var tries = 0; tries < 50 && best > TimeSpan.FromMilliseconds(200); tries++)
        {
            var started = Stopwatch.GetTimestamp();
            status = await node.Control.StatusAsync(Cancel);
            if (Stopwatch.GetElapsedTime(started) is var took && took < best) best = took;
        }

        Assert.Equal(Tables, status!.Tables.Count);
        Assert.True(best <= TimeSpan.FromMilliseconds(200) || MachineLoad.IsHeavy, $"It took {best.TotalMilliseconds:0} ms.");
    }

    [Fact]
    public async Task Of_two_thousand_tables_it_is_told_in_two_answers_with_the_lake_away()
    {
        AwayStore store = null!;
        await using var node = await RunningNode.StartAsync(_directory, "", behind: $"http.socket-directory = \"{Path.Combine(_directory, "s")}\"", through: lake => new Lake(store = new AwayStore(lake.Store), TimeProvider.System));
        await ReportAsync(node);
        store.IsAway = true;

        var status = await NodeRun.OfAsync("status", "--running", "--config", node.ConfigPath, "-o", "json");

        Assert.Equal(Tables, status.Rows.Count);
        Assert.All(status.Rows, row => Assert.Equal("reading", (string)row!["state"]!));
        Assert.Equal(("app", Tables), ((string)status.Document["sources"]![0]!["source"]!, (int)status.Document["sources"]![0]!["tables"]!));
    }

    [Fact]
    public async Task Of_two_thousand_tables_it_is_told_over_http_within_200_ms()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1", "It looks at a clock: PIPELINE_NIGHTLY=1.");
        await using var node = await WebNode.StartAsync(_directory);
        await ReportAsync(node.Node);
        var best = TimeSpan.MaxValue;
        for (var tries = 0; tries < 50; tries++)
        {
            var (started, tables) = (Stopwatch.GetTimestamp(), 0);
            for (string? next = ""; next is not null;)
            {
                using var answer = await node.GetAsync("viewer", $"/v1/running?limit=1000{next}");
                var piece = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancel))!;
                tables += piece["items"]!.AsArray().Count;
                next = (string?)piece["next"] is { } cursor ? $"&cursor={cursor}" : null;
            }

            Assert.Equal(Tables, tables);
            if (Stopwatch.GetElapsedTime(started) is var took && took < best) best = took;
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{best.TotalMilliseconds:0} ms");
        Assert.True(best <= TimeSpan.FromMilliseconds(200), $"It took {best.TotalMilliseconds:0} ms.");
    }

    /// <summary>As a node that works on them.</summary>
    private static async Task ReportAsync(RunningNode node)
    {
        var other = node.System.ActorOf(Props.Create<Deaf>());
        var facts = new NodeFacts("10.0.0.5:4053", "1", "1.0.0", DateTimeOffset.UnixEpoch, ["ingest"], "x");
        var reports = Enumerable.Range(0, Tables).Select(i => new TableReport(TableId.Bronze("app", $"table_{i}"), WorkState.Reading, DateTimeOffset.UnixEpoch, i, 1_000, 12.5, Pending: 0)
        {
            LastAt = DateTimeOffset.UnixEpoch, Workers = [new WorkerLine(0, WorkState.Reading, 3)], Fault = new ReportedFault(FaultKind.Unreachable, $"Table {i}", "no answer", "Look at the network."),
        });
        var control = await ControlAsync(node);
        foreach (var part in reports.Chunk(NodeReport.TablesMax)) control.Tell(new NodeReport(facts, By: null, IsHeld: false, 0, part, []), other);
        await node.WaitForTableAsync($"bronze/app/table_{Tables - 1}", _ => true);
    }

    /// <summary>What it is told before it is there reaches nobody.</summary>
    private static async Task<IActorRef> ControlAsync(RunningNode node)
    {
        while (true)
        {
            try
            {
                return await node.System.ActorSelection("/user/pipeline-control/pipeline-control").ResolveOne(TimeSpan.FromSeconds(10), Cancel);
            }
            catch (ActorNotFoundException)
            {
                await Task.Delay(50, Cancel);
            }
        }
    }

    private sealed class Deaf : ReceiveActor
    {
        public Deaf() => ReceiveAny(_ => { });
    }
}
