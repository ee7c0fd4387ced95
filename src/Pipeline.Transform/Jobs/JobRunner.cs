using Pipeline.Core;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Jobs;

/// <summary>Runs jobs: an engine computes, this side checks and commits.</summary>
public interface IJobRunner
{
    /// <summary>Whose SQL its jobs hold.</summary>
    SqlDialect Dialect { get; }

    /// <summary>
    /// Runs a job to its end. Running it again, at once or after a crash at any moment, changes nothing more and returns
    /// the same result.
    /// </summary>
    /// <exception cref="PipelineException">It cannot be run, now or ever; see <see cref="PipelineException.IsTransient"/>.</exception>
    /// <exception cref="JobSupersededException">Another run got there first; plan again.</exception>
    Task<JobResult> RunAsync(JobSpec spec, JobSubmission submission, CancellationToken cancellationToken);
}

/// <summary>How the execution of a job is found again by whoever runs the job next.</summary>
/// <param name="Before">The execution that somebody has submitted before; null: none is known.</param>
/// <param name="Submitted">Is told of the execution; on any thread.</param>
public sealed record JobSubmission(JobHandle? Before, Action<JobHandle> Submitted)
{
    /// <summary>Nobody looks for it.</summary>
    public static readonly JobSubmission Forgotten = new(null, _ => { });
}
