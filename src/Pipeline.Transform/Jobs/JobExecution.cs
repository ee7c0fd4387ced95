using System.Runtime.ExceptionServices;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;

namespace Pipeline.Transform.Jobs;

/// <summary>Has an engine execute a document, and looks whether what it answers is so.</summary>
internal sealed class JobExecution(IJobEngine engine, IObjectStore store, JobSubmission submission, TimeProvider time)
{
    public IObjectStore Store => store;

    /// <param name="targets">The tables of the outputs by name; null: not there yet.</param>
    /// <exception cref="PipelineException">The run has failed, or the answer is wrong.</exception>
    public async Task<CheckedAnswer> RunAsync(JobDocument document, IReadOnlyDictionary<string, Snapshot?> targets, CancellationToken cancellationToken)
    {
        var utf8 = document.ToUtf8();
        if (submission.Before is { } before && await TryAgainAsync(before, document, utf8, targets, cancellationToken) is { } foundAgain) return foundAgain;
        var handle = await engine.SubmitAsync(utf8, Guid.NewGuid().ToString("N"), cancellationToken);
        submission.Submitted(handle);
        return await AcceptAsync(await AnswerAsync(handle, document, cancellationToken), handle, document, utf8, targets, cancellationToken);
    }

    /// <summary>
    /// The answer of an execution that another node has begun; null: there is none to this document, or not all of it is there any more.
    /// Another execution begins then.
    /// </summary>
    private async Task<CheckedAnswer?> TryAgainAsync(JobHandle before, JobDocument document, byte[] utf8, IReadOnlyDictionary<string, Snapshot?> targets, CancellationToken cancellationToken)
    {
        if (before.Engine != engine.Name) return null;
        submission.Submitted(before);
        var state = await EndAsync(before, cancellationToken);
        if (state is not JobState.Answered { Answer: var answer } || answer.Document != JobDocument.Sha256Of(utf8)) return null;
        try
        {
            return await AcceptAsync(answer, before, document, utf8, targets, cancellationToken);
        }
        catch (PipelineException e) when (e.Kind == FaultKind.Damaged)
        {
            return null;
        }
    }

    private async Task<CheckedAnswer> AcceptAsync(JobAnswer answer, JobHandle handle, JobDocument document, byte[] utf8, IReadOnlyDictionary<string, Snapshot?> targets, CancellationToken cancellationToken)
    {
        var accepted = await new AnswerCheck(store, document, JobDocument.Sha256Of(utf8), handle.Execution, time).AcceptAsync(answer, targets, cancellationToken);
        // Marks have been read; what a run that is cut off leaves is vacuum's.
        foreach (var output in answer.Outputs.Where(output => output.Marks is not null))
            await store.DeleteAsync($"{document.Outputs.Single(asked => asked.Name == output.Name).Location}/{output.Marks!.Path}", cancellationToken);
        return accepted;
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
