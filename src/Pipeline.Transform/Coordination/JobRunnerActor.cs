using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Event;
using Pipeline.Core;
using Pipeline.Transform.Coordination.Runners;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Coordination;

/// <summary>
/// Runs one job and tells its parent how it ended, then stops. Stopped early, it interrupts a job in process and leaves one
/// elsewhere as it is, and the coordinator gives it to another node.
/// </summary>
internal sealed class JobRunnerActor : ReceiveActor
{
    /// <summary>How long an execution waits for being written down. A coordinator of a release before does not say that it is.</summary>
    private static readonly TimeSpan KeptMax = TimeSpan.FromSeconds(20);

    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<JobHandle, TaskCompletionSource> _intended = [];
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly JobPins _pins;
    private readonly JobHandle? _handle;
    private readonly JobPlanner _planner;
    private readonly IJobRunner _runner;
    private readonly TimeLimit _limit;
    private readonly TimeProvider _time;

    public JobRunnerActor(JobPins pins, JobHandle? handle, JobPlanner planner, IJobRunner runner, TimeLimit limit, TimeProvider time)
    {
        _time = time;
        _pins = pins;
        _handle = handle;
        _planner = planner;
        _runner = runner;
        _limit = limit;
        Running();
    }

    /// <param name="handle">An execution of the job to be looked for before another one is begun; null: none is known.</param>
    /// <param name="limit">Of runs in process: engines elsewhere have their own.</param>
    public static Props Props(JobPins pins, JobHandle? handle, JobPlanner planner, IJobRunner runner, TimeLimit limit, TimeProvider time) =>
        Akka.Actor.Props.Create(() => new JobRunnerActor(pins, handle, planner, runner, limit, time));

    protected override void PreStart()
    {
        var (self, parent) = (Self, Context.Parent);
        var submission = new JobSubmission(_handle, (handle, stopping) => IntendAsync(handle, () => parent.Tell(new JobIntended(_pins, handle), self), stopping));
        _ = Background.RunAsync(stopping => RunAsync(submission, stopping), _stopping.Token).PipeTo(Self);
    }

    protected override void PostStop()
    {
        _stopping.Cancel();
        _stopping.Dispose();
    }

    private void Running()
    {
        Receive<Outcome<JobResult>>(End);
        Receive<IntentKept>(kept => _intended.GetValueOrDefault(kept.Handle)?.TrySetResult());
        Receive<Status.Failure>(failure => Background.ThrowIfAny(failure.Cause));
    }

    private void End(Outcome<JobResult> outcome)
    {
        if (outcome is Outcome<JobResult>.Done done) Context.Parent.Tell(new JobEnded(_pins.Table, _pins, done.Value, null));
        if (outcome is Outcome<JobResult>.Failed { Cause: var cause })
        {
            var ended = JobEnded.Failed(_pins.Table, _pins, cause);
            // What has words of ours, or of a job elsewhere, has said all there is to say; the coordinator tells it.
            if (ended.Fault is { Kind: FaultKind.Defect } && cause is not PipelineException) _log.Error(cause, "Job {JobId} failed", _pins.Id);
            Context.Parent.Tell(ended);
        }

        Context.Stop(Self);
    }

    private async ValueTask<JobResult> RunAsync(JobSubmission submission, CancellationToken stopping)
    {
        if (!_pins.IsElsewhere) return await _limit.RunAsync($"Table {_pins.Table}", $"run {_pins.Run}", async cancellationToken => await _runner.RunAsync(await ExpandAsync(cancellationToken), submission, cancellationToken), stopping);
        var spec = await _limit.RunAsync($"Table {_pins.Table}", $"preparing run {_pins.Run}", ExpandAsync, stopping);
        return await _runner.RunAsync(spec, submission, stopping);
    }

    private ValueTask<JobSpec> ExpandAsync(CancellationToken cancellationToken) => _planner.ExpandAsync(_pins, _runner.DialectOf(_pins), cancellationToken);

    /// <summary>Has an execution written down before it is submitted.</summary>
    private async ValueTask IntendAsync(JobHandle handle, Action tell, CancellationToken stopping)
    {
        var kept = _intended.GetOrAdd(handle, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        tell();
        try
        {
            await kept.Task.WaitAsync(KeptMax, _time, stopping);
        }
        catch (TimeoutException)
        {
            // What was claimed in the artifacts is found without it.
            _log.Debug("Job {JobId}: nobody has said that execution {Execution} is written down", _pins.Id, handle.Execution);
        }
    }
}
