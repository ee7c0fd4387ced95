using Pipeline.Core;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Jobs;

/// <summary>Tells of a run that takes long, wherever it is executed.</summary>
internal sealed class WatchedRunner(IJobRunner runner, WaitWatch waits) : IJobRunner
{
    public SqlDialect DialectOf(JobPins pins) => runner.DialectOf(pins);

    public async Task<JobResult> RunAsync(JobSpec spec, JobSubmission submission, CancellationToken cancellationToken)
    {
        using var wait = waits.Begin($"Table {spec.Pins.Table}", new WaitReason($"run {spec.Pins.Run} is still executed by {spec.Pins.Engine ?? "this node"}")
        {
            NextStep = "Let it end: transform.job-time-max bounds it. If its SQL has no end, correct that and restart the nodes.",
        });
        return await runner.RunAsync(spec, submission, cancellationToken);
    }
}
