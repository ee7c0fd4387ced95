using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Demo.Data;
using Pipeline.Demo.Driver;
using Pipeline.Demo.Session;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests;
using Pipeline.Node.Tests.Cli;
using Pipeline.Testing;

namespace Pipeline.Demo.Tests.Session;

/// <summary>The demo's sources outlive the node that reads them, as an enterprise's do.</summary>
public sealed class NodeOverDemoSourcesSpec : IDisposable
{
    private const string Topic = "order_events";

    private static readonly TimeSpan Deadline = Deadlines.Test;

    private readonly ScratchDirectory _root = new("pipeline-demo-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Location => Path.Combine(_root, "lake");

    public void Dispose() => _root.Dispose();

    [Fact]
    public async Task Killed_twice_its_clock_set_an_hour_back_and_a_topic_made_anew_under_it_everything_balances_to_the_row()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1", "Three lives of a node are for a night.");
        using var clock = FakeClock.Create();
        var lake = new Lake(new LocalObjectStore(Location), TimeProvider.System);
        await using var driver = await DemoDriver.StartAsync(
            new DemoOptions(Path.Combine(_root, "demo")) { RowsPerSecond = 200, Ticks = DemoOptions.OnceTicks, TickInterval = TimeSpan.FromMilliseconds(300), MadeAnew = (Topic, 6) },
            new NewestHistoryProgress(lake), TimeProvider.System, Cancel);

        Task<Expectation> feeding;
        await using (var first = Start(driver, clock))
        {
            feeding = driver.RunAsync(Cancel);
            await UntilAsync(() => Task.FromResult(driver.LastTick >= 2), feeding);
            await first.KillAsync();
        }

        await using (var second = Start(driver, clock))
        {
            await UntilAsync(() => Task.FromResult(driver.LastTick >= 4), feeding);
            clock.Move(TimeSpan.FromHours(-1));
            await UntilAsync(async () => (await HistoryAsync(lake)).Epoch == 1, feeding);
            await second.KillAsync();
        }

        await using var last = Start(driver, clock);
        var expectation = await feeding;
        DemoReport report;
        await UntilAsync(async () => (report = await new DemoReportBuilder(lake, Cancel).BuildAsync(expectation)).IsBalanced, last.Ended);
        last.Terminate();
        var ended = await last.WaitForEndAsync();

        report = await new DemoReportBuilder(lake, Cancel).BuildAsync(expectation);
        Assert.True(report.IsBalanced, $"{string.Join("\n", report.Tables.Where(table => !table.IsEven))}\n{ended.Messages}");
        Assert.Contains("ahead of this node's clock", ended.Messages, StringComparison.Ordinal);
        var verified = await NodeRun.OfAsync("verify", "--lake", Location, "--config", Path.Combine(Repository.Root, "hocon", "pipeline.conf"), "-o", "json");
        Assert.True(verified.ExitCode == ExitCode.Done, verified.Data);
    }

    private NodeProcess Start(DemoDriver driver, FakeClock clock) => NodeProcess.StartIn(
        new Dictionary<string, string>(clock.Environment.Concat(driver.Sources.Environment), StringComparer.Ordinal) { ["DEMO_DIRECTORY"] = Path.Combine(_root, "demo"), ["PIPELINE_LAKE"] = Location },
        "run", "--config", Path.Combine(Repository.Root, "hocon", "demo.conf"));

    private static async Task<SplitHistory> HistoryAsync(Lake lake) =>
        (await lake.TryOpenAsync(TableId.Bronze(DemoSources.Events, Topic), Cancel))?.Current.Histories.Newest ?? new SplitHistory(-1, "");

    /// <summary>Looks until it is so; what ends before has failed.</summary>
    private static async Task UntilAsync(Func<Task<bool>> isSo, Task beside)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        deadline.CancelAfter(Deadline);
        while (!await isSo())
        {
            if (beside.IsFaulted) await beside;
            await Task.Delay(50, deadline.Token);
        }
    }

    /// <summary>Positions of the topic that has the name now.</summary>
    private sealed class NewestHistoryProgress(Lake lake) : IReaderProgress
    {
        public async ValueTask<long> RowsAsync(TableId table, CancellationToken cancellationToken) => (await lake.TryOpenAsync(table, cancellationToken))?.Current.RowCount ?? 0;

        public async ValueTask<long?> PositionAsync(TableId table, SplitId split, CancellationToken cancellationToken)
        {
            if (await lake.TryOpenAsync(table, cancellationToken) is not { } known) return null;
            var partition = split.Name[split.Name.LastIndexOf('/')..];
            var newest = known.Current.Histories.BySplit.Where(history => history.Key.Name.EndsWith(partition, StringComparison.Ordinal)).MaxBy(history => history.Value.Epoch).Key;
            return newest == default ? null : known.Current.Position(newest);
        }
    }
}
