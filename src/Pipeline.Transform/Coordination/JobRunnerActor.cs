using Akka.Actor;
using Akka.Event;
using Pipeline.Core;
using Pipeline.Transform.Coordination.Runners;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Coordination;

/// <summary>
/// Runs one job and tells its parent how it ended, then stops. Stopped early, it interrupts the job, and the coordinator
/// gives it to another node.
/// </summary>
internal sealed class JobRunnerActor : ReceiveActor
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly JobPins _pins;
    private readonly JobHandle? _handle;
    private readonly JobPlanner _planner;
    private readonly IJobRunner _runner;
    private readonly TimeLimit _limit;

    public JobRunnerActor(JobPins pins, JobHandle? handle, JobPlanner planner, IJobRunner runner, TimeLimit limit)
    {
        _pins = pins;
        _handle = handle;
        _planner = planner;
        _runner = runner;
        _limit = limit;
        Running();
    }

    /// <param name="handle">An execution of the job to be looked for before another one is begun; null: none is known.</param>
    public static Props Props(JobPins pins, JobHandle? handle, JobPlanner planner, IJobRunner runner, TimeLimit limit) =>
        Akka.Actor.Props.Create(() => new JobRunnerActor(pins, handle, planner, runner, limit));

    protected override void PreStart()
    {
        var (self, parent) = (Self, Context.Parent);
        var submission = new JobSubmission(_handle, handle => parent.Tell(new JobSubmitted(_pins, handle), self));
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
        Receive<Status.Failure>(failure => Background.ThrowIfAny(failure.Cause));
    }

    private void End(Outcome<JobResult> outcome)
    {
        if (outcome is Outcome<JobResult>.Done done) Context.Parent.Tell(new JobEnded(_pins.Table, _pins, done.Value, null));
        if (outcome is Outcome<JobResult>.Failed { Cause: var cause })
        {
            var ended = JobEnded.Failed(_pins.Table, _pins, cause);
            // What any other fault says is all there is to say; the coordinator tells it.
            if (ended.Fault is { Kind: FaultKind.Defect }) _log.Error(cause, "Job {JobId} failed", _pins.Id);
            Context.Parent.Tell(ended);
        }

        Context.Stop(Self);
    }

    private ValueTask<JobResult> RunAsync(JobSubmission submission, CancellationToken stopping) => _limit.RunAsync($"Table {_pins.Table}", $"run {_pins.Run}", async cancellationToken =>
    {
        var spec = await _planner.ExpandAsync(_pins, _runner.Dialect, cancellationToken);
        return await _runner.RunAsync(spec, submission, cancellationToken);
    }, stopping);
}
