using System.Collections.Immutable;
using Pipeline.Aws.Emr;
using Pipeline.Core;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Tests.Emr;

/// <summary>Executions as steps of a cluster, asked for one by one.</summary>
internal sealed class StepEngine(EmrClient client, string cluster, RemoteBounds bounds, TimeProvider time) : IRemoteEngine
{
    public string Name => "emr";

    public SqlDialect Dialect => SqlDialect.DuckDb;

    public RemoteBounds Bounds => bounds;

    public async ValueTask<ImmutableArray<FoundExecution>> FindAsync(JobName run, DateTimeOffset since, CancellationToken cancellationToken)
    {
        var found = ImmutableArray.CreateBuilder<FoundExecution>();
        await foreach (var step in client.ListStepsAsync(cluster, [], cancellationToken))
        {
            if (run.ExecutionOf(step.Name) is { } execution) found.Add(FoundOf(step, execution));
            if (step.CreatedAt < since) break;
        }

        return found.ToImmutable();
    }

    public async ValueTask<Submission> SubmitAsync(RemoteJob job, CancellationToken cancellationToken)
    {
        string[] args = ["spark-submit", "medallion_job.py", "--document", job.DocumentUri, "--sha256", job.Sha256, "--execution", job.Name.Execution, "--answer", job.AnswerUri];
        return await client.AddStepsAsync(cluster, [new NewEmrStep(job.Name.ToString(), "command-runner.jar", args)], null, cancellationToken) switch
        {
            AddStepsOutcome.Added added => new Submission.Accepted(new JobHandle(Name, job.Name.Execution, added.StepIds[0])),
            AddStepsOutcome.NoRoom => new Submission.NoRoom("the cluster is full"),
            AddStepsOutcome.Unknown unknown => new Submission.Lost(unknown.Cause),
            AddStepsOutcome.ClusterEnded ended => throw ended.Refusal,
            var other => throw new InvalidOperationException($"Unknown outcome {other}."),
        };
    }

    public async ValueTask<FoundExecution> ObserveAsync(JobHandle handle, CancellationToken cancellationToken)
    {
        await Task.Delay(TimeSpan.FromSeconds(10), time, cancellationToken);
        return FoundOf((await client.FindStepsAsync(cluster, [handle.Id], cancellationToken)).Single(), handle.Execution);
    }

    public async ValueTask CancelAsync(JobHandle handle, CancellationToken cancellationToken) =>
        await client.CancelStepsAsync(cluster, [handle.Id], EmrStepCancellationOption.TerminateProcess, cancellationToken);

    public ValueTask<PipelineException> ExplainAsync(FoundExecution failed, AnsweredFailure? said, CancellationToken cancellationToken) =>
        ValueTask.FromResult(said?.ToException() ?? new PipelineException(FaultKind.Unreachable, $"Step {failed.Handle.Id}", $"it is {failed.Stage}", "Look at its log."));

    private FoundExecution FoundOf(EmrStep step, string execution) => new(new JobHandle(Name, execution, step.Id), step.State switch
    {
        EmrStepState.Pending => ExecutionStage.Pending,
        EmrStepState.CancelPending => ExecutionStage.Cancelling,
        EmrStepState.Completed => ExecutionStage.Succeeded,
        EmrStepState.Cancelled => ExecutionStage.Cancelled,
        EmrStepState.Failed or EmrStepState.Interrupted => ExecutionStage.Failed,
        _ => ExecutionStage.Running,
    }, step.Args.SkipWhile(arg => arg != "--sha256").Skip(1).FirstOrDefault(), step.StartedAt ?? step.CreatedAt ?? time.GetUtcNow());
}
