using System.Collections.Concurrent;
using System.Collections.Immutable;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest;

/// <summary>
/// Knows the ingest workers of its node: answers for their state, pauses, resumes and drains them.
/// </summary>
public sealed class IngestMonitorActor : ReceiveActor
{
    private readonly Known _known;
    private readonly ByteBudget _budget;
    private readonly Holds _holds;

    public IngestMonitorActor(ByteBudget budget, Known known, Holds holds)
    {
        _budget = budget;
        _known = known;
        _holds = holds;
        Receive<WorkerReport>(OnReport);
        Receive<GetIngestStatus>(_ => Sender.Tell(Status()));
        Receive<PauseIngest>(pause =>
        {
            foreach (var worker in WorkersOf(pause.Table)) worker.Tell(new DrainWorker());
        });
        Receive<ResumeIngest>(resume => Resume(WorkersOf(resume.Table)));
        Receive<RestartIngest>(OnRestart);
        Receive<HoldsChanged>(_ => OnHoldsChanged());
        Receive<DrainNode>(_ => OnDrainNode());
        Receive<WorkerDrained>(_ => OnDrained(Sender));
        Receive<Terminated>(OnTerminated);
    }

    /// <param name="holds">What operators want held: their workers rest until they want it no more.</param>
    public static Props Props(ByteBudget budget, IngestMeter meter, Holds holds)
    {
        var known = new Known();
        meter.Observe(() => known.Workers.Values.SelectMany(tables => tables));
        return Akka.Actor.Props.Create(() => new IngestMonitorActor(budget, known, holds));
    }

    private void OnReport(WorkerReport report)
    {
        var isNew = !_known.Workers.ContainsKey(Sender);
        if (isNew)
        {
            Context.Watch(Sender);
            if (_known.IsDraining) Drain(Sender);
        }

        _known.Workers[Sender] = report.Tables;
        Follow(Sender, report.Tables);
        // It began with a rest that was over before anybody here knew of it.
        if (isNew && report.Tables.Any(status => status.State is IngestState.Draining or IngestState.Paused)) Resume([Sender]);
    }

    private void OnHoldsChanged()
    {
        foreach (var (worker, tables) in _known.Workers) Follow(worker, tables);
    }

    /// <summary>Has a worker do what operators want of its tables: those of one split rest together.</summary>
    private void Follow(IActorRef worker, ImmutableArray<WorkerStatus> tables)
    {
        if (tables.Any(status => _holds.Has(status.Table)))
        {
            _known.Held.Add(worker);
            // Also one that has started anew since it was told.
            if (tables.Any(status => status.State is not (IngestState.Draining or IngestState.Paused))) worker.Tell(new DrainWorker());
        }
        else if (_known.Held.Remove(worker)) Resume([worker]);
    }

    private void OnRestart(RestartIngest restart)
    {
        foreach (var worker in WorkersOf(restart.Table))
        {
            worker.Tell(new DrainWorker());
            Resume([worker]);
        }
    }

    /// <summary>Not those that operators want held, nor any of a node that leaves.</summary>
    private void Resume(IEnumerable<IActorRef> workers)
    {
        foreach (var worker in workers)
            if (!_known.Held.Contains(worker) && !_known.IsDraining) worker.Tell(new ResumeWorker());
    }

    private void OnDrainNode()
    {
        _known.IsDraining = true;
        _known.DrainAskers.Add(Sender);
        foreach (var worker in _known.Workers.Keys) Drain(worker);
        AnswerWhenDrained();
    }

    private void Drain(IActorRef worker)
    {
        _known.Undrained.Add(worker);
        worker.Tell(new DrainWorker());
    }

    private void OnTerminated(Terminated terminated)
    {
        _known.Workers.TryRemove(terminated.ActorRef, out _);
        _known.Held.Remove(terminated.ActorRef);
        OnDrained(terminated.ActorRef);
    }

    private void OnDrained(IActorRef worker)
    {
        _known.Undrained.Remove(worker);
        AnswerWhenDrained();
    }

    private void AnswerWhenDrained()
    {
        if (_known.Undrained.Count > 0) return;
        foreach (var asker in _known.DrainAskers) asker.Tell(new NodeDrained());
        _known.DrainAskers.Clear();
    }

    private List<IActorRef> WorkersOf(TableId? table) =>
        [.. _known.Workers.Where(worker => table is null || worker.Value.Any(status => status.Table == table)).Select(worker => worker.Key)];

    private IngestStatus Status() => new(
    [
        .. _known.Workers.Values.SelectMany(tables => tables).GroupBy(worker => worker.Table).OrderBy(group => group.Key, TableId.ByName)
            .Select(group => TableStatus.Of(group.Key, [.. group])),
    ], _budget.BytesUsed) { Workers = [.. _known.Workers.Values.SelectMany(tables => tables)] };

    /// <summary>
    /// What outlives a restart: workers report when something changes, so that one who has forgotten them would say of a node
    /// with open files that it is drained.
    /// </summary>
    public sealed class Known
    {
        internal ConcurrentDictionary<IActorRef, ImmutableArray<WorkerStatus>> Workers { get; } = [];

        internal HashSet<IActorRef> Undrained { get; } = [];

        internal HashSet<IActorRef> Held { get; } = [];

        internal List<IActorRef> DrainAskers { get; } = [];

        internal bool IsDraining { get; set; }
    }
}
