using Pipeline.Core;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Jobs;

/// <summary>Runs jobs: the engine that was chosen for it computes, this side checks and commits.</summary>
public interface IJobRunner
{
    /// <summary>Whose SQL a job holds.</summary>
    /// <exception cref="PipelineException">Its engine is not set up here.</exception>
    SqlDialect DialectOf(JobPins pins);

    /// <summary>
    /// Runs a job to its end. Running it again, at once or after a crash at any moment, changes nothing more and returns
    /// the same result.
    /// </summary>
    /// <exception cref="PipelineException">It cannot be run, now or ever; see <see cref="PipelineException.IsTransient"/>.</exception>
    /// <exception cref="JobSupersededException">Another run got there first; plan again.</exception>
    Task<JobResult> RunAsync(JobSpec spec, JobSubmission submission, CancellationToken cancellationToken);
}

/// <summary>How an execution that outlives its node is found again by whoever runs the job next.</summary>
/// <param name="Before">The execution that somebody has intended before; null: none is known.</param>
/// <param name="Intended">
/// Is told of an execution before it is submitted: ends when that is written down, or cannot be. An engine in process does not tell.
/// </param>
public sealed record JobSubmission(JobHandle? Before, Func<JobHandle, CancellationToken, ValueTask> Intended)
{
    /// <summary>Nobody looks for it.</summary>
    public static readonly JobSubmission Forgotten = new(null, (_, _) => ValueTask.CompletedTask);
}
