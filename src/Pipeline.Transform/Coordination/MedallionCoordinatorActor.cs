using Akka.Actor;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Event;
using Akka.Persistence;
using Pipeline.Core;
using Pipeline.Remoting.Joining;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Coordination;

/// <summary>
/// Keeps Silver and Gold up to date: one in the cluster. It remembers which jobs it has requested before it starts them,
/// so that the next coordinator, after a crash or a move, finds and repeats them; jobs are idempotent.
/// </summary>
/// <remarks>Decisions are <see cref="MedallionState"/>'s; this actor makes them durable and performs them.</remarks>
public sealed class MedallionCoordinatorActor : ReceivePersistentActor, IWithTimers
{
    /// <summary>How often it is looked at what is due: the resolution of all intervals.</summary>
    private static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(100);

    private const int EventsPerSnapshot = 200;

    private readonly OpenTables _tables;
    private readonly TransformGraph _graph;
    private readonly TransformOptions _options;
    private readonly TimeProvider _time;
    private readonly JobPlanner _planner;
    private readonly IJobEngine _engine;
    private readonly OutageWatch _outages;
    private readonly OutageWaiter _polls;
    private readonly Dictionary<TableId, OutageWaiter> _runs = [];
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly CancellationTokenSource _stopping = new();
    private MedallionState _state;
    private bool _isPolling;

    public MedallionCoordinatorActor(OpenTables tables, TransformGraph graph, TransformOptions options, IJobEngine engine, OutageWatch outages, TimeProvider time)
    {
        _tables = tables;
        _graph = graph;
        _options = options;
        _engine = engine;
        _outages = outages;
        _polls = outages.Waiter();
        _time = time;
        _planner = new JobPlanner(tables, graph, options, time);
        _state = MedallionState.Start(graph.Tables.Select(table => (table, graph.InputsOf(table).AsEnumerable())), options, time.GetUtcNow());
        JournalPluginId = TransformRegistration.JournalPlugin;
        SnapshotPluginId = TransformRegistration.SnapshotPlugin;
        Recovering();
        Coordinating();
    }

    public override string PersistenceId => "medallion-coordinator";

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(OpenTables tables, TransformGraph graph, TransformOptions options, IJobEngine engine, OutageWatch outages, TimeProvider time) =>
        Akka.Actor.Props.Create(() => new MedallionCoordinatorActor(tables, graph, options, engine, outages, time));

    protected override void PostStop()
    {
        _stopping.Cancel();
        _stopping.Dispose();
        _polls.Dispose();
        foreach (var run in _runs.Values) run.Dispose();
        base.PostStop();
    }

    private void Recovering()
    {
        Recover<MedallionEvent>(happened => _state = _state.Apply(happened));
        Recover<SnapshotOffer>(offer => _state = _state.Restore((MedallionSnapshot)offer.Snapshot));
        Recover<RecoveryCompleted>(_ => OnRecovered());
    }

    private void Coordinating()
    {
        Command<Tick>(tick => Handle(tick));
        Command<PollDue>(_ => Poll());
        Command<InputsPolled>(polled =>
        {
            _isPolling = false;
            _polls.Answered();
            Handle(polled);
        });
        Command<PollFailed>(failed =>
        {
            _isPolling = false;
            OnPollFailed(Fault.Of("The tables' logs", failed.Cause), failed.Cause);
        });
        Command<BronzeCommitted>(committed => Handle(new InputSeen(committed.Table, committed.Version, committed.Rows, committed.CommittedAt)));
        Command<TableAdvanced>(advanced => Handle(new InputSeen(advanced.Table, advanced.Version, 0, advanced.CommittedAt)));
        Command<JobPlanned>(planned =>
        {
            if (planned.Pins is null) RunsOf(planned.Table).Answered();
            Handle(planned);
        });
        Command<JobEnded>(ended =>
        {
            Watch(ended);
            Handle(ended);
        });
        Command<GetMedallionStatus>(_ => Sender.Tell(_state.ToStatus(_time.GetUtcNow())));
        Command<TriggerTable>(trigger => Obey(trigger.Table, trigger));
        Command<PauseTable>(pause => Obey(pause.Table, pause));
        Command<ResumeTable>(resume => Obey(resume.Table, resume));
        Command<Status.Failure>(failure => Background.ThrowIfAny(failure.Cause));
        Command<SubscribeAck>(_ => { });
        Command<SaveSnapshotSuccess>(saved => OnSnapshotSaved(saved.Metadata));
        Command<SaveSnapshotFailure>(failed => _log.Warning(failed.Cause, "Cannot save a snapshot; the journal keeps its events"));
        Command<DeleteMessagesSuccess>(_ => { });
        Command<DeleteSnapshotsSuccess>(_ => { });
    }

    private void OnRecovered()
    {
        DistributedPubSub.Get(Context.System).Mediator.Tell(new Subscribe(LakeEvents.Topic, Self));
        Timers.StartPeriodicTimer("tick", Tick.Instance, TimeSpan.Zero, TickInterval);
        Timers.StartPeriodicTimer("poll", PollDue.Instance, _options.PollInterval);
        foreach (var effect in _state.Resume()) Perform(effect);
    }

    /// <summary>What is away is said by the node's watch: this looks again soon.</summary>
    private void OnPollFailed(Fault fault, Exception cause)
    {
        if (fault.IsTransient) _polls.Failed(fault);
        else if (fault.Kind == FaultKind.Defect) _log.Error(cause, "Cannot read the tables' logs, looking again in {PollInterval}: {Fault}", _options.PollInterval, fault);
        else _log.Warning("Cannot read the tables' logs, looking again in {PollInterval}: {Fault}", _options.PollInterval, fault);
    }

    private OutageWaiter RunsOf(TableId table)
    {
        if (!_runs.TryGetValue(table, out var waiter)) _runs[table] = waiter = _outages.Waiter();
        return waiter;
    }

    /// <summary>A run that can be planned says nothing of a store that takes no file: only one that succeeds does.</summary>
    private void Watch(JobEnded ended)
    {
        if (ended.Result is not null) RunsOf(ended.Table).Answered();
        if (ended.Fault is not { IsTransient: true } fault) return;
        RunsOf(ended.Table).Asks();
        RunsOf(ended.Table).Failed(fault);
    }

    private void Obey(TableId table, object command)
    {
        if (!Context.IsFromCluster())
        {
            _log.Warning("{Command} for {Table} is not obeyed: {Sender} is no member of this cluster", command.GetType().Name, table, Sender.Path);
            return;
        }

        if (_state.Find(table) is null)
        {
            Sender.Tell(new UnknownTable(table, [.. _state.Tables.Select(known => known.Table)]));
            return;
        }

        var sender = Sender;
        Handle(command, () => sender.Tell(new Accepted(table)));
    }

    private void Handle(object message, Action? then = null)
    {
        var decision = MedallionState.Decide(_state, message, _time.GetUtcNow());
        _state = decision.State;
        if (decision.Events.IsEmpty)
        {
            Perform(decision, then);
            return;
        }

        var left = decision.Events.Length;
        PersistAll(decision.Events, happened =>
        {
            _state = _state.Apply(happened);
            Report(happened, message);
            if (--left > 0) return;
            Perform(decision, then);
            if (LastSequenceNr % EventsPerSnapshot == 0) SaveSnapshot(_state.ToSnapshot());
        });
    }

    private void Report(MedallionEvent happened, object message)
    {
        if (happened is JobFailed failed && (failed.IsFinal || message is not JobEnded { Fault.IsTransient: true }))
            _log.Error("Table {Table}: run {Run} failed{Final}: {Reason}", failed.Table, failed.Run, failed.IsFinal ? " for good" : "", failed.Message);
        if (happened is JobTooLarge tooLarge)
            _log.Warning("Table {Table}: run {Run} does not fit into memory, the next one reads at most {RowsMax} rows: {Reason}", tooLarge.Table, tooLarge.Run, tooLarge.RowsMax, tooLarge.Reason);
    }

    private void Perform(Decision decision, Action? then)
    {
        foreach (var effect in decision.Effects) Perform(effect);
        then?.Invoke();
    }

    private void Perform(MedallionEffect effect)
    {
        switch (effect)
        {
            case MedallionEffect.Plan plan:
                _ = PlanAsync(plan.Table, plan.RowsMax).PipeTo(Self, failure: cause => JobEnded.Failed(plan.Table, cause));
                break;
            case MedallionEffect.Run run:
                Context.ActorOf(JobRunnerActor.Props(run.Pins, _planner, _engine));
                break;
            case MedallionEffect.Announce announce:
                DistributedPubSub.Get(Context.System).Mediator.Tell(new Publish(LakeEvents.Topic, announce.Advanced));
                break;
            default:
                throw new InvalidOperationException($"Unknown effect {effect}.");
        }
    }

    private async Task<JobPlanned> PlanAsync(TableId table, long rowsMax) => new(table, await _planner.PlanAsync(table, rowsMax, _stopping.Token));

    /// <summary>Looks into the logs of all inputs, so that a lost announcement does not matter.</summary>
    private void Poll()
    {
        if (_isPolling) return;
        _isPolling = true;
        _polls.Asks();
        _ = PollAsync(_stopping.Token).PipeTo(Self, failure: cause => new PollFailed(cause));
    }

    private async Task<InputsPolled> PollAsync(CancellationToken cancellationToken)
    {
        var seen = new List<InputSeen>();
        foreach (var id in _graph.Tables.SelectMany(_graph.InputsOf).Distinct())
            if (await _tables.TryOpenAsync(id, cancellationToken) is { } table)
                seen.Add(new InputSeen(id, table.Current.Version, 0, table.Current.CommittedAt));
        return new InputsPolled(seen);
    }

    private void OnSnapshotSaved(SnapshotMetadata saved)
    {
        DeleteMessages(saved.SequenceNr);
        DeleteSnapshots(new SnapshotSelectionCriteria(saved.SequenceNr - 1));
    }

    private sealed record PollDue : INoSerializationVerificationNeeded
    {
        public static readonly PollDue Instance = new();
    }

    private sealed record PollFailed(Exception Cause) : INoSerializationVerificationNeeded;
}
