using System.Security.Cryptography;

namespace Pipeline.Emulation.Emr;

/// <summary>Clusters and their steps as they go through their states. Thread-safe; all that takes time takes it by the clock.</summary>
internal sealed class EmrClusters : IAsyncDisposable
{
    private const string Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    private readonly EmrOptions _options;
    private readonly Lock _lock = new();
    private readonly EmrStore _store;
    private readonly Dictionary<string, (CancellationTokenSource Cancel, Task Ended)> _running = new(StringComparer.Ordinal);
    private readonly Later _later;
    private bool _isDisposed;

    public EmrClusters(EmrOptions options, EmrStore store)
    {
        (_options, _store, _later) = (options, store, new Later(options.Time));
        foreach (var step in _store.Steps.Where(step => step.IsActive && step.StartedAt is not null).ToList())
        {
            // Its process was one of a process that is gone: it may write until this returns.
            options.EndLeftOver(step.Id);
            End(step.Id, step.State == StepState.CancelPending ? StepState.Cancelled : StepState.Failed, new EmrOutcome(137, null, "The step's process is gone."));
        }

        foreach (var step in _store.Steps.Where(step => step.State == StepState.CancelPending).ToList()) End(step.Id, StepState.Cancelled, EmrOutcome.Done);
        foreach (var cluster in _store.Clusters.Where(cluster => !cluster.HasEnded).ToList())
        {
            if (cluster.State == ClusterState.Terminating) Finish(cluster.Id);
            else if (!cluster.RunsSteps) _later.After(options.ClusterStartsAfter, () => Boot(cluster.Id));
            else Schedule(cluster.Id);
        }
    }

    private DateTimeOffset Now => _options.Time.GetUtcNow();

    /// <summary>Reads or changes all of it at one moment.</summary>
    public T With<T>(Func<EmrStore, T> act)
    {
        lock (_lock) return act(_store);
    }

    public EmrCluster Start(EmrCluster cluster)
    {
        lock (_lock)
        {
            cluster = cluster with { Number = _store.Clusters.Select(other => other.Number).DefaultIfEmpty(0).Max() + 1 };
            Put(cluster);
            _later.After(_options.ClusterStartsAfter, () => Boot(cluster.Id));
            return cluster;
        }
    }

    /// <summary>A step that the cluster takes; it starts when there is room.</summary>
    public EmrStep Add(EmrStep step)
    {
        lock (_lock)
        {
            Put(step, "submitted");
            _later.After(_options.StepStartsAfter, () => Schedule(step.Cluster));
            return step;
        }
    }

    public void Cancel(EmrStep step)
    {
        lock (_lock)
        {
            if (_store.Step(step.Id) is not { State: StepState.Pending or StepState.Running } active) return;
            Put(active with { State = StepState.CancelPending });
            _later.After(_options.CancelsAfter, () => Interrupt(step.Id));
        }
    }

    public void Terminate(string id, string code, string change, bool isError = false)
    {
        List<string> interrupted;
        lock (_lock)
        {
            if (_store.Cluster(id) is not { } cluster || cluster.HasEnded || cluster.State == ClusterState.Terminating) return;
            Put(cluster with { State = ClusterState.Terminating, ChangeCode = code, Change = change });
            foreach (var step in StepsOf(id).Where(step => step is { IsActive: true, StartedAt: null }).ToList())
                End(step.Id, StepState.Cancelled, EmrOutcome.Done);
            interrupted = [.. StepsOf(id).Where(step => step.IsActive).Select(step => step.Id)];
            foreach (var step in interrupted) Put(_store.Step(step)! with { State = StepState.CancelPending, Change = isError ? StepState.Interrupted : null });
        }

        foreach (var step in interrupted) Interrupt(step);
        FinishWhenIdle(id);
    }

    public string NewId(string prefix) => prefix + RandomNumberGenerator.GetString(Letters, 13);

    /// <summary>Tells everything that runs to end, and waits until it has: what was under way is found again as it was.</summary>
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
        await Task.WhenAll(running.Select(step => step.Ended));
    }

    private IEnumerable<EmrStep> StepsOf(string cluster) => _store.Steps.Where(step => step.Cluster == cluster);

    private void Boot(string id)
    {
        lock (_lock)
        {
            switch (_store.Cluster(id))
            {
                case { State: ClusterState.Starting, StartFailure: { } failure }:
                    Terminate(id, "VALIDATION_ERROR", failure, isError: true);
                    break;
                case { State: ClusterState.Starting } cluster:
                    Put(cluster with { State = ClusterState.Bootstrapping });
                    _later.After(_options.ClusterStartsAfter, () => Boot(id));
                    break;
                case { State: ClusterState.Bootstrapping } cluster:
                    Put(cluster with { State = ClusterState.Running, ReadyAt = Now });
                    Schedule(id);
                    break;
            }
        }
    }

    /// <summary>Starts what there is room for, in the order in which it came.</summary>
    private void Schedule(string id)
    {
        List<EmrWork> begun = [];
        lock (_lock)
        {
            if (_isDisposed || _store.Cluster(id) is not { RunsSteps: true } cluster) return;
            var active = StepsOf(id).Where(step => step.IsActive).ToList();
            var room = cluster.StepConcurrency - active.Count(step => step.StartedAt is not null);
            foreach (var step in active.Where(step => step.State == StepState.Pending && step.CreatedAt + _options.StepStartsAfter <= Now).Take(Math.Max(room, 0)))
            {
                Put(step with { State = StepState.Running, StartedAt = Now });
                var cancel = new CancellationTokenSource();
                begun.Add(new EmrWork(id, step.Id, step.Name, step.Jar, step.Args, LogUriOf(cluster, step), cancel.Token));
                _running[step.Id] = (cancel, Task.CompletedTask);
            }

            Settle(cluster, active.Count);
        }

        foreach (var work in begun) Begin(work);
    }

    /// <summary>A cluster is waiting when it has nothing to do, and ends if it is one that does.</summary>
    private void Settle(EmrCluster cluster, int active)
    {
        var state = active > 0 ? ClusterState.Running : ClusterState.Waiting;
        if (state != cluster.State) Put(cluster with { State = state });
        if (active > 0) return;
        if (cluster.EndsWithoutSteps) Terminate(cluster.Id, "ALL_STEPS_COMPLETED", "Steps completed");
        else if (cluster.IdleTimeout is { } idle) _later.After(idle, () => EndIdle(cluster.Id, idle));
    }

    private void EndIdle(string id, TimeSpan idle)
    {
        lock (_lock)
        {
            var lastEnd = StepsOf(id).Select(step => step.IsActive ? DateTimeOffset.MaxValue : step.EndedAt ?? DateTimeOffset.MinValue).DefaultIfEmpty(DateTimeOffset.MinValue).Max();
            if (_store.Cluster(id) is { State: ClusterState.Waiting } && lastEnd != DateTimeOffset.MaxValue && Now - lastEnd >= idle)
                Terminate(id, "ALL_STEPS_COMPLETED", "Auto-terminated after idle timeout");
        }
    }

    private void Begin(EmrWork work)
    {
        var ended = _options.Work(work).ContinueWith(task => Ended(work.Step, OutcomeOf(task)), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        lock (_lock)
        {
            if (_running.TryGetValue(work.Step, out var running)) _running[work.Step] = running with { Ended = ended };
        }
    }

    internal static EmrOutcome OutcomeOf(Task<EmrOutcome> task) => task switch
    {
        { IsCompletedSuccessfully: true } => task.Result,
        { IsCanceled: true } => new EmrOutcome(143),
        _ => new EmrOutcome(1, null, task.Exception!.InnerException!.Message),
    };

    private void Interrupt(string id)
    {
        CancellationTokenSource? cancel = null;
        lock (_lock)
        {
            if (_store.Step(id) is not { State: StepState.CancelPending } step) return;
            if (step.StartedAt is null) End(id, StepState.Cancelled, EmrOutcome.Done);
            else if (_running.TryGetValue(id, out var running)) cancel = running.Cancel;
        }

        cancel?.Cancel();
    }

    private void Ended(string id, EmrOutcome outcome)
    {
        lock (_lock)
        {
            if (_running.Remove(id, out var running)) running.Cancel.Dispose();
            if (_isDisposed || _store.Step(id) is not { IsActive: true } step) return;
            // One that was told to end may have come to its end first.
            End(id, outcome.ExitCode == 0 ? StepState.Completed
                : step.State == StepState.CancelPending ? step.Change ?? StepState.Cancelled
                : StepState.Failed, outcome);
        }
    }

    private void End(string id, string state, EmrOutcome outcome)
    {
        var step = _store.Step(id)!;
        var isFailed = state == StepState.Failed;
        var logs = LogUriOf(_store.Cluster(step.Cluster)!, step);
        step = step with
        {
            State = state,
            EndedAt = Now,
            Change = null,
            FailureReason = isFailed ? outcome.Reason ?? "Unknown Error." : null,
            FailureMessage = isFailed ? outcome.Message : null,
            LogFile = isFailed && logs is not null ? $"{logs}/stderr.gz" : null,
        };
        Put(step);
        if (isFailed) ActOnFailure(step);
        FinishWhenIdle(step.Cluster);
        Schedule(step.Cluster);
    }

    private void ActOnFailure(EmrStep failed)
    {
        if (failed.ActionOnFailure is "TERMINATE_CLUSTER" or "TERMINATE_JOB_FLOW") Terminate(failed.Cluster, "STEP_FAILURE", "Shut down as step failed", isError: true);
        if (failed.ActionOnFailure != "CANCEL_AND_WAIT") return;
        foreach (var step in StepsOf(failed.Cluster).Where(step => step.State == StepState.Pending).ToList()) End(step.Id, StepState.Cancelled, EmrOutcome.Done);
    }

    private void FinishWhenIdle(string cluster)
    {
        lock (_lock)
        {
            if (_store.Cluster(cluster) is { State: ClusterState.Terminating } && !StepsOf(cluster).Any(step => step.IsActive)) _later.After(_options.ClusterEndsAfter, () => Finish(cluster));
        }
    }

    private void Finish(string id)
    {
        lock (_lock)
        {
            if (_store.Cluster(id) is not { State: ClusterState.Terminating } cluster) return;
            Put(cluster with { State = cluster.ChangeCode is "STEP_FAILURE" or "INSTANCE_FAILURE" or "INTERNAL_ERROR" or "VALIDATION_ERROR" ? ClusterState.TerminatedWithErrors : ClusterState.Terminated, EndedAt = Now });
        }
    }

    private static string? LogUriOf(EmrCluster cluster, EmrStep step) => cluster.LogUri is { } logs ? $"{logs.TrimEnd('/')}/{cluster.Id}/steps/{step.Id}" : null;

    private void Put(EmrCluster cluster)
    {
        _store.Put(cluster);
        _options.Log.Add(new EmrEvent { At = Now, What = "cluster", Cluster = cluster.Id, Name = cluster.Name, State = cluster.State, Error = cluster.Change });
    }

    private void Put(EmrStep step, string what = "state")
    {
        _store.Put(step);
        _options.Log.Add(new EmrEvent { At = Now, What = what, Cluster = step.Cluster, Step = step.Id, Name = step.Name, State = step.State, Document = step.Document, Error = step.FailureMessage });
    }
}
