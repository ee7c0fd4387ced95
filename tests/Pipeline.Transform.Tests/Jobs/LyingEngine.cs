using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Jobs;

/// <summary>Has another engine do the work, and then says something else about it, or lays hands on its files.</summary>
internal sealed class LyingEngine(IJobEngine inner, Func<JobDocument, JobAnswer, Task<JobAnswer>> lie) : IJobEngine
{
    private readonly Dictionary<string, JobDocument> _documents = new(StringComparer.Ordinal);

    public string Name => "lying";

    public SqlDialect Dialect => inner.Dialect;

    public ValueTask<JobHandle> SubmitAsync(ReadOnlyMemory<byte> document, string execution, CancellationToken cancellationToken)
    {
        _documents.Add(execution, JobDocument.Read(document.Span));
        return inner.SubmitAsync(document, execution, cancellationToken);
    }

    public async ValueTask<JobState> ObserveAsync(JobHandle handle, CancellationToken cancellationToken) =>
        await inner.ObserveAsync(handle, cancellationToken) is JobState.Answered honest
            // What it says has been read from text, as that of an engine elsewhere.
            ? new JobState.Answered(JobAnswer.Read((await lie(_documents[handle.Execution], honest.Answer)).ToUtf8()))
            : new JobState.Running();

    public ValueTask CancelAsync(JobHandle handle) => inner.CancelAsync(handle);
}
