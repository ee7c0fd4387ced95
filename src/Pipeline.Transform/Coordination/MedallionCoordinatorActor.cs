using System.Collections.Concurrent;
using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Event;
using Pipeline.Core;
using Pipeline.Remoting.Joining;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Coordination.Freshness;
using Pipeline.Transform.Coordination.Journal;
using Pipeline.Transform.Coordination.Runners;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Rebuild;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Coordination;

/// <summary>
/// Keeps Silver and Gold up to date: one in the cluster. Jobs run on any node; it remembers which it has requested before it
/// has one start them, and the next coordinator, after a crash or a move, asks the nodes what they run before it plans. What
/// no node owns up to is run again; jobs are idempotent.
/// </summary>
/// <remarks>
/// Decisions are <see cref="MedallionState"/>'s; this actor has them remembered by its <see cref="JournalKeeperActor"/>, if
/// the journal can be had, and performs them. Without a journal it starts from the tables' logs.
/// <code>
/// Recalling ──what is remembered──▶ Coordinating ──a decision──▶ Remembering ──it is durable, or cannot be──▶ Coordinating
/// </code>
/// </remarks>
public sealed class MedallionCoordinatorActor : ReceiveActor, IWithTimers, IWithUnboundedStash
{
    /// <summary>How often it is looked at what is due: the resolution of all intervals.</summary>
    private static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>Of these, how often it is said how the tables are.</summary>
    private const int TicksPerWord = 10;

    /// <summary>The keeper answers sooner; if it does not, it is broken.</summary>
    private static readonly TimeSpan AnswerMax = TimeSpan.FromMinutes(1);

    private readonly HashSet<TableId> _ordered = [];
    private readonly OpenTables _tables;
    private readonly TransformGraph _graph;
    private readonly TransformOptions _options;
    private readonly TimeProvider _time;
    private readonly IReadOnlySet<TableId>? _only;
    private readonly JobPlanner _planner;
    private readonly TableDescriptions _descriptions;
    private readonly OutageWatch _outages;
    private readonly OutageWaiter _polls;
    private readonly Dictionary<TableId, OutageWaiter> _runs = [];
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly CancellationTokenSource _stopping = new();
    private readonly IActorRef _journal;
    private readonly IActorRef _runners;
    private readonly IActorRef _freshness;
    private readonly TimeLimit _limit;
    private readonly TransformMeter _meter;
    private readonly CoordinatorBoard _board;
    private int _ticks;
    private volatile MedallionState _state;
    private bool _isPolling;
    private readonly Dictionary<TableId, (FaultKind Kind, string Thing, string NextStep)> _stoppedBy = [];

    /// <summary>Tables of which it was said that they wait, and not yet that they go on.</summary>
    private readonly HashSet<TableId> _saidToWait = [];

    /// <summary>Tables of which it was said that a run failed and is tried again, and not yet that they go on.</summary>
    private readonly HashSet<TableId> _saidToFail = [];

    /// <summary>Tables of which it was said that they are made anew, by the tasks that do so.</summary>
    private readonly ConcurrentDictionary<TableId, byte> _saidToBeRebuilt = [];

    /// <summary>Tables of which it was said that they run.</summary>
    private readonly HashSet<TableId> _saidToRun = [];
    private ImmutableDictionary<string, Fault> _unreadable = ImmutableDictionary<string, Fault>.Empty;

    public MedallionCoordinatorActor(Props journal, Props runners, Props freshness, OpenTables tables, TransformGraph graph, JobPlanner planner, TransformOptions options, OutageWatch outages, TimeProvider time, IReadOnlySet<TableId>? only = null, CoordinatorBoard? board = null)
    {
        _tables = tables;
        _board = board ?? new CoordinatorBoard(new Holds());
        _graph = graph;
        _options = options;
        _outages = outages;
        _polls = outages.Waiter();
        _time = time;
        _only = only;
        _planner = planner;
        _descriptions = new TableDescriptions(tables, graph);
        _limit = new TimeLimit(options.JobTimeMax, time);
        _state = Started();
        _meter = new TransformMeter(() => _state, tables, time);
        _journal = Context.ActorOf(journal, "journal");
        _runners = Context.ActorOf(runners, "runners");
        _freshness = Context.ActorOf(freshness, "freshness");
        Recalling();
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public IStash Stash { get; set; } = null!;

    /// <param name="journal">The keeper of what it remembers.</param>
    /// <param name="runners">Speaks with the nodes that run jobs.</param>
    /// <param name="freshness">Knows how fresh the tables are.</param>
    /// <param name="only">No other table is run; null: there are none.</param>
    /// <param name="board">The node's; null: nobody reads or writes it.</param>
    public static Props Props(Props journal, Props runners, Props freshness, OpenTables tables, TransformGraph graph, JobPlanner planner, TransformOptions options, OutageWatch outages, TimeProvider time,
        IReadOnlySet<TableId>? only = null, CoordinatorBoard? board = null) => Akka.Actor.Props.Create(() => new MedallionCoordinatorActor(journal, runners, freshness, tables, graph, planner, options, outages, time, only, board));

    protected override void PreStart() => Timers.StartSingleTimer(nameof(Unanswered), Unanswered.Instance, AnswerMax);

    protected override void PostStop()
    {
        _stopping.Cancel();
        _stopping.Dispose();
        _polls.Dispose();
        _meter.Dispose();
        _board.Say(status: null);
        foreach (var run in _runs.Values) run.Dispose();
        base.PostStop();
    }

    private void Recalling()
    {
        Receive<Recalled>(OnRecalled);
        Receive<Unanswered>(_ => throw new InvalidOperationException("The keeper of the journal has not answered."));
        ReceiveAny(_ => Stash.Stash());
    }

    /// <param name="then">What follows when the events are durable, or cannot be made so.</param>
    private void Remembering(Action then)
    {
        Receive<Remembered>(_ =>
        {
            Timers.Cancel(nameof(Unanswered));
            Become(Coordinating);
            Stash.UnstashAll();
            then();
        });
        // They come again.
        Receive<Tick>(_ => { });
        Receive<PollDue>(_ => { });
        Receive<Unanswered>(_ => throw new InvalidOperationException("The keeper of the journal has not answered."));
        ReceiveAny(_ => Stash.Stash());
    }

    private void Coordinating()
    {
        Receive<Tick>(OnTick);
        Receive<PollDue>(_ => Poll());
        Receive<InputsPolled>(polled =>
        {
            _isPolling = false;
            _polls.Answered();
            Tell(polled.Unreadable);
            Handle(polled);
        });
        Receive<PollFailed>(failed =>
        {
            _isPolling = false;
            OnPollFailed(Fault.Of("The tables' logs", failed.Cause), failed.Cause);
        });
        Receive<BronzeCommitted>(committed => Hear(committed, committed.Table, () =>
        {
            _meter.Heard(committed);
            return new InputSeen(committed.Table, committed.Version, committed.Rows, committed.CommittedAt);
        }));
        Receive<TableAdvanced>(advanced => Hear(advanced, advanced.Table, () => new InputSeen(advanced.Table, advanced.Version, 0, advanced.CommittedAt)));
        Receive<JobPlanned>(planned =>
        {
            if (planned.Pins is null) OnNothingToDo(planned.Table);
            Handle(planned);
        });
        Receive<JobEnded>(OnEnded);
        Receive<PlanFailed>(failed => End(JobEnded.Failed(failed.Table, pins: null, failed.Cause)));
        Receive<RunnersAsked>(asked => Handle(asked));
        Receive<RunnerAnswered>(answered => Handle(answered));
        Receive<RunnerLost>(lost => Handle(lost));
        Receive<RunnersWaitedFor>(over => Handle(over));
        Receive<GetMedallionStatus>(_ => Sender.Tell(_state.ToStatus(_time.GetUtcNow())));
        Receive<TellLake>(tell => _freshness.Forward(tell));
        Receive<TriggerTable>(trigger => Obey(trigger.Table, trigger));
        Receive<LookAgain>(OnLookAgain);
        Receive<PauseTable>(pause => Obey(pause.Table, pause));
        Receive<ResumeTable>(resume => Obey(resume.Table, resume));
        Receive<CancelTable>(cancel => Obey(cancel.Table, cancel));
        Receive<Status.Failure>(failure => Background.ThrowIfAny(failure.Cause));
        Receive<SubscribeAck>(_ => { });
        Receive<GetEverything>(_ => Sender.Tell(_state.ToSnapshot()));
        Receive<RecalledLate>(late => _state = _state.TakeOver(StateOf(late.Memory), _ordered));
        Receive<Unanswered>(_ => { });
    }

    private MedallionState Started() =>
        MedallionState.Start(_graph.Tables.Select(table => (table, _graph.InputsOf(table).AsEnumerable())), _options, _time.GetUtcNow()) with { Only = _only };

    private MedallionState StateOf(Recollection memory) =>
        memory.Events.Aggregate(memory.Snapshot is { } snapshot ? Started().Restore(snapshot) : Started(), (state, happened) => state.Apply(happened));

    private void OnRecalled(Recalled recalled)
    {
        Timers.Cancel(nameof(Unanswered));
        _state = StateOf(recalled.Memory);
        DistributedPubSub.Get(Context.System).Mediator.Tell(new Subscribe(LakeEvents.Topic, Self));
        Timers.StartPeriodicTimer("tick", Tick.Instance, TimeSpan.Zero, TickInterval);
        Timers.StartPeriodicTimer("poll", PollDue.Instance, _options.PollInterval);
        Become(Coordinating);
        Stash.UnstashAll();
    }

    /// <summary>Believed of the one who speaks with the nodes.</summary>
    private void OnEnded(JobEnded ended)
    {
        if (Sender.Equals(_runners)) End(ended);
        else _log.Warning("{Message} for {Table} is not believed: {Sender} runs no job", nameof(JobEnded), ended.Table, Sender.Path);
    }

    private void End(JobEnded ended)
    {
        Watch(ended);
        // Kept or of no use: its node need not tell it again.
        Handle(ended, () => Forget(ended));
    }

    private void Forget(JobEnded ended)
    {
        if (ended.Pins is { } pins) _runners.Tell(new ToRunner(null, new JobEndKept(pins)));
    }

    /// <summary>What is away is said by the node's watch: this looks again soon.</summary>
    private void OnPollFailed(Fault fault, Exception cause)
    {
        if (fault.IsTransient) _polls.Failed(fault);
        else if (fault.Kind == FaultKind.Defect) _log.Error(cause, "Cannot read the tables' logs, looking again in {PollInterval}: {Fault}", _options.PollInterval, fault);
        else _log.Warning("Cannot read the tables' logs, looking again in {PollInterval}: {Fault}", _options.PollInterval, fault);
    }

    /// <summary>Each once for as long as it lasts, and its end.</summary>
    private void Tell(IReadOnlyList<Fault> unreadable)
    {
        var now = unreadable.DistinctBy(fault => fault.Outage).ToImmutableDictionary(fault => fault.Outage);
        foreach (var (thing, fault) in now.Where(pair => !_unreadable.TryGetValue(pair.Key, out var told) || ReasonOf(told) != ReasonOf(pair.Value)))
            _log.Warning("{Thing} cannot be read for what it has to bring, other inputs go on; looking again in {PollInterval}: {Fault}", thing, _options.PollInterval, fault);
        foreach (var (thing, fault) in _unreadable.Where(pair => !now.ContainsKey(pair.Key)))
            _log.Info("{Thing} can be read again for what it has to bring. It was: {Cause}", thing, fault.Cause);
        _unreadable = now;
    }

    private void TellFreshness(MedallionEvent happened, object message)
    {
        if (happened is JobSucceeded && message is JobEnded { Pins: { } pins, Result: { } result }) _freshness.Tell(new TableMade(pins.Table, result.Version, pins.Inputs));
        if (happened is JobFailed && message is JobEnded { Fault: { } fault }) _freshness.Tell(new TableFails(happened.Table, fault));
    }

    private void OnNothingToDo(TableId table)
    {
        _freshness.Tell(new TableRests(table));
        RunsOf(table).Answered();
        _meter.GoesOn(table, _time.GetUtcNow());
        _stoppedBy.Remove(table);
        // New input may have made it try again before: then it has stopped no more, and nobody has said so.
        if (IsSaidToGoOn(table) || _state.Find(table) is { IsStopped: true }) _log.Info("Table {Table} goes on: nothing is left to be done", table);
    }

    /// <summary>Whether it was said that it waits or fails, which has an end now.</summary>
    private bool IsSaidToGoOn(TableId table)
    {
        var hasWaited = _saidToWait.Remove(table);
        return _saidToFail.Remove(table) || hasWaited;
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

    /// <summary>An announcement is a hint, and one of a version that nobody has made would be looked for in vain, again and again.</summary>
    private void Hear(object announcement, TableId table, Func<InputSeen> seen)
    {
        if (Context.IsFromCluster(_log, announcement, table)) Handle(seen());
    }

    private void Obey(TableId table, object command)
    {
        if (!Context.IsFromCluster(_log, command, table)) return;

        if (_state.Find(table) is null)
        {
            Sender.Tell(new UnknownTable(table, [.. _state.Tables.Select(known => known.Table)]));
            return;
        }

        if (command is PauseTable or ResumeTable) _ordered.Add(table);
        var sender = Sender;
        Handle(command, () => sender.Tell(new Accepted(table)));
    }

    private void OnLookAgain(LookAgain again)
    {
        if (!Context.IsFromCluster(_log, again, "every table")) return;
        if (_state.Tables.Where(table => table.IsFailing).Select(table => table.Table).ToList() is { Count: > 0 } failing)
            _log.Info("Told to look again: {Tables}", string.Join(", ", failing));
        Handle(again);
    }

    private void OnTick(Tick tick)
    {
        if (_ticks++ % TicksPerWord == 0) _board.Say(_state.ToStatus(_time.GetUtcNow()));
        Handle(tick);
    }

    private void Handle(object message, Action? then = null)
    {
        _state = _state with { Held = _board.Held };
        var decision = MedallionState.Decide(_state, message, _time.GetUtcNow());
        _state = decision.State;
        if (decision.Events.IsEmpty)
        {
            Perform(decision, then);
            return;
        }

        _journal.Tell(new Remember(decision.Events));
        Timers.StartSingleTimer(nameof(Unanswered), Unanswered.Instance, AnswerMax);
        Become(() => Remembering(() =>
        {
            foreach (var happened in decision.Events)
            {
                Report(happened, message);
                _meter.Happened(happened, message);
                if (happened is JobSucceeded) LookAt(happened.Table);
                TellFreshness(happened, message);
                _state = _state.Apply(happened);
            }

            Perform(decision, then);
        }));
    }

    private void Report(MedallionEvent happened, object message)
    {
        if (happened is JobFailed failed) Report(failed, (message as JobEnded)?.Fault);
        if (happened is JobFailed { IsRuleBroken: true } && _state.Find(happened.Table) is { IsRuleBroken: false } && _state.Apply(happened) is var stopped
            && stopped.Tables.Where(table => stopped.StopOf(table)?.Table == happened.Table).Select(table => table.Table).ToList() is { Count: > 0 } behind)
            _log.Warning("{Tables} stand behind {Table}, and go on with it", string.Join(", ", behind), happened.Table);
        if (happened is JobSucceeded) _stoppedBy.Remove(happened.Table);
        if (happened is JobSucceeded succeeded) Report(succeeded);
        if (happened is JobSucceeded && message is JobEnded { Result.Fields: { } fields } && _graph.TrySilver(happened.Table) is { } contract) Report(contract, fields);
        if (happened is JobSucceeded && message is JobEnded { Result: { } ended }) Report(happened.Table, ended.Exceeds, ended.Mended, ended.Added);
        if (happened is JobTooLarge tooLarge)
            _log.Warning("Table {Table}: run {Run} is too large, the next one reads at most {RowsMax} rows: {Reason}", tooLarge.Table, tooLarge.Run, tooLarge.RowsMax, tooLarge.Reason);
    }

    /// <summary>What is away is said by the node's watch, for as long as the table does not wait for somebody.</summary>
    private void Report(JobFailed failed, Fault? fault)
    {
        var isKnown = (failed.IsFinal || fault is { Kind: FaultKind.TooLarge }) && IsTold(failed, fault);
        if (failed.IsFinal) _saidToWait.Add(failed.Table);
        if (isKnown || (!failed.IsFinal && fault is { IsTransient: true })) return;
        if (!failed.IsFinal) _saidToFail.Add(failed.Table);
        _log.Error("Table {Table}: run {Run} failed, and {Next}: {Reason}", failed.Table, failed.Run, failed.IsFinal ? "the table waits until that is mended" : "is tried again", failed.Message);
    }

    /// <summary>Once: the table's log has them from now on.</summary>
    private void Report(SilverContract contract, UnreadFields fields)
    {
        if (fields.Told.IsEmpty) _log.Info("Table {Table}: records have {Count} more fields that no column reads, by names that are many or that no path can have; they are not told one by one", contract.Table, fields.More);
        else
            _log.Info("Table {Table}: records have {Count} fields that no column reads: {Fields}{More}. To take one, write into its columns e.g. {Line}; './pipeline plan' has the others, and fields = ignore in the contract ends this",
                contract.Table, fields.Count, string.Join(", ", fields.Told), fields.More == 0 ? "" : $" and {fields.More} more", fields.Told[0].LineFor(contract));
    }

    /// <summary>Once: the table's log has it until it is mended.</summary>
    private void Report(TableId table, MassQuarantine? exceeds, MassQuarantine? mended, AddedColumns? added)
    {
        if (added is not null) _log.Info("Table {Table}: records have fields that no column reads. Since its contract has fields = add, columns take them: {Columns}. The table is made anew with them", table, string.Join(", ", added.Columns));
        if (exceeds is not null)
            _log.Warning("Table {Table}: {What}. See './pipeline quarantine show {Table} --rule {Rule}'; this ends when the rows are mended at their source, or the rule is", table, exceeds, table, exceeds.Rule);
        if (mended is not null) _log.Info("Table {Table} has no more rows in its quarantine than are expected: of {Rows} rows {Quarantined} had gone there", table, mended.Rows, mended.Quarantined);
    }

    private void Report(RebuiltTable rebuilt)
    {
        _log.Info("Table {Table} is made anew and up to date: version {Version}, {Rows} rows", rebuilt.Table, rebuilt.Version, rebuilt.Rows ?? 0);
        Report(rebuilt.Table, rebuilt.Exceeds, rebuilt.Mended, rebuilt.Added);
    }

    /// <summary>A run on another node has changed tables that are measured here. What cannot be read shows with the next run.</summary>
    private void LookAt(TableId table) => Background.Start(async cancellationToken =>
    {
        foreach (var made in table.Layer == Layer.Silver ? [table, TableId.Quarantine(table.Name), SilverTables.Deleted(table), QualityTable.Id] : (TableId[])[table])
            await _tables.TryOpenAsync(made, cancellationToken);
    }, _ => { }, _stopping.Token);

    /// <summary>The first of a table, and the first after it had stopped: others are its daily bread.</summary>
    private void Report(JobSucceeded run)
    {
        if (IsSaidToGoOn(run.Table) || _state.Find(run.Table) is { Halts: > 0 }) _log.Info("Table {Table} goes on: run {Run} has ended well", run.Table, run.Run);
        else if (!_saidToRun.Contains(run.Table)) _log.Info("Table {Table}: run {Run} has ended, the first here: {Rows} rows in {Seconds} s, version {Version}", run.Table, run.Run, run.Rows, Math.Round(run.Took.TotalSeconds, 1), run.Version);
        else _log.Debug("Table {Table}: run {Run} has ended: {Rows} rows in {Seconds} s, version {Version}", run.Table, run.Run, run.Rows, Math.Round(run.Took.TotalSeconds, 1), run.Version);
        _saidToRun.Add(run.Table);
    }

    /// <summary>A table that has stopped, or whose runs are too large, says why once, however often it is tried, and whatever object shows it this time.</summary>
    private bool IsTold(JobFailed failed, Fault? fault)
    {
        var isSaid = _saidToWait.Contains(failed.Table) || _state.Find(failed.Table) is { IsStopped: true } || (!failed.IsFinal && _saidToFail.Contains(failed.Table));
        var isSame = fault is not null && _stoppedBy.TryGetValue(failed.Table, out var told) && told == ReasonOf(fault);
        if (fault is not null) _stoppedBy[failed.Table] = ReasonOf(fault);
        return isSaid && (isSame || _state.Find(failed.Table)!.Error == failed.Message);
    }

    private static (FaultKind Kind, string Thing, string NextStep) ReasonOf(Fault fault) => (fault.Kind, fault.Outage, fault.NextStep);

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
                _ = PlanAsync(plan.Table, plan.RowsMax).PipeTo(Self, failure: cause => new PlanFailed(plan.Table, cause));
                break;
            case MedallionEffect.Run run:
                if (run.IsAgain) _log.Info("Table {Table}: run {Run} is started again, on {Runner}: no node that runs jobs has it", run.Pins.Table, run.Pins.Run, run.Runner);
                _runners.Tell(new ToRunner(run.Runner, new RunJob(run.Pins) { Handle = run.Handle }));
                break;
            case MedallionEffect.Cancel cancel:
                _runners.Tell(new ToRunner(cancel.Runner, new CancelJob(cancel.Pins)));
                break;
            case MedallionEffect.Proceed proceed:
                _runners.Tell(new ToRunner(proceed.Runner, proceed.Kept));
                break;
            case MedallionEffect.Announce announce:
                DistributedPubSub.Get(Context.System).Mediator.Tell(new Publish(LakeEvents.Topic, announce.Advanced));
                break;
            default:
                throw new InvalidOperationException($"Unknown effect {effect}.");
        }
    }

    private async Task<JobPlanned> PlanAsync(TableId table, long rowsMax)
    {
        if (await _limit.RunAsync($"Table {table}", "looking what it has yet to read", cancellationToken => _planner.DroppedByAsync(table, cancellationToken), _stopping.Token) is { } input) await RebuildAsync(table, input);
        else await FollowAsync(table);
        await _limit.RunAsync($"Table {table}", "writing down what it says of itself", cancellationToken => _descriptions.BringAsync(table, cancellationToken), _stopping.Token);
        return await _limit.RunAsync($"Table {table}", "planning a run", async cancellationToken =>
            new JobPlanned(table, await _planner.PlanAsync(table, rowsMax, cancellationToken)), _stopping.Token);
    }

    /// <summary>
    /// Instead of a run, whose turn it has: as long as it takes, each step within the time that a run has. Cut off, it goes on when the table is planned
    /// next, by whoever does.
    /// </summary>
    private async Task RebuildAsync(TableId table, TableId input)
    {
        if (_saidToBeRebuilt.TryAdd(table, 0))
            _log.Warning("Table {Table}: what has come to {Input} since it was read last is no longer kept, because nothing was asked for in so long. It is made anew from the whole table, beside the one that is there.", table, input);
        try
        {
            await new TableRebuild(_tables.Lake, _graph, _options, _time).RunAsync(table, withDependents: false,
                Report, _stopping.Token);
        }
        catch (PipelineException e)
        {
            throw new PipelineException(e.Kind, $"Table {table}", $"it cannot be made anew from the whole of {input}: {e.Thing}: {e.Cause}", e.NextStep, e);
        }

        _saidToBeRebuilt.TryRemove(table, out _);
    }

    /// <summary>Makes a table anew whose rows would be others by the configuration of today: instead of a run, as above.</summary>
    private async Task FollowAsync(TableId table)
    {
        var isAnew = await new ChangedTables(_tables, _graph, _options).RebuildAsync(table, _time, changes =>
        {
            if (_saidToBeRebuilt.TryAdd(table, 0)) _log.Info("Table {Table}: its configuration has changed ({Changes}). It is made anew, beside the one that is there", table, string.Join(", ", changes));
        }, Report, _stopping.Token);
        if (isAnew) _saidToBeRebuilt.TryRemove(table, out _);
    }

    /// <summary>Looks into the logs of all inputs, so that a lost announcement does not matter.</summary>
    private void Poll()
    {
        if (_isPolling) return;
        _isPolling = true;
        _polls.Asks();
        _ = _limit.RunAsync("The tables' logs", "reading them", PollAsync, _stopping.Token).AsTask().PipeTo(Self, failure: cause => new PollFailed(cause));
    }

    private async ValueTask<InputsPolled> PollAsync(CancellationToken cancellationToken)
    {
        var (seen, unreadable) = (new List<InputSeen>(), new List<Fault>());
        foreach (var id in _graph.Tables.SelectMany(_graph.InputsOf).Distinct())
        {
            try
            {
                if (await _tables.TryOpenAsync(id, cancellationToken) is { } table)
                    seen.Add(new InputSeen(id, table.Current.Version, 0, table.Current.CommittedAt));
            }
            catch (PipelineException e) when (!e.IsTransient)
            {
                unreadable.Add(Fault.Of($"Table {id}", e));
            }
        }

        return new InputsPolled(seen) { Unreadable = unreadable };
    }

    private sealed record PollDue : INoSerializationVerificationNeeded
    {
        public static readonly PollDue Instance = new();
    }

    private sealed record PlanFailed(TableId Table, Exception Cause) : INoSerializationVerificationNeeded;

    private sealed record PollFailed(Exception Cause) : INoSerializationVerificationNeeded;

    private sealed record Unanswered : INoSerializationVerificationNeeded
    {
        public static readonly Unanswered Instance = new();
    }
}
