using System.Runtime.ExceptionServices;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;

namespace Pipeline.Transform.Jobs;

/// <summary>Has an engine execute a document, and looks whether what it answers is so.</summary>
internal sealed class JobExecution(IJobEngine engine, IObjectStore store, TimeProvider time)
{
    public IObjectStore Store => store;

    /// <param name="targets">The tables of the outputs by name; null: not there yet.</param>
    /// <exception cref="PipelineException">The run has failed, or the answer is wrong.</exception>
    public async Task<CheckedAnswer> RunAsync(JobDocument document, IReadOnlyDictionary<string, Snapshot?> targets, CancellationToken cancellationToken)
    {
        var utf8 = document.ToUtf8();
        var execution = Guid.NewGuid().ToString("N");
        var handle = await engine.SubmitAsync(utf8, execution, cancellationToken);
        var answer = await AnswerAsync(handle, document, cancellationToken);
        var accepted = await new AnswerCheck(store, document, JobDocument.Sha256Of(utf8), execution, time).AcceptAsync(answer, targets, cancellationToken);
        // Marks have been read; what a run that is cut off leaves is vacuum's.
        foreach (var output in answer.Outputs.Where(output => output.Marks is not null))
            await store.DeleteAsync($"{document.Outputs.Single(asked => asked.Name == output.Name).Location}/{output.Marks!.Path}", cancellationToken);
        return accepted;
    }

    private async Task<JobAnswer> AnswerAsync(JobHandle handle, JobDocument document, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                switch (await engine.ObserveAsync(handle, cancellationToken))
                {
                    case JobState.Running:
                        continue;
                    case JobState.Answered answered:
                        return answered.Answer;
                    case JobState.Failed failed:
                        ExceptionDispatchInfo.Throw(failed.Cause);
                        break;
                    default:
                        throw new PipelineException(FaultKind.Unreachable, $"Run {document.Run.Table}#{document.Run.Number}", $"engine {engine.Name} does not know its execution {handle.Execution} any more",
                            "Nothing to do: the run is tried again.");
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await engine.CancelAsync(handle);
            throw;
        }
    }
}
