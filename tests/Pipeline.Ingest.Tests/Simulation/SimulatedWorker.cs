using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Ingest.Committer;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Tests.Simulation;

/// <summary>One incarnation of a worker: the real decisions, simulated effects and a simulated graph.</summary>
internal sealed class SimulatedWorker
{
    private static readonly Fault Outage = new(FaultKind.Unreachable, "Source", "did not answer", "Wait.");

    private static readonly Fault Refusal = new(FaultKind.NotAuthorised, "Source", "refused the question", "Grant it.");

    private static readonly IngestOptions Options = new()
    {
        AnswerTimeout = TimeSpan.FromSeconds(2), SplitsInterval = TimeSpan.FromSeconds(10), DrainTimeout = TimeSpan.FromSeconds(5),
        Retry = new RetryPolicy { BackoffMin = TimeSpan.FromMilliseconds(100), BackoffMax = TimeSpan.FromSeconds(5) },
    };

    private readonly Simulation _simulation;
    private readonly ImmutableArray<SimulatedSplit> _splits;
    private readonly SimulatedRef _self;
    private readonly int _name;
    private readonly Dictionary<string, long> _timers = new(StringComparer.Ordinal);
    private readonly Dictionary<SplitId, long> _remembered = [];
    private IngestWorkerState _state = new(Simulation.DeadLetters, Options);
    private SimulatedGraph? _graph;
    private bool _isDead;

    public SimulatedWorker(Simulation simulation, ImmutableArray<SimulatedSplit> splits)
    {
        _simulation = simulation;
        _splits = splits;
        _self = new SimulatedRef(this);
        _name = simulation.NextName();
        Apply(new WorkerEvent.Started());
    }

    public void Die()
    {
        _isDead = true;
        _graph?.Abort();
    }

    /// <summary>Whether this is the stage that it waits for, or a question.</summary>
    public bool Waits(IBronzeCommand message) => !_isDead && (message is not StageFiles stage || _state.InHand?.Stage.Id == stage.Id);

    public void Drain() => Apply(new WorkerEvent.DrainAsked());

    public void Resume() => Apply(new WorkerEvent.ResumeAsked());

    public void Receive(object message)
    {
        if (_state.InHand is { } hand && DeletesFiles(hand, message)) _simulation.DeleteFiles(hand.Stage.Files.Select(file => file.Path));
        Apply(WorkerEvent.Of(message));
    }

    private bool DeletesFiles(RollInHand hand, object message) => (_simulation.Mutation, message) switch
    {
        (Mutation.DeleteAfterFailure, StageFailed) or (Mutation.DeleteAfterAnyRefusal, StageRefused) => true,
        (Mutation.DeleteAfterFinalRefusal, StageRefused refused) when refused.Id == hand.Stage.Id && hand.Sends == 1 =>
            hand.Stage.Ranges.Any(range => refused.Positions.TryGetValue(range.Split, out var position) && !(position <= range.From)),
        _ => false,
    };

    internal void Apply(WorkerEvent message)
    {
        if (_isDead) return;
        var before = _state.Phase;
        (_state, var effects) = IngestWorkerState.Decide(_state, message);
        _simulation.Trace($"worker {_name}: {message} {before} -> {_state.Phase}: {string.Join(", ", effects)}");
        foreach (var effect in effects) Perform(effect);
    }

    private void Perform(WorkerEffect effect)
    {
        switch (effect)
        {
            case WorkerEffect.Locate locate:
                _simulation.Soon(() => Apply(_simulation.Happens(0.03)
                    ? new WorkerEvent.LocateFailed(locate.Epoch, _simulation.Happens(0.5) ? Outage : Refusal)
                    : _simulation.Locate(locate.Epoch, _splits)));
                break;
            case WorkerEffect.AskPositions ask:
                _simulation.ToCommitter(new GetPositions(ask.Table, ask.Epoch, ask.Splits, ask.AtLeast), _self);
                break;
            case WorkerEffect.AskAgainAfter again:
                Timer(again.Table.ToString(), again.Delay, new WorkerEvent.AnswerOverdue(again.Epoch, again.Table));
                break;
            case WorkerEffect.StartGraph start:
                StartGraph(start);
                break;
            case WorkerEffect.DrainGraph:
                _graph?.Drain();
                break;
            case WorkerEffect.AbortGraph:
                _graph?.Abort();
                break;
            case WorkerEffect.Send send:
                _simulation.ToCommitter(send.Stage, _self);
                break;
            case WorkerEffect.Acknowledge acknowledge:
                Acknowledge(acknowledge);
                break;
            case WorkerEffect.TellHaltEnded:
                _simulation.Count(Kind.Recovery);
                break;
            case WorkerEffect.ReleaseRoll:
                _graph?.Release();
                break;
            case WorkerEffect.DeleteFiles delete:
                _simulation.Soon(() => _simulation.DeleteFiles(delete.Files.Select(file => file.Path)));
                break;
            case WorkerEffect.ResendAfter resend:
                Timer(nameof(WorkerEvent.ResendDue), resend.Delay, new WorkerEvent.ResendDue());
                break;
            case WorkerEffect.RetryAfter retry:
                Timer(nameof(WorkerEvent.RetryDue), retry.Delay, new WorkerEvent.RetryDue());
                break;
            case WorkerEffect.RelistAfter relist:
                Timer(nameof(WorkerEvent.RelistDue), relist.Delay, new WorkerEvent.RelistDue());
                break;
            case WorkerEffect.LookAfter look:
                Timer(nameof(WorkerEvent.LookDue), look.Delay, new WorkerEvent.LookDue());
                break;
            case WorkerEffect.DrainWithin drain:
                Timer(nameof(WorkerEvent.DrainOverdue), drain.Limit, new WorkerEvent.DrainOverdue());
                break;
        }
    }

    /// <summary>The source may not take it, take a part of it, or take it without an answer; and that may pass or not.</summary>
    private void Acknowledge(WorkerEffect.Acknowledge acknowledge)
    {
        var fails = _simulation.Happens(0.04);
        var positions = fails ? acknowledge.Positions.Take(_simulation.Random.Next(0, acknowledge.Positions.Length + 1)) : acknowledge.Positions;
        foreach (var (split, position) in positions) _simulation.Acknowledge(split, position, _graph?.Identity);
        if (fails) _simulation.Count(Kind.AcknowledgementFailed);
        _simulation.Soon(() => Apply(!fails ? new WorkerEvent.Acknowledged(acknowledge.Epoch)
            : new WorkerEvent.AcknowledgeFailed(acknowledge.Epoch, _simulation.Random.NextDouble() < 0.5 ? Outage : Refusal)));
    }

    private void StartGraph(WorkerEffect.StartGraph start)
    {
        var starts = _simulation.Mutation == Mutation.ResumeFromMemory
            ? [.. start.Starts.Select(at => _remembered.TryGetValue(at.Split.Id, out var position) ? at with { From = position } : at)]
            : start.Starts;
        _graph = new SimulatedGraph(_simulation, this, start.Epoch, starts, _remembered);
    }

    /// <summary>Starting a timer again replaces it.</summary>
    private void Timer(string name, TimeSpan delay, WorkerEvent message)
    {
        var number = _timers[name] = _timers.GetValueOrDefault(name) + 1;
        _simulation.Time.After(delay, () =>
        {
            if (_timers[name] == number) Apply(message);
        });
    }
}
