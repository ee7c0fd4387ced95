using Pipeline.Core;
using Pipeline.Testing;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Jobs;

public sealed class WatchedRunnerSpec
{
    private readonly TestLake _lake = new(TestGraph.Of("users { from = bronze/app/users, columns { user_id { type = long } }, key = [user_id] }", ""));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_run_that_takes_minutes_is_told_with_who_executes_it_and_so_is_its_end()
    {
        using var waits = new SaidWaits();
        await _lake.AppendAsync("bronze/app/users", TestLake.BronzeColumns("user_id long"), "SELECT 4 AS user_id, 'r' AS _op, 4 AS _position");
        var pins = (await _lake.Planner.PlanAsync(TableId.Silver("users"), Cancel))! with { Engine = "emr", Statements = null };
        var runner = new SlowRunner();
        var running = new WatchedRunner(runner, waits.Watch).RunAsync(await _lake.Planner.ExpandAsync(pins, SqlDialect.Spark, Cancel), JobSubmission.Forgotten, Cancel);

        var told = await waits.UntilToldAsync("still executed", Cancel);
        runner.Ended.SetResult(new JobResult(TableId.Silver("users"), 1, 3, 1, null, TimeSpan.Zero));
        await running;

        Assert.Equal("Table silver/users", told.Thing);
        Assert.StartsWith("run 1 is still executed by emr. Let it end: transform.job-time-max bounds it.", told.Reason, StringComparison.Ordinal);
        Assert.Equal([false, true], waits.Said.Select(notice => notice.IsOver));
    }

    private sealed class SlowRunner : IJobRunner
    {
        public TaskCompletionSource<JobResult> Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public SqlDialect DialectOf(JobPins pins) => throw new NotSupportedException();

        public Task<JobResult> RunAsync(JobSpec spec, JobSubmission submission, CancellationToken cancellationToken) => Ended.Task;
    }
}
