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
    private readonly Dictionary<IActorRef, ImmutableArray<WorkerStatus>> _workers = [];
    private readonly HashSet<IActorRef> _undrained = [];
    private readonly List<IActorRef> _drainAskers = [];
    private readonly ByteBudget _budget;
    private bool _isDraining;

    public IngestMonitorActor(ByteBudget budget)
    {
        _budget = budget;
        Receive<WorkerReport>(OnReport);
        Receive<GetIngestStatus>(_ => Sender.Tell(Status()));
        Receive<PauseIngest>(pause => TellWorkers(pause.Table, new DrainWorker()));
        Receive<ResumeIngest>(resume => TellWorkers(resume.Table, new ResumeWorker()));
        Receive<DrainNode>(_ => OnDrainNode());
        Receive<WorkerDrained>(_ => OnDrained(Sender));
        Receive<Terminated>(OnTerminated);
    }

    public static Props Props(ByteBudget budget) => Akka.Actor.Props.Create(() => new IngestMonitorActor(budget));

    private void OnReport(WorkerReport report)
    {
        if (!_workers.ContainsKey(Sender))
        {
            Context.Watch(Sender);
            if (_isDraining) Drain(Sender);
        }

        _workers[Sender] = report.Tables;
    }

    private void OnDrainNode()
    {
        _isDraining = true;
        _drainAskers.Add(Sender);
        foreach (var worker in _workers.Keys) Drain(worker);
        AnswerWhenDrained();
    }

    private void Drain(IActorRef worker)
    {
        _undrained.Add(worker);
        worker.Tell(new DrainWorker());
    }

    private void OnTerminated(Terminated terminated)
    {
        _workers.Remove(terminated.ActorRef);
        OnDrained(terminated.ActorRef);
    }

    private void OnDrained(IActorRef worker)
    {
        _undrained.Remove(worker);
        AnswerWhenDrained();
    }

    private void AnswerWhenDrained()
    {
        if (_undrained.Count > 0) return;
        foreach (var asker in _drainAskers) asker.Tell(new NodeDrained());
        _drainAskers.Clear();
    }

    private void TellWorkers(TableId? table, object message)
    {
        foreach (var (worker, tables) in _workers)
            if (table is null || tables.Any(status => status.Table == table)) worker.Tell(message);
    }

    private IngestStatus Status() => new(
    [
        .. _workers.Values.SelectMany(tables => tables).GroupBy(worker => worker.Table).OrderBy(group => group.Key, TableId.ByName)
            .Select(group => TableStatus.Of(group.Key, [.. group])),
    ], _budget.BytesUsed);
}
