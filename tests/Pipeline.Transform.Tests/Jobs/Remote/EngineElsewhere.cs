using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta.Storage;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Tests.Jobs.Remote;

/// <summary>
/// An engine whose executions outlive whoever has submitted them: each goes on until the test ends it. What it was asked for is
/// written down, and that two could have written at once.
/// </summary>
internal sealed class EngineElsewhere(IJobEngine interpreter, IObjectStore store, TimeProvider time) : IRemoteEngine
{
    public const string Named = "emr";

    private readonly List<Entry> _entries = [];
    private readonly List<string> _told = [];
    private readonly Dictionary<JobHandle, Task> _endings = [];

    public string Name => Named;

    public SqlDialect Dialect => SqlDialect.DuckDb;

    public RemoteBounds Bounds { get; init; } = new(ArriveMax: TimeSpan.FromMinutes(6), RunMax: TimeSpan.FromHours(12));

    /// <summary>What happened, in its order: who was submitted, cancelled, ended.</summary>
    public IReadOnlyList<string> Told
    {
        get
        {
            lock (_entries) return [.. _told];
        }
    }

    /// <summary>The stage that executions go to by themselves; null: they go on until the test says so.</summary>
    public ExecutionStage? EndsAs { get; set; } = ExecutionStage.Succeeded;

    /// <summary>What becomes of the next submissions; then they are accepted.</summary>
    public Queue<Lot> Lots { get; } = [];

    /// <summary>It takes no more.</summary>
    public bool IsFull { get; set; }

    /// <summary>Cancelled executions say that they are, and go on.</summary>
    public bool IsDeaf { get; set; }

    /// <summary>Told before a submission is looked at.</summary>
    public Action<RemoteJob>? Submitting { get; set; }

    /// <summary>Told of each search, by whoever makes it.</summary>
    public Action? Searching { get; set; }

    /// <summary>Awaited by whoever observes an execution, before he sees anything.</summary>
    public Func<Task>? Observing { get; set; }

    public int Searches { get; private set; }

    public int Submitted => Told.Count(told => told.StartsWith("submitted", StringComparison.Ordinal));

    /// <summary>Executions that were submitted while another of their run could write.</summary>
    public int Doubled { get; private set; }

    public ValueTask<ImmutableArray<FoundExecution>> FindAsync(JobName run, DateTimeOffset since, CancellationToken cancellationToken)
    {
        Searching?.Invoke();
        lock (_entries)
        {
            Searches++;
            return ValueTask.FromResult(_entries.Where(entry => run.ExecutionOf(entry.Job.Name.ToString()) is not null && (entry.Found.IsActive || entry.At > since)).Select(entry => entry.Found).ToImmutableArray());
        }
    }

    public ValueTask<Submission> SubmitAsync(RemoteJob job, CancellationToken cancellationToken)
    {
        Submitting?.Invoke(job);
        var lot = IsFull ? Lot.NoRoom : Lots.TryDequeue(out var next) ? next : Lot.Accepted;
        if (lot == Lot.NoRoom) return ValueTask.FromResult<Submission>(new Submission.NoRoom("it is full"));
        if (lot == Lot.Refused) throw new PipelineException(FaultKind.Invalid, "Cluster", "it takes no such step", "Correct it.");
        var handle = new JobHandle(Name, job.Name.Execution, $"s-{job.Name.Execution}");
        if (lot != Lot.LostBefore) Arrive(job, handle);
        return ValueTask.FromResult<Submission>(lot == Lot.Accepted ? new Submission.Accepted(handle) : new Submission.Lost(new TimeoutException()));
    }

    /// <summary>A submission that somebody has sent arrives.</summary>
    public void Arrive(RemoteJob job, JobHandle handle)
    {
        lock (_entries)
        {
            if (_entries.Any(entry => entry.Found.IsActive && job.Name.ExecutionOf(entry.Job.Name.ToString()) is not null)) Doubled++;
            _entries.Add(new Entry(job, new FoundExecution(handle, ExecutionStage.Pending, job.Sha256, time.GetUtcNow()), time.GetUtcNow()));
            _told.Add($"submitted {_entries.Count}");
        }
    }

    public async ValueTask<FoundExecution> ObserveAsync(JobHandle handle, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Observing is { } observing) await observing();
        Entry entry;
        lock (_entries) entry = Find(handle);
        if (entry.Found.Stage is ExecutionStage.Pending or ExecutionStage.Running && EndsAs is { } end) await EndAsync(handle, end);
        else if (entry.Found.IsActive) await Task.Delay(TimeSpan.FromSeconds(10), time, cancellationToken);
        lock (_entries) return Find(handle).Found;
    }

    public ValueTask CancelAsync(JobHandle handle, CancellationToken cancellationToken)
    {
        lock (_entries)
        {
            _told.Add($"cancelled {NumberOf(handle)}");
            Set(handle, IsDeaf ? ExecutionStage.Cancelling : ExecutionStage.Cancelled);
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<PipelineException> ExplainAsync(FoundExecution failed, AnsweredFailure? said, CancellationToken cancellationToken) =>
        ValueTask.FromResult(said?.ToException() ?? new PipelineException(FaultKind.Unreachable, "Step", $"it is {failed.Stage}", "Look."));

    /// <summary>Ends an execution, once, whoever sees it; one that succeeds has done its work.</summary>
    public Task EndAsync(JobHandle handle, ExecutionStage stage)
    {
        lock (_entries) return _endings.TryGetValue(handle, out var ending) ? ending : _endings[handle] = Task.Run(() => FinishAsync(handle, stage), CancellationToken.None);
    }

    private async Task FinishAsync(JobHandle handle, ExecutionStage stage)
    {
        Entry entry;
        lock (_entries) entry = Find(handle);
        if (stage == ExecutionStage.Succeeded)
        {
            var document = await File.ReadAllBytesAsync(entry.Job.DocumentUri, CancellationToken.None);
            var inside = await interpreter.SubmitAsync(document, entry.Job.Name.Execution, CancellationToken.None);
            while (true)
            {
                var state = await interpreter.ObserveAsync(inside, CancellationToken.None);
                if (state is JobState.Running) continue;
                var stop = state is JobState.Failed { Cause: PipelineException { IsRuleBroken: true } cause } ? cause : null;
                if (stop is not null) stage = ExecutionStage.Failed;
                var answer = stop is null ? Assert.IsType<JobState.Answered>(state).Answer
                    : new JobAnswer { Format = JobDocument.CurrentFormat, Document = entry.Job.Sha256, Execution = entry.Job.Name.Execution, Failure = new AnsweredFailure(AnsweredFailure.RuleBroken, stop.Thing, stop.Cause, stop.NextStep) };
                await store.PutIfAbsentAsync(JobArtifacts.AnswerOf(entry.Job.Name), answer.ToUtf8(), CancellationToken.None);
                break;
            }
        }

        lock (_entries)
        {
            _told.Add($"{stage.ToString().ToLowerInvariant()} {NumberOf(handle)}");
            Set(handle, stage);
        }
    }

    /// <summary>The executions that can write.</summary>
    public IReadOnlyList<JobHandle> Active
    {
        get
        {
            lock (_entries) return [.. _entries.Where(entry => entry.Found.IsActive).Select(entry => entry.Found.Handle)];
        }
    }

    private Entry Find(JobHandle handle) => _entries.Single(entry => entry.Found.Handle == handle);

    private int NumberOf(JobHandle handle) => _entries.FindIndex(entry => entry.Found.Handle == handle) + 1;

    private void Set(JobHandle handle, ExecutionStage stage)
    {
        var i = NumberOf(handle) - 1;
        _entries[i] = _entries[i] with { Found = _entries[i].Found with { Stage = stage } };
    }

    private sealed record Entry(RemoteJob Job, FoundExecution Found, DateTimeOffset At);
}

/// <summary>What becomes of a submission.</summary>
internal enum Lot
{
    Accepted,

    /// <summary>It arrives, and its answer does not.</summary>
    LostAfter,

    /// <summary>It never arrives.</summary>
    LostBefore,

    NoRoom,

    Refused,
}
