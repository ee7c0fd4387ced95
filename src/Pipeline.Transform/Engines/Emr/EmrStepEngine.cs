using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Pipeline.Aws.Emr;
using Pipeline.Core;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>Has documents executed by Spark, as steps of a cluster of EMR: each named as its execution.</summary>
/// <param name="submission">The program, and the settings of Spark.</param>
/// <param name="logs">The steps' logs; null: they are not where we can read them.</param>
internal sealed class EmrStepEngine(EmrStepOptions options, EmrClient client, IStepClusters clusters, SparkSubmission submission, JobLogs? logs, TimeProvider time, Random random, ILogger log) : IRemoteEngine
{
    public const string Named = "emr";

    private const string Jar = "command-runner.jar";

    /// <summary>A full cluster is told of so often at most.</summary>
    private static readonly TimeSpan FullAgain = TimeSpan.FromMinutes(15);

    private readonly ConcurrentDictionary<string, StepBoard> _boards = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string Cluster, string? Role), StepAdditions> _additions = new();

    /// <summary>Steps that were asked to end in good order.</summary>
    private readonly ConcurrentDictionary<string, bool> _interrupted = new(StringComparer.Ordinal);

    private long? _fullAt;

    public string Name => Named;

    public SqlDialect Dialect => options.Dialect == EngineDialect.Spark ? SqlDialect.Spark : SqlDialect.DuckDb;

    /// <remarks>
    /// A call is tried for 1 min; AWS takes what was signed at most 5 minutes ago, by a clock that may be 4 minutes away from ours; and a list shows
    /// a step some seconds later. What is sent to an emulation on this machine arrives at once or never.
    /// </remarks>
    public RemoteBounds Bounds { get; } = new(ArriveMax: options.Dialect == EngineDialect.Spark ? TimeSpan.FromMinutes(11) : TimeSpan.FromSeconds(10), options.JobTimeMax);

    public async ValueTask<ImmutableArray<FoundExecution>> FindAsync(JobName run, DateTimeOffset since, CancellationToken cancellationToken)
    {
        var found = ImmutableArray.CreateBuilder<FoundExecution>();
        foreach (var cluster in await clusters.WithStepsAsync(since, cancellationToken))
            foreach (var step in await BoardOf(cluster).SearchAsync(since, cancellationToken))
                if (run.ExecutionOf(step.Name) is { } execution) found.Add(Found(new JobHandle(Name, execution, $"{cluster}/{step.Id}"), step));
        return found.ToImmutable();
    }

    public async ValueTask<Submission> SubmitAsync(RemoteJob job, CancellationToken cancellationToken)
    {
        var askedAt = time.GetTimestamp();
        var program = await submission.ProgramUriAsync(cancellationToken);
        var current = await clusters.CurrentAsync(cancellationToken);
        if (current is not CurrentCluster.Takes { Id: var cluster }) return new Submission.NoRoom(((CurrentCluster.None)current).Why);
        var role = options.RoleOf(job.Name.Table);
        var additions = _additions.GetOrAdd((cluster, role), _ => new StepAdditions(client, cluster, role, BoardOf(cluster), time));
        var (step, outcome) = await additions.AddAsync(new NewEmrStep(job.Name.ToString(), Jar, submission.CommandOf(program, job)), askedAt, cancellationToken);
        switch (outcome)
        {
            case AddStepsOutcome.Added:
                return new Submission.Accepted(new JobHandle(Name, job.Name.Execution, $"{cluster}/{step}"));
            case AddStepsOutcome.NoRoom { Refusal: var refusal }:
                TellFull(cluster, refusal);
                return new Submission.NoRoom(refusal.Cause);
            case AddStepsOutcome.Unknown { Cause: var cause }:
                return new Submission.Lost(cause);
            case AddStepsOutcome.ClusterEnded { Refusal: var refusal }:
                return clusters.Ended(await client.DescribeClusterAsync(cluster, cancellationToken), refusal) is { } fault ? throw fault : new Submission.NoRoom($"cluster {cluster} has ended");
            default:
                throw new InvalidOperationException($"There is no outcome {outcome}.");
        }
    }

    public async ValueTask<FoundExecution> ObserveAsync(JobHandle handle, CancellationToken cancellationToken)
    {
        var (cluster, id) = StepOf(handle);
        if (await BoardOf(cluster).FollowAsync(id, cancellationToken) is not { } step) return new FoundExecution(handle, ExecutionStage.Pending, Document: null, time.GetUtcNow());
        if (step.State.IsTerminal()) _interrupted.TryRemove(handle.Id, out _);
        return Found(handle, step);
    }

    /// <remarks>First in good order; asked again, at once.</remarks>
    public async ValueTask CancelAsync(JobHandle handle, CancellationToken cancellationToken)
    {
        var (cluster, id) = StepOf(handle);
        var option = _interrupted.TryAdd(handle.Id, true) ? EmrStepCancellationOption.SendInterrupt : EmrStepCancellationOption.TerminateProcess;
        try
        {
            // What is refused of a step has ended, or is being cancelled: both are observed.
            await client.CancelStepsAsync(cluster, [id], option, cancellationToken);
        }
        catch (PipelineException e) when (e.Kind == FaultKind.Invalid)
        {
            // A cluster that ends ends its steps.
            if ((await client.DescribeClusterAsync(cluster, cancellationToken)).State.TakesSteps()) throw;
        }
    }

    public async ValueTask<PipelineException> ExplainAsync(FoundExecution failed, AnsweredFailure? said, CancellationToken cancellationToken)
    {
        // A job that was given a word has said it; the log has nothing better.
        if (said is not null) return said.ToException();
        var (cluster, id) = StepOf(failed.Handle);
        var thing = $"Step {id} of EMR cluster {cluster}";
        var reason = failed.Reason ?? $"it is {failed.Stage.ToString().ToLowerInvariant()}";
        if (failed.Stage == ExecutionStage.Cancelled)
            return new PipelineException(FaultKind.Unreachable, thing, $"it was cancelled: {reason.TrimEnd('.')}", $"Look who cancels steps of this cluster, or ends it: aws emr describe-cluster --region {options.Aws.Region} --cluster-id {cluster}.");
        return SparkFailure.Of(thing, logs is null ? new SparkRemains { Reason = reason } : await logs.OfStepAsync(cluster, id, reason, cancellationToken));
    }

    private StepBoard BoardOf(string cluster) => _boards.GetOrAdd(cluster, id => new StepBoard(client, id, options.PollInterval, time, random));

    private void TellFull(string cluster, PipelineException refusal)
    {
        if (_fullAt is { } at && time.GetElapsedTime(at) < FullAgain) return;
        _fullAt = time.GetTimestamp();
        log.Full(cluster, refusal.Cause);
    }

    private FoundExecution Found(JobHandle handle, EmrStep step)
    {
        var stage = step.State switch
        {
            EmrStepState.Pending => ExecutionStage.Pending,
            EmrStepState.CancelPending => ExecutionStage.Cancelling,
            EmrStepState.Completed => ExecutionStage.Succeeded,
            EmrStepState.Failed => ExecutionStage.Failed,
            EmrStepState.Cancelled or EmrStepState.Interrupted => ExecutionStage.Cancelled,
            // Also one that is not known: it may write.
            _ => ExecutionStage.Running,
        };
        return new FoundExecution(handle, stage, SparkSubmission.Sha256Of(step.Args), step.StartedAt ?? step.CreatedAt ?? time.GetUtcNow())
        {
            Reason = ReasonOf(step), Metrics = EmrClusterPrices.Metrics(handle.Id, step, options.Prices),
        };
    }

    /// <summary>All that EMR says of an end; null: nothing.</summary>
    private static string? ReasonOf(EmrStep step)
    {
        string?[] said = [step.State == EmrStepState.Interrupted ? "its cluster has ended before it" : null, step.StateReason, step.Failure?.Reason, step.Failure?.Message, step.Failure?.LogFile is { } file ? $"log file {file}" : null];
        var reason = string.Join("; ", said.Where(text => !string.IsNullOrWhiteSpace(text)).Select(text => text!.TrimEnd('.')));
        return reason.Length == 0 ? null : reason;
    }

    private static (string Cluster, string Step) StepOf(JobHandle handle) =>
        handle.Id.Split('/') is [var cluster, var step] ? (cluster, step) : throw new ArgumentException($"{handle.Id} is no step of a cluster.", nameof(handle));
}
