using System.Globalization;
using Pipeline.Core;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Engines.Emr;
using Pipeline.Transform.Gold;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Rebuild;
using Pipeline.Transform.Jobs.Remote;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform;

/// <inheritdoc cref="IJobRunner"/>
/// <param name="engine">Runs what is planned for no other.</param>
/// <param name="remote">Engines elsewhere; null: there are none.</param>
public sealed class JobRunner(OpenTables tables, IJobEngine engine, TransformOptions options, TimeProvider time, RemoteRuns? remote = null) : IJobRunner
{
    public SqlDialect DialectOf(JobPins pins) => ElsewhereOf(pins)?.Dialect ?? engine.Dialect;

    /// <summary>Called before each commit with the table's name; a test throws here to be a crash.</summary>
    internal Action<TableId>? BeforeCommit { get; set; }

    /// <summary>Asked before each commit; throws where somebody else has taken what the job writes.</summary>
    internal Func<CancellationToken, ValueTask>? MayCommit { get; set; }

    /// <inheritdoc cref="RunAsync(JobSpec, JobSubmission, CancellationToken)"/>
    public Task<JobResult> RunAsync(JobSpec spec, CancellationToken cancellationToken) => RunAsync(spec, JobSubmission.Forgotten, cancellationToken);

    public async Task<JobResult> RunAsync(JobSpec spec, JobSubmission submission, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var commits = new JobCommits(tables, spec, time, BeforeCommit, MayCommit);
        await using var reading = await JobReadings.EnterAsync(tables.Lake.Store, spec.Pins, cancellationToken);
        if (spec.Kind == JobKind.Switch) return await new RebuildSwitch(tables, commits, spec.Pins, options.DataFilesOf(QualityTable.Id)).RunAsync(cancellationToken) with { Took = time.GetElapsedTime(started) };
        var execution = await ExecutionAsync(spec.Pins, submission, cancellationToken);
        var result = spec.Kind == JobKind.Silver
            ? await new SilverRun(tables, execution, commits, spec, options.DataFilesOf(QualityTable.Id)).RunAsync(cancellationToken)
            : await new GoldRun(execution, commits, spec).RunAsync(cancellationToken);
        var took = time.GetElapsedTime(started);
        return result with { Took = took, Cost = CostOf(spec.Pins, took, execution.Metrics) };
    }

    private decimal? CostOf(JobPins pins, TimeSpan took, IReadOnlyDictionary<string, string> metrics) => pins.IsElsewhere
        ? metrics.TryGetValue(EmrServerlessPrices.CostMetric, out var said) && decimal.TryParse(said, CultureInfo.InvariantCulture, out var cost) ? cost : null
        : options.NodeHourPrice is { } price ? price * (decimal)took.TotalHours / options.JobsMax : null;

    private async ValueTask<JobExecution> ExecutionAsync(JobPins pins, JobSubmission submission, CancellationToken cancellationToken) => ElsewhereOf(pins) is { } elsewhere
        ? new ElsewhereExecution(await remote!.ExecutionAsync(elsewhere, pins, submission, time, cancellationToken), tables, time)
        : new InProcessExecution(engine, tables.Lake.Store, time);

    /// <summary>The engine elsewhere that a run was planned for; null: it runs in this process.</summary>
    private IRemoteEngine? ElsewhereOf(JobPins pins) => !pins.IsElsewhere ? null : remote?.Find(pins.Engine)
        ?? throw new PipelineException(FaultKind.Invalid, $"Run {pins.Id}", $"it was planned for engine {pins.Engine}, which is not set up on this node", $"Set up transform.{pins.Engine} on every node that runs jobs.");
}
