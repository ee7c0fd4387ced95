using Akka.Actor;
using Akka.Event;
using Pipeline.Core;
using Pipeline.Remoting.Joining;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Coordination.Runners;

/// <summary>
/// Runs jobs on its node, whoever coordinates and wherever: <see cref="NodeJobs"/> decides. A coordinator that goes takes no
/// job with it: the next one asks what runs, and is told how it ended.
/// </summary>
public sealed class JobRunnersActor : ReceiveActor
{
    private readonly Dictionary<TableId, IActorRef> _runners = [];
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Func<JobPins, JobHandle?, Props> _job;
    private NodeJobs _jobs = NodeJobs.None;
    private IActorRef _coordinator = ActorRefs.Nobody;

    /// <param name="job">An actor that runs a job, tells its parent its execution and how it ended, and stops. It is given an execution to be looked for first.</param>
    public JobRunnersActor(Func<JobPins, JobHandle?, Props> job)
    {
        _job = job;
        Receive<GetRunningJobs>(OnCoordinator);
        Receive<RunJob>(OnCoordinator);
        Receive<CancelJob>(OnCoordinator);
        Receive<JobEndKept>(OnCoordinator);
        Receive<IntentKept>(OnCoordinator);
        Receive<JobIntended>(OnIntended);
        Receive<JobEnded>(OnEnded);
        Receive<Terminated>(OnTerminated);
    }

    public static Props Props(Func<JobPins, JobHandle?, Props> job) => Akka.Actor.Props.Create(() => new JobRunnersActor(job));

    private void OnCoordinator(object message)
    {
        if (!Context.IsFromCluster(_log, message, "this node's jobs")) return;
        _coordinator = Sender;
        Handle(message);
    }

    private void OnIntended(JobIntended intended)
    {
        if (_runners.TryGetValue(intended.Pins.Table, out var runner) && Sender.Equals(runner)) Handle(intended);
    }

    private void OnEnded(JobEnded ended)
    {
        if (!_runners.TryGetValue(ended.Table, out var runner) || !Sender.Equals(runner)) return;
        Context.Unwatch(runner);
        _runners.Remove(ended.Table);
        Handle(ended);
    }

    /// <summary>Without a word: its supervisor has logged why.</summary>
    private void OnTerminated(Terminated terminated)
    {
        var table = _runners.Where(pair => pair.Value.Equals(terminated.ActorRef)).Select(pair => pair.Key).Single();
        _runners.Remove(table);
        Handle(JobEnded.Failed(table, _jobs.Running[table], new InvalidOperationException("the job's actor has stopped")));
    }

    private void Handle(object message)
    {
        (_jobs, var effects) = NodeJobs.Decide(_jobs, message);
        foreach (var effect in effects) Perform(effect);
    }

    private void Perform(NodeJobsEffect effect)
    {
        switch (effect)
        {
            case NodeJobsEffect.Start start:
                _runners[start.Pins.Table] = Context.Watch(Context.ActorOf(_job(start.Pins, start.Handle)));
                break;
            case NodeJobsEffect.Interrupt interrupt:
                _log.Info("Table {Table}: run {Run} is interrupted, its coordinator has given it up", interrupt.Pins.Table, interrupt.Pins.Run);
                if (_runners.Remove(interrupt.Pins.Table, out var runner)) Context.Stop(Context.Unwatch(runner));
                break;
            case NodeJobsEffect.Proceed { Kept: var kept }:
                if (_runners.TryGetValue(kept.Pins.Table, out var waiting)) waiting.Tell(kept);
                break;
            case NodeJobsEffect.Tell tell:
                _coordinator.Tell(tell.Message);
                break;
            default:
                throw new InvalidOperationException($"Unknown effect {effect}.");
        }
    }
}
