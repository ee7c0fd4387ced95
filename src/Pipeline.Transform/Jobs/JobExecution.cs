using System.Collections.Immutable;
using System.Runtime.ExceptionServices;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Jobs;

/// <summary>Has a document executed, and looks whether what is answered is so.</summary>
internal abstract class JobExecution(IObjectStore store, TimeProvider time)
{
    private ImmutableArray<string> _marks = [];

    public IObjectStore Store => store;

    /// <summary>What the engine's service says of the execution that was accepted, by the names of its commit's metrics.</summary>
    public ImmutableDictionary<string, string> Metrics { get; private set; } = ImmutableDictionary<string, string>.Empty;

    /// <param name="targets">The tables of the outputs by name; null: not there yet.</param>
    /// <exception cref="PipelineException">The run has failed, or the answer is wrong.</exception>
    public abstract Task<CheckedAnswer> RunAsync(JobDocument document, IReadOnlyDictionary<string, Snapshot?> targets, CancellationToken cancellationToken);

    /// <summary>
    /// When all is committed: deletes what the accepted answer has beside files of tables. Until then another who takes over the execution
    /// needs it. What cannot be deleted, and what a run that is cut off leaves, is vacuum's.
    /// </summary>
    public async ValueTask TidyAsync(CancellationToken cancellationToken) => await Background.FailureAsync(async cancel =>
    {
        foreach (var path in _marks) await store.DeleteAsync(path, cancel);
    }, cancellationToken);

    protected async Task<CheckedAnswer> AcceptAsync(JobAnswer answer, string execution, JobDocument document, byte[] utf8, IReadOnlyDictionary<string, Snapshot?> targets, CancellationToken cancellationToken,
        ImmutableDictionary<string, string>? metrics = null)
    {
        var accepted = await new AnswerCheck(store, document, JobDocument.Sha256Of(utf8), execution, time).AcceptAsync(answer, targets, cancellationToken);
        _marks = [.. answer.Outputs.Where(output => output.Marks is not null).Select(output => $"{document.Outputs.Single(asked => asked.Name == output.Name).Location}/{output.Marks!.Path}")];
        return metrics is null ? accepted : accepted with { Metrics = Metrics = metrics };
    }
}

/// <summary>By an engine of this process, whose executions end with it.</summary>
internal sealed class InProcessExecution(IJobEngine engine, IObjectStore store, TimeProvider time) : JobExecution(store, time)
{
    public override async Task<CheckedAnswer> RunAsync(JobDocument document, IReadOnlyDictionary<string, Snapshot?> targets, CancellationToken cancellationToken)
    {
        var utf8 = document.ToUtf8();
        var handle = await engine.SubmitAsync(utf8, Guid.NewGuid().ToString("N"), cancellationToken);
        return await AcceptAsync(await AnswerAsync(handle, document, cancellationToken), handle.Execution, document, utf8, targets, cancellationToken);
    }

    private async Task<JobAnswer> AnswerAsync(JobHandle handle, JobDocument document, CancellationToken cancellationToken)
    {
        switch (await EndAsync(handle, cancellationToken))
        {
            case JobState.Answered answered:
                return answered.Answer;
            case JobState.Failed failed:
                ExceptionDispatchInfo.Throw(failed.Cause);
                throw failed.Cause;
            default:
                throw new PipelineException(FaultKind.Unreachable, $"Run {document.Run.Table}#{document.Run.Number}", $"engine {engine.Name} does not know its execution {handle.Execution} any more",
                    "Nothing to do: the run is tried again.");
        }
    }

    /// <summary>How an execution has ended.</summary>
    private async Task<JobState> EndAsync(JobHandle handle, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
                if (await engine.ObserveAsync(handle, cancellationToken) is var state and not JobState.Running) return state;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await engine.CancelAsync(handle);
            throw;
        }
    }
}

/// <summary>By an engine elsewhere, whose executions outlive whoever has submitted them.</summary>
internal sealed class ElsewhereExecution(RemoteExecution remote, OpenTables tables, TimeProvider time) : JobExecution(tables.Lake.Store, time)
{
    /// <exception cref="JobSupersededException">Another has committed the run before an execution could be claimed.</exception>
    public override async Task<CheckedAnswer> RunAsync(JobDocument document, IReadOnlyDictionary<string, Snapshot?> targets, CancellationToken cancellationToken)
    {
        document = await DocumentRoots.OfAsync(document, tables.Lake.Store, cancellationToken);
        var utf8 = document.ToUtf8();
        return await remote.RunAsync(document, utf8, cancel => RequireOpenAsync(document, cancel),
            (answer, execution) => AcceptAsync(answer, execution.Handle.Execution, document, utf8, targets, cancellationToken, execution.Metrics), cancellationToken);
    }

    /// <summary>Whoever has the same run may have committed it since: what is executed then is of no use.</summary>
    private async ValueTask RequireOpenAsync(JobDocument document, CancellationToken cancellationToken)
    {
        foreach (var output in document.Outputs)
            if (await tables.TryOpenAsync(TableId.Parse(output.Name), cancellationToken) is { } table && table.Current.Position(JobPins.RunAppId) >= document.Run.Number)
                throw new JobSupersededException($"{document.Run.Table}#{document.Run.Number} was committed to {output.Name} by another meanwhile.");
    }
}
