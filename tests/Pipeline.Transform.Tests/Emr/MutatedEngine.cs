using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Tests.Emr;

/// <summary>What somebody may get wrong.</summary>
public enum Mutation
{
    None,

    /// <summary>An execution is known by the document that it was given, and not by its run.</summary>
    SearchByHashOnly,

    /// <summary>What was not answered is taken for what did not arrive.</summary>
    ResubmitOnTimeout,

    /// <summary>Whoever was told to end is taken for who has ended.</summary>
    CancelWithoutWaiting,
}

/// <summary>An engine with such a mistake in it.</summary>
internal sealed class MutatedEngine(IRemoteEngine inner, Mutation mutation) : IRemoteEngine
{
    private readonly HashSet<string> _cancelled = [];
    private string? _document;

    public string Name => inner.Name;

    public SqlDialect Dialect => inner.Dialect;

    public RemoteBounds Bounds => inner.Bounds;

    public static IRemoteEngine Of(IRemoteEngine engine, Mutation mutation) => mutation == Mutation.None ? engine : new MutatedEngine(engine, mutation);

    public async ValueTask<ImmutableArray<FoundExecution>> FindAsync(JobName run, DateTimeOffset since, CancellationToken cancellationToken)
    {
        var found = await inner.FindAsync(run, since, cancellationToken);
        return mutation == Mutation.SearchByHashOnly ? [.. found.Where(execution => execution.Document == _document)] : [.. found.Select(Seen)];
    }

    public async ValueTask<Submission> SubmitAsync(RemoteJob job, CancellationToken cancellationToken)
    {
        _document = job.Sha256;
        var submitted = await inner.SubmitAsync(job, cancellationToken);
        return mutation == Mutation.ResubmitOnTimeout && submitted is Submission.Lost ? await inner.SubmitAsync(job, cancellationToken) : submitted;
    }

    public async ValueTask<FoundExecution> ObserveAsync(JobHandle handle, CancellationToken cancellationToken) => Seen(await inner.ObserveAsync(handle, cancellationToken));

    public async ValueTask CancelAsync(JobHandle handle, CancellationToken cancellationToken)
    {
        await inner.CancelAsync(handle, cancellationToken);
        _cancelled.Add(handle.Execution);
    }

    public ValueTask<PipelineException> ExplainAsync(FoundExecution failed, AnsweredFailure? said, CancellationToken cancellationToken) => inner.ExplainAsync(failed, said, cancellationToken);

    private FoundExecution Seen(FoundExecution found) =>
        mutation == Mutation.CancelWithoutWaiting && found.IsActive && _cancelled.Contains(found.Handle.Execution) ? found with { Stage = ExecutionStage.Cancelled } : found;
}
