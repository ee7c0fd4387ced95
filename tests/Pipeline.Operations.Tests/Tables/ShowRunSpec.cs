using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Operations.Control;
using Pipeline.Operations.Tables;
using Pipeline.Testing;
using Pipeline.Transform.Jobs;

namespace Pipeline.Operations.Tests.Tables;

/// <summary>Runs that have committed nothing yet: only the nodes know them. Those that have are in Pipeline.Node.Tests.</summary>
public sealed class ShowRunSpec : IDisposable
{
    private static readonly DateTimeOffset At = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly TableId Users = TableId.Silver("users");
    private static readonly ReportedFault Broken = new(FaultKind.Invalid, "Table silver/users", "a rule cannot be read", "Correct it.");

    private readonly ScratchDirectory _directory = new("pipeline-run-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task One_that_goes_on_says_what_it_reads_and_where_it_runs_and_how_often_it_was_tried()
    {
        var pins = new JobPins { Table = Users, Run = 12, RequestedAt = At, Inputs = [new PinnedInput(TableId.Bronze("app", "users"), 3, 7)], Targets = [new PinnedTarget(Users, 5)], FailedBefore = new FailedBefore(2, At.AddHours(-1)) };

        var shown = await ShowAsync(new TableReport(Users, WorkState.Running, At, 5, 10, RowsPerSecond: null, Pending: 4) { Run = 11, Running = pins, Runner = "10.0.0.5:4053" });

        Assert.Equal((RunState.Running, "duckdb", "10.0.0.5:4053", 3, At.AddHours(-1)), (shown.State, shown.Engine, shown.Node, shown.Attempts, shown.FailingSince!.Value));
        Assert.Equal((7L, 3L, 5L), (shown.Pins!.Inputs[0].Version, shown.Pins.Inputs[0].After, shown.Pins.Targets[0].Version));
        Assert.Null(shown.CommittedAt);
    }

    [Theory]
    [InlineData(WorkState.Retrying, RunState.Retrying)]
    [InlineData(WorkState.Halted, RunState.Halted)]
    public async Task One_that_has_failed_says_why_since_when_and_how_often(WorkState state, RunState told)
    {
        var shown = await ShowAsync(new TableReport(Users, state, At, 5, 10, RowsPerSecond: null, Pending: 4) { Run = 11, FailedBefore = new FailedBefore(4, At), Fault = Broken });

        Assert.Equal((told, 4, At, Broken, (JobPins?)null), (shown.State, shown.Attempts, shown.FailingSince!.Value, shown.Fault, shown.Pins));
    }

    [Fact]
    public async Task One_that_nobody_knows_is_missing_and_Bronze_has_none()
    {
        var none = await Assert.ThrowsAsync<PipelineException>(() => ShowAsync(new TableReport(Users, WorkState.Current, At, 5, 10, RowsPerSecond: null, Pending: 0) { Run = 11 }));
        var bronze = await Assert.ThrowsAsync<PipelineException>(() => ShowRun.RunAsync(ShowRunRequest.Parse("bronze/app/users#1"), options: null, Lake(), running: null, Cancel));

        Assert.Equal((FaultKind.Missing, FaultKind.Invalid), (none.Kind, bronze.Kind));
    }

    [Theory]
    [InlineData("silver/users")]
    [InlineData("silver/users#")]
    [InlineData("silver/users#0")]
    [InlineData("silver/users#-1")]
    [InlineData("users#1")]
    [InlineData("#1")]
    public void What_names_no_run_is_told(string text) => Assert.Throws<FormatException>(() => ShowRunRequest.Parse(text));

    private Task<ShowRunResult> ShowAsync(TableReport report) =>
        ShowRun.RunAsync(new ShowRunRequest(Users, 12), options: null, Lake(), new PipelineStatus(At, [], [new TableLine(report, ImmutableDictionary<string, ImmutableArray<WorkerLine>>.Empty)], LakeAway: null, []), Cancel);

    private Lake Lake() => new(new LocalObjectStore(_directory), TimeProvider.System);
}
