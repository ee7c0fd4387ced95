using System.Collections.Concurrent;
using Pipeline.Core;
using Pipeline.Delta.Storage;
using Pipeline.DuckDb;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Engines.DuckDb;

/// <summary>Interprets documents in this process. Each execution has a DuckDB of its own, with its share of the memory.</summary>
/// <param name="store">The lake's: what locations are below.</param>
public sealed class DuckDbEngine(IObjectStore store, TransformOptions options) : IJobEngine
{
    /// <summary>How long an observer waits for news.</summary>
    private static readonly TimeSpan ObservedFor = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, Execution> _executions = new(StringComparer.Ordinal);

    public string Name => "duckdb";

    public SqlDialect Dialect => SqlDialect.DuckDb;

    /// <summary>DuckDB's settings for one job.</summary>
    public static DuckDbSettings SettingsOf(TransformOptions options) =>
        new(options.MemoryBytesMax / options.JobsMax, options.Threads, options.TempDirectory) { Compression = options.Compression };

    public ValueTask<JobHandle> SubmitAsync(ReadOnlyMemory<byte> document, string execution, CancellationToken cancellationToken)
    {
        var cancel = new CancellationTokenSource();
        // DuckDB's calls block, so an execution has a thread of the pool to itself.
        var work = Task.Run(() => RunAsync(document, execution, cancel.Token), cancel.Token);
        if (!_executions.TryAdd(execution, new Execution(work, cancel))) throw new ArgumentException($"There is an execution {execution} already.", nameof(execution));
        return ValueTask.FromResult(new JobHandle(Name, execution, execution));
    }

    public async ValueTask<JobState> ObserveAsync(JobHandle handle, CancellationToken cancellationToken)
    {
        if (!_executions.TryGetValue(handle.Id, out var execution)) return new JobState.Unknown();
        // Neither its failure nor the end of the wait is thrown: both are seen below.
        await ((Task)execution.Work).WaitAsync(ObservedFor, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!execution.Work.IsCompleted)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return new JobState.Running();
        }

        _executions.TryRemove(handle.Id, out _);
        execution.Cancel.Dispose();
        return execution.Work switch
        {
            { IsCompletedSuccessfully: true } => new JobState.Answered(await execution.Work),
            { IsCanceled: true } => new JobState.Failed(new OperationCanceledException($"Execution {handle.Execution} was cancelled.")),
            var failed => new JobState.Failed(failed.Exception!.InnerException!),
        };
    }

    public async ValueTask CancelAsync(JobHandle handle)
    {
        if (!_executions.TryRemove(handle.Id, out var execution)) return;
        await execution.Cancel.CancelAsync();
        // It ends when DuckDB has been interrupted: until then its files are open.
        await ((Task)execution.Work).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        execution.Cancel.Dispose();
    }

    private async Task<JobAnswer> RunAsync(ReadOnlyMemory<byte> document, string execution, CancellationToken cancellationToken)
    {
        var settings = SettingsOf(options);
        try
        {
            return await RunAsync(document, execution, settings, cancellationToken);
        }
        // Each thread has buffers of its own, and a run that has made its first commit, or is of one commit, cannot be made smaller.
        catch (PipelineException e) when (e.Kind == FaultKind.TooLarge && settings.Threads > 1)
        {
            return await RunAsync(document, execution, settings with { Threads = 1 }, cancellationToken);
        }
    }

    private async Task<JobAnswer> RunAsync(ReadOnlyMemory<byte> document, string execution, DuckDbSettings settings, CancellationToken cancellationToken)
    {
        try
        {
            var read = JobDocument.Read(document.Span);
            var key = read.Masks != true ? null : await options.RevealMaskKeyAsync(cancellationToken) ?? throw TransformOptions.NoMaskKey(read.Run.Table, "it masks");
            using var session = DuckDbSession.Open(settings with { Compression = options.CompressionOf(read.Run.Table) }, cancellationToken);
            return await new StepRun(session, settings, store, read, JobDocument.Sha256Of(document.Span), execution, key).RunAsync(cancellationToken);
        }
        catch (IOException e) when (DiskErrors.IsFull(e) || DiskErrors.IsReadOnly(e))
        {
            // The lake puts its own files' errors into words: this is a file of the session.
            throw DuckDbSession.Full(options.TempDirectory, e);
        }
    }

    private sealed record Execution(Task<JobAnswer> Work, CancellationTokenSource Cancel);
}
