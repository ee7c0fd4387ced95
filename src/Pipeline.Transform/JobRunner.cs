using Pipeline.Core;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Gold;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform;

/// <inheritdoc cref="IJobRunner"/>
public sealed class JobRunner(OpenTables tables, IJobEngine engine, TransformOptions options, TimeProvider time) : IJobRunner
{
    public SqlDialect Dialect => engine.Dialect;

    /// <summary>Called before each commit with the table's name; a test throws here to be a crash.</summary>
    internal Action<TableId>? BeforeCommit { get; set; }

    /// <inheritdoc cref="RunAsync(JobSpec, JobSubmission, CancellationToken)"/>
    public Task<JobResult> RunAsync(JobSpec spec, CancellationToken cancellationToken) => RunAsync(spec, JobSubmission.Forgotten, cancellationToken);

    public async Task<JobResult> RunAsync(JobSpec spec, JobSubmission submission, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var commits = new JobCommits(tables, spec, time, BeforeCommit);
        var execution = new JobExecution(engine, tables.Lake.Store, submission, time);
        var result = spec.Kind == JobKind.Silver
            ? await new SilverRun(tables, execution, commits, spec, options.DataFiles).RunAsync(cancellationToken)
            : await new GoldRun(execution, commits, spec).RunAsync(cancellationToken);
        return result with { Took = time.GetElapsedTime(started) };
    }
}
