using System.Security.Cryptography;

namespace Pipeline.Emulation.Emr.Serverless;

/// <summary>Job runs as they go through their states. Thread-safe; all that takes time takes it by the clock.</summary>
internal sealed class ServerlessJobs : IAsyncDisposable
{
    private const string Letters = "abcdefghijklmnopqrstuvwxyz0123456789";

    private readonly EmrOptions _options;
    private readonly Lock _lock = new();
    private readonly EmrStore _store;
    private readonly Dictionary<string, (CancellationTokenSource Cancel, Task Ended)> _running = new(StringComparer.Ordinal);
    private readonly Later _later;
    private bool _isDisposed;

    public ServerlessJobs(EmrOptions options, EmrStore store)
    {
        (_options, _store, _later) = (options, store, new Later(options.Time));
        foreach (var job in store.Jobs.Where(job => !job.HasEnded).ToList())
        {
            if (job.StartedAt is not null) options.EndLeftOver(job.Id);
            if (job.State == JobState.Cancelling) End(job.Id, JobState.Cancelled, "Cancelled by the user.");
            else if (job.StartedAt is not null) End(job.Id, JobState.Failed, "The job's workers are gone.");
            else Go(job.Id);
        }
    }

    private DateTimeOffset Now => _options.Time.GetUtcNow();

    public T With<T>(Func<EmrStore, T> act)
    {
        lock (_lock) return act(_store);
    }

    public static string NewId() => "00" + RandomNumberGenerator.GetString(Letters, 14);

    public ServerlessJob Start(ServerlessJob job)
    {
        lock (_lock)
        {
            Put(job, "submitted");
            GoLater(job.Id);
            return job;
        }
    }

    /// <summary>Whether it could be told: it has not ended.</summary>
    public bool Cancel(string id, TimeSpan grace)
    {
        lock (_lock)
        {
            if (_store.Job(id) is not { HasEnded: false } job) return false;
            if (job.StartedAt is null)
            {
                End(id, JobState.Cancelled, "Cancelled by the user.");
                return true;
            }

            if (job.State != JobState.Cancelling) Put(job with { State = JobState.Cancelling });
            _later.After(_options.CancelsAfter + grace, () => Interrupt(id));
            return true;
        }
    }

    public async ValueTask DisposeAsync()
    {
        List<(CancellationTokenSource Cancel, Task Ended)> running;
        lock (_lock)
        {
            if (_isDisposed) return;
            _isDisposed = true;
            _later.Dispose();
            running = [.. _running.Values];
        }

        foreach (var (cancel, _) in running) await cancel.CancelAsync();
        await Task.WhenAll(running.Select(job => job.Ended));
    }

    private void GoLater(string id) => _later.After(_options.StepStartsAfter / 3, () => Go(id));

    /// <summary>Takes a job to its next state: submitted, pending, scheduled, running; queued while others have the capacity.</summary>
    private void Go(string id)
    {
        EmrWork? begun = null;
        lock (_lock)
        {
            if (_isDisposed || _store.Job(id) is not { HasEnded: false, StartedAt: null } job) return;
            var next = job.State switch { JobState.Submitted => JobState.Pending, JobState.Scheduled => JobState.Running, _ => JobState.Scheduled };
            if (next == JobState.Scheduled && _store.Jobs.Count(other => other.Application == job.Application && other.State is JobState.Scheduled or JobState.Running or JobState.Cancelling) >= _options.ServerlessJobsMax) next = JobState.Queued;
            if (next != job.State) Put(job with { State = next, StartedAt = next == JobState.Running ? Now : null });
            if (next is JobState.Pending or JobState.Scheduled) GoLater(id);
            if (next != JobState.Running) return;
            var cancel = new CancellationTokenSource();
            _running[id] = (cancel, Task.CompletedTask);
            begun = new EmrWork(job.Application, id, job.Name ?? "", "command-runner.jar", job.Command, LogsOf(job), cancel.Token);
            if (job.TimeoutMinutes is > 0 and var minutes) _later.After(TimeSpan.FromMinutes(minutes), () => Cancel(id, TimeSpan.Zero));
        }

        var ended = _options.Work(begun).ContinueWith(task => Ended(id, EmrClusters.OutcomeOf(task)), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        lock (_lock)
        {
            if (_running.TryGetValue(id, out var running)) _running[id] = running with { Ended = ended };
        }
    }

    private void Interrupt(string id)
    {
        CancellationTokenSource? cancel;
        lock (_lock) cancel = _running.TryGetValue(id, out var running) ? running.Cancel : null;
        cancel?.Cancel();
    }

    private void Ended(string id, EmrOutcome outcome)
    {
        lock (_lock)
        {
            if (_running.Remove(id, out var running)) running.Cancel.Dispose();
            if (_isDisposed || _store.Job(id) is not { HasEnded: false } job) return;
            // One that was told to end may have come to its end first.
            if (outcome.ExitCode == 0) End(id, JobState.Success, "-");
            else if (job.State == JobState.Cancelling) End(id, JobState.Cancelled, "Cancelled by the user.");
            else End(id, JobState.Failed, $"Job failed, please check complete logs in configured logging destination. ExitCode: {outcome.ExitCode}. Last few exceptions: {outcome.Message}");
        }
    }

    private void End(string id, string state, string details)
    {
        var job = _store.Job(id)!;
        Put(job with { State = state, Details = details.Length > 256 ? details[..256] : details, EndedAt = Now });
        foreach (var waiting in _store.Jobs.Where(other => other.Application == job.Application && other.State == JobState.Queued).Select(other => other.Id).ToList()) GoLater(waiting);
    }

    private void Put(ServerlessJob job, string what = "state")
    {
        _store.Put(job with { UpdatedAt = Now });
        _options.Log.Add(new EmrEvent { At = Now, What = what, Cluster = job.Application, Step = job.Id, Name = job.Name, State = job.State, Document = EmrStep.Argument(job.Arguments, "--sha256"), Error = job.Details == "-" ? null : job.Details });
    }

    private static string? LogsOf(ServerlessJob job) => job.LogUri is { } logs ? $"{logs.TrimEnd('/')}/applications/{job.Application}/jobs/{job.Id}/SPARK_DRIVER" : null;
}
