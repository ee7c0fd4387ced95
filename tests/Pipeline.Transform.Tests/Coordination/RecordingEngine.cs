using System.Collections.Concurrent;
using Pipeline.Core;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Coordination;

/// <summary>Remembers what it was asked to run; without an inner runner it never comes to an end.</summary>
internal sealed class RecordingEngine(IJobRunner? inner) : IJobRunner
{
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public SqlDialect DialectOf(JobPins pins) => SqlDialect.DuckDb;

    public TableId? FailFor { get; init; }

    /// <summary>Whose runs never come to an end by themselves.</summary>
    public TableId? EndlessFor { get; set; }

    /// <summary>Thrown by every run.</summary>
    public PipelineException? Away { get; set; }

    public Task Started => _started.Task;

    public ConcurrentQueue<JobSpec> Specs { get; } = new();

    public async Task<JobResult> RunAsync(JobSpec spec, JobSubmission submission, CancellationToken cancellationToken)
    {
        Specs.Enqueue(spec);
        _started.TrySetResult();
        if (spec.Pins.Table == FailFor) throw new PipelineException(FaultKind.Invalid, $"Table {FailFor}", "the query is wrong", "Correct it.");
        if (Away is { } away) throw away;
        if (inner is null || spec.Pins.Table == EndlessFor) await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        return await inner!.RunAsync(spec, submission, cancellationToken);
    }
}
