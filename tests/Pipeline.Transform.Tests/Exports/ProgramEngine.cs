using Pipeline.Testing.Interpreter;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Exports;

/// <summary>An engine that is a program: given a document's path and SHA-256, an execution's id and where to answer.</summary>
internal sealed class ProgramEngine(JobInterpreter program, string directory) : IJobEngine
{
    public string Name => "program";

    public SqlDialect Dialect => SqlDialect.DuckDb;

    public async ValueTask<JobHandle> SubmitAsync(ReadOnlyMemory<byte> document, string execution, CancellationToken cancellationToken)
    {
        await File.WriteAllBytesAsync(Document(execution), document, cancellationToken);
        return new JobHandle(Name, execution, JobDocument.Sha256Of(document.Span));
    }

    public async ValueTask<JobState> ObserveAsync(JobHandle handle, CancellationToken cancellationToken)
    {
        var answer = Path.Combine(directory, $"{handle.Execution}.answer.json");
        var (exit, lines) = await program.InterpretAsync(Document(handle.Execution), handle.Id, handle.Execution, answer, cancellationToken);
        Assert.True(exit is 0 or 1, string.Join(Environment.NewLine, lines));
        return new JobState.Answered(JobAnswer.Read(await File.ReadAllBytesAsync(answer, cancellationToken)));
    }

    public ValueTask CancelAsync(JobHandle handle) => ValueTask.CompletedTask;

    private string Document(string execution) => Path.Combine(directory, $"{execution}.json");
}
