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

    public IngestMonitorActor(ByteBudget budget, Known known)
    {
        _budget = budget;
        _known = known;
        Receive<WorkerReport>(OnReport);
        Receive<GetIngestStatus>(_ => Sender.Tell(Status()));
        Receive<PauseIngest>(pause => TellWorkers(pause.Table, new DrainWorker()));
        Receive<ResumeIngest>(resume => TellWorkers(resume.Table, new ResumeWorker()));
        Receive<DrainNode>(_ => OnDrainNode());
        Receive<WorkerDrained>(_ => OnDrained(Sender));
        Receive<Terminated>(OnTerminated);
    }

    public static Props Props(ByteBudget budget, IngestMeter meter)
    {
        var known = new Known();
        meter.Observe(() => known.Workers.Values.SelectMany(tables => tables));
        return Akka.Actor.Props.Create(() => new IngestMonitorActor(budget, known));
    }

    private void OnReport(WorkerReport report)
    {
        if (!_known.Workers.ContainsKey(Sender))
        {
            Context.Watch(Sender);
            if (_known.IsDraining) Drain(Sender);
        }

        _known.Workers[Sender] = report.Tables;
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

    private void TellWorkers(TableId? table, object message)
    {
        foreach (var (worker, tables) in _known.Workers)
            if (table is null || tables.Any(status => status.Table == table)) worker.Tell(message);
    }

    private IngestStatus Status() => new(
    [
        .. _known.Workers.Values.SelectMany(tables => tables).GroupBy(worker => worker.Table).OrderBy(group => group.Key, TableId.ByName)
            .Select(group => TableStatus.Of(group.Key, [.. group])),
    ], _budget.BytesUsed);

    /// <summary>
    /// What outlives a restart: workers report when something changes, so that one who has forgotten them would say of a node
    /// with open files that it is drained.
    /// </summary>
    public sealed class Known
    {
        internal ConcurrentDictionary<IActorRef, ImmutableArray<WorkerStatus>> Workers { get; } = [];

        internal HashSet<IActorRef> Undrained { get; } = [];

        internal List<IActorRef> DrainAskers { get; } = [];

        internal bool IsDraining { get; set; }
    }
}
