using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Event;
using Akka.Streams;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Delta;
using Pipeline.Ingest.Committer;
using Pipeline.Ingest.Streams;
using Pipeline.Remoting.Joining;

namespace Pipeline.Ingest.Worker;

/// <summary>What a worker is given.</summary>
/// <param name="Table">The table in the source whose splits it shares with the table's other workers.</param>
/// <param name="Committers">The shard region of the tables' committers.</param>
/// <param name="Monitor">Told of every change of state; nobody when null.</param>
public sealed record IngestWorkerSetup(ISource Source, SourceTable Table, Lake Lake, IActorRef Committers, IActorRef? Monitor, IngestOptions Options,
    ByteBudget Budget, IngestMeter Meter, OutageWatch Outages, TimeProvider Time)
{
    /// <summary>What operators want held: a worker whose table is begins with a rest.</summary>
    public Holds Holds { get; init; } = new();

    internal TableId Bronze => TableId.Bronze(Source.Name, Table.Name);

    internal TableId DeadLetters => TableId.DeadLetter(Source.Name);
}

/// <summary>
/// Reads a share of one table's splits into Bronze. Decides in <see cref="IngestWorkerState"/>; here effects are performed
/// and their outcomes come back as events.
/// </summary>
public sealed class IngestWorkerActor : ReceiveActor, IWithTimers
{
    /// <summary>A stage that was sent more often waits for something that is away: its committer says for what.</summary>
    private const int SendsExpected = 5;

    /// <summary>How often splits are listed for one look into the logs of the tables that are open: a look is a request of the store a table.</summary>
    private const int ListingsPerLook = 30;

    private readonly IngestWorkerSetup _setup;
    private readonly int _worker;
    private readonly TableId _table;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly IMaterializer _materializer = Context.Materializer();
    private readonly CancellationTokenSource _stopped = new();
    private readonly HashSet<IActorRef> _drainAskers = [];
    private readonly WorkerOutages _outages;
    private readonly WorkerRecovery _recovery;
    private readonly WorkerLooks _looks;
    private bool _isAtEnd;
    private readonly FedTables _fed;
    private IngestWorkerState _state;
    private IngestGraph? _graph;
    private TaskCompletionSource? _release;
    private long _stagedAt;
    private long? _rollSince;
    private int _listings;
    private (Guid Stage, string Outage) _unwritten;
    private ImmutableDictionary<TableId, Tally> _tallies = ImmutableDictionary<TableId, Tally>.Empty;
    private ImmutableArray<WorkerStatus> _reported = [];
    private ImmutableArray<Split> _splits = [];

    // Set by what runs beside the actor; all of them are the same table.
    private volatile BronzeTable? _deadLetters;

    public IngestWorkerActor(IngestWorkerSetup setup, int worker)
    {
        _setup = setup;
        _worker = worker;
        _state = new IngestWorkerState(setup.DeadLetters, setup.Options);
        _table = setup.Bronze;
        _outages = new WorkerOutages(setup.Outages.Waiter());
        _recovery = new WorkerRecovery(setup.Time, (after, took) => setup.Meter.Recovered(_table, after, took));
        _fed = new FedTables(setup, worker);
        _looks = new WorkerLooks(setup.Source, setup.Table.Name, $"{setup.Table.Name}/{worker}", setup.Time);

        Receive<RollHandedOver>(OnRoll);
        Receive<WorkerEvent>(Apply);
        Receive<StageCommitted>(OnAnswer);
        Receive<StageRefused>(OnAnswer);
        Receive<StageFailed>(OnAnswer);
        Receive<PositionsFound>(OnAnswer);
        Receive<PositionsUnavailable>(OnAnswer);
        Receive<FilesDeleted>(OnDeleted);
        Receive<TellLooks>(_ =>
        {
            _isAtEnd = false;
            Announce();
        });
        Receive<AtEnd>(_ =>
        {
            _isAtEnd = true;
            Announce();
        });
        Receive<ManifestWritten>(OnManifest);
        Receive<DrainWorker>(_ => OnDrain());
        Receive<StopWorker>(_ => Apply(new WorkerEvent.StopAsked()));
        Receive<ResumeWorker>(_ => Apply(new WorkerEvent.ResumeAsked()));
        Receive<Status.Failure>(failure => Background.ThrowIfAny(failure.Cause));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(IngestWorkerSetup setup, int worker) => Akka.Actor.Props.Create(() => new IngestWorkerActor(setup, worker));

    protected override void PreStart()
    {
        Timers.StartPeriodicTimer(nameof(TellLooks), TellLooks.Instance, WorkerLooks.TellEvery, WorkerLooks.TellEvery);
        Apply(_setup.Holds.Has(_table) ? new WorkerEvent.DrainAsked() : new WorkerEvent.Started());
    }

    protected override void PostStop()
    {
        _stopped.Cancel();
        _graph?.Abort();
        _outages.Dispose();
        // The materializer belongs to this actor and stops with it.
    }

    private void OnDrain()
    {
        _drainAskers.Add(Sender);
        Apply(new WorkerEvent.DrainAsked());
    }

    private void OnRoll(RollHandedOver handed)
    {
        _release = handed.Release;
        _rollSince = handed.Roll.Since;
        Apply(new WorkerEvent.RollClosed(handed.Epoch, handed.Roll));
    }

    private void OnAnswer(object answer)
    {
        if (Context.IsFromCluster())
        {
            var inHand = _state.InHand?.Stage;
            Apply(WorkerEvent.Of(answer));
            if (inHand is not null && _state.InHand?.Stage.Id != inHand.Id) DropManifest(inHand);
        }
        else _log.Warning("{Answer} for {Table} is not believed: {Sender} is no member of this cluster", answer.GetType().Name, _table, Sender.Path);
    }

    private void Apply(WorkerEvent message)
    {
        var before = _state;
        (_state, var effects) = IngestWorkerState.Decide(_state, message);
        if (_state.LastFault is { Kind: FaultKind.Defect } fault && fault != before.LastFault) _log.Warning("{Table}: {Fault} Trying again.", _table, fault);
        _outages.On(message, before, _state);
        if (WorkerOutages.FaultOf(message, before) is { } met) _setup.Meter.Failed(_table, met.Kind);
        foreach (var effect in effects) Perform(effect);
        ReportChange();
    }

    private void Perform(WorkerEffect effect)
    {
        switch (effect)
        {
            case WorkerEffect.Locate locate:
                _ = LocateAsync(locate).PipeTo(Self);
                break;
            case WorkerEffect.AskPositions ask:
                _setup.Committers.Tell(new GetPositions(ask.Table, ask.Epoch, ask.Splits, ask.AtLeast), Self);
                break;
            case WorkerEffect.AskAgainAfter again:
                Timers.StartSingleTimer(again.Table.ToString(), new WorkerEvent.AnswerOverdue(again.Epoch, again.Table), again.Delay);
                break;
            case WorkerEffect.StartGraph start:
                StartGraph(start);
                Timers.StartSingleTimer(nameof(WorkerEvent.ReadQuietly), new WorkerEvent.ReadQuietly(start.Epoch), Outages.SayEvery);
                break;
            case WorkerEffect.DrainGraph:
                _graph?.Drain();
                break;
            case WorkerEffect.AbortGraph:
                _graph?.Abort();
                break;
            case WorkerEffect.Send send:
                if (!send.IsAgain) _stagedAt = _setup.Time.GetTimestamp();
                Send(send.Stage);
                break;
            case WorkerEffect.CountCommit commit:
                Count(commit.Stage, commit.Answer.Version, _setup.Time.GetUtcNow());
                break;
            case WorkerEffect.TellRefusal refusal:
                Tell(refusal.Answer);
                break;
            case WorkerEffect.Acknowledge acknowledge:
                _ = AcknowledgeAsync(acknowledge).PipeTo(Self);
                break;
            case WorkerEffect.ReleaseRoll:
                _release?.TrySetResult();
                _release = null;
                if (_isAtEnd) Announce();
                break;
            case WorkerEffect.DeleteFiles delete:
                _ = DeleteAsync(delete).PipeTo(Self);
                break;
            case WorkerEffect.ResendAfter resend:
                Timers.StartSingleTimer(nameof(WorkerEvent.ResendDue), new WorkerEvent.ResendDue(), resend.Delay);
                break;
            case WorkerEffect.RetryAfter retry:
                Timers.StartSingleTimer(nameof(WorkerEvent.RetryDue), new WorkerEvent.RetryDue(), _setup.Options.Retry.Spread(retry.Delay, Random.Shared.NextDouble()));
                break;
            case WorkerEffect.RelistAfter relist:
                Timers.StartSingleTimer(nameof(WorkerEvent.RelistDue), new WorkerEvent.RelistDue(), relist.Delay);
                break;
            case WorkerEffect.LookAfter look:
                Timers.StartSingleTimer(nameof(WorkerEvent.LookDue), new WorkerEvent.LookDue(), _setup.Options.HaltRetry.Spread(look.Delay, Random.Shared.NextDouble()));
                break;
            case WorkerEffect.TellHalt halt:
                _log.Error("{Table} is halted: {Fault} {Next}", NameOf(halt.Fault), halt.Fault, halt.Fault.AwaitsWord
                    ? "It is looked at again when its node gets a SIGHUP or is started again." : $"It is looked at again in {_setup.Options.HaltRetry.BackoffMin.TotalSeconds:0.#} s, then less often, and at once when its node gets a SIGHUP or is started again.");
                break;
            case WorkerEffect.RecordHalt record:
                Background.Start(cancel => RecordHaltAsync(record, cancel), failure => OnUnrecorded(record.Split, failure), _stopped.Token);
                break;
            case WorkerEffect.TellHaltEnded ended:
                _log.Info("{Table} is halted no more. It was: {Cause}", NameOf(ended.Fault), ended.Fault.Cause);
                break;
            case WorkerEffect.TellListing { IsBack: false } listing:
                _log.Error("{Table}: what is new at the source is not found any more; what is known is read on. {Fault}", _table, listing.Fault);
                break;
            case WorkerEffect.TellListing listing:
                _log.Info("{Table}: what is new at the source is found again. It was: {Cause}", _table, listing.Fault.Cause);
                break;
            case WorkerEffect.DrainWithin drain:
                Timers.StartSingleTimer(nameof(WorkerEvent.DrainOverdue), new WorkerEvent.DrainOverdue(), drain.Limit);
                break;
            case WorkerEffect.TellDrained:
                foreach (var asker in _drainAskers) asker.Tell(new WorkerDrained());
                _drainAskers.Clear();
                break;
            case WorkerEffect.StopSelf:
                Context.Stop(Self);
                break;
        }
    }

    /// <summary>A stage that is too large for a message goes by the lake.</summary>
    private void Send(StageFiles stage)
    {
        if (StageManifest.IsNeeded(stage)) _ = WriteManifestAsync(stage).PipeTo(Self);
        else _setup.Committers.Tell(stage, Self);
    }

    private async Task<ManifestWritten> WriteManifestAsync(StageFiles stage) =>
        new(stage.Id, await Background.RunAsync(cancel => StageManifest.WriteAsync(_setup.Lake, stage, cancel), _stopped.Token));

    /// <summary>What failed is tried again when the stage is due to be sent again.</summary>
    private void OnManifest(ManifestWritten written)
    {
        // The stage may have been decided meanwhile, or dropped.
        if (written.Outcome is Outcome<StageReference>.Done { Value: var reference } && _state.InHand?.Stage.Id == written.Stage) _setup.Committers.Tell(reference, Self);
        if (written.Outcome is not Outcome<StageReference>.Failed { Cause: var cause }) return;
        var fault = Fault.Of($"Table {_table}", cause);
        if (fault.Kind == FaultKind.Defect) _log.Error(cause, "Worker {Worker} of {Table} cannot write a staged manifest.", _worker, _table);
        // Tried again with each sending: what is away is said by the node's watch, and what refuses once a stage.
        else if (!fault.IsTransient && _unwritten != (written.Stage, fault.Outage)) _log.Warning("A stage of {Table} waits: {Fault}", _table, fault);
        else _log.Debug("A stage of {Table} waits: {Fault}", _table, fault);
        _unwritten = (written.Stage, fault.Outage);
    }

    /// <summary>The stage in hand is decided: what it needed to be sent is not needed any more.</summary>
    private void DropManifest(StageFiles decided)
    {
        if (StageManifest.IsNeeded(decided))
            _ = DeleteAsync(cancel => StageManifest.DeleteAsync(_setup.Lake, decided.Table, decided.Id, cancel)).PipeTo(Self);
    }

    private async Task<FilesDeleted> DeleteAsync(Func<CancellationToken, ValueTask> delete) =>
        new(await Background.FailureAsync(delete, _stopped.Token) is { } failure ? [failure] : []);

    private Task<WorkerEvent> LocateAsync(WorkerEffect.Locate locate) => LocateAsync(locate, readsLogs: !_state.Halts.IsEmpty || _state.Splits.Any(split => _setup.Source.DoubtOf(split.Id) is not null) || ++_listings % ListingsPerLook == 0);

    /// <param name="readsLogs">Whether somebody may have decided meanwhile about what halts a split, or has begun a table anew, which the tables' logs say.</param>
    private Task<WorkerEvent> LocateAsync(WorkerEffect.Locate locate, bool readsLogs) => Guarded(async cancel =>
    {
        if (readsLogs)
            foreach (var known in locate.Known.ByName.Values) await known.Delta.RefreshAsync(cancel);
        foreach (var anew in locate.Anew)
            if (await _fed.TryBeginAnewAsync(anew, cancel)) _log.Warning("{Table} begins anew, with a snapshot: the source's changes of it cannot be read at {At}.", TableId.Bronze(_setup.Source.Name, anew.Table), anew.At);
        var listed = await _setup.Source.ListSplitsAsync(_setup.Table.Name, cancel);
        var (tables, mine, unfit) = await _fed.OpenAsync(listed, locate.Known.ByName, cancel);
        if (unfit is not null && mine.IsEmpty) return new WorkerEvent.LocateFailed(locate.Epoch, unfit);
        // Also of splits that others read: their rows and ours meet in the table.
        var splits = await BeginningsOf(listed, tables.Values, cancel);
        foreach (var table in tables.Values)
        {
            var isOwn = table.Id == _setup.Bronze;
            var isLeftBehind = isOwn && (readsLogs || !locate.Known.ByName.ContainsKey(_setup.Table.Name)) ? await _fed.IsLeftBehindAsync(table, listed, tables.Values, cancel) : null;
            if (isLeftBehind is not null) _log.Warning("{Table} was left out for a while of what its source says of several tables: it begins anew, with a snapshot.", _table);
            await Beginnings.RecordAsync(table, splits, _setup.Time, cancel, isOwn, isLeftBehind);
        }

        // Only between two readings: what is being read would not be where its table is.
        if (locate.Known.ByName.IsEmpty)
            foreach (var table in tables.Values) await TableTurns.EndAsync(table, mine, _setup.Time, cancel);
        var logged = tables.Values.ToImmutableDictionary(table => table.Id, table => LoggedEpochs.Of(table.Delta.Current, mine));
        if (mine.Length > 0 && await TryOpenDeadLettersAsync(cancel) is { } deadLetters)
            logged = logged.SetItem(_setup.DeadLetters, LoggedEpochs.Of((await FollowAsync(deadLetters, tables, mine, cancel)).Delta.Current, mine));
        return new WorkerEvent.Located(locate.Epoch, mine) { Tables = new OpenedTables(tables), Listed = listed.Count, Logged = logged, Unfit = unfit, Halted = HaltedOf(tables.Values, mine), Ends = tables.Values.Select(table => TableTurns.EndsOf(table.Delta.Current, mine)).Aggregate(ImmutableDictionary<SplitId, SplitTurn>.Empty, (all, ends) => all.SetItems(ends)) };
    }, fault => new WorkerEvent.LocateFailed(locate.Epoch, fault));

    /// <summary>The splits with where they begin, for those of which a table remembers nothing yet.</summary>
    private async ValueTask<IReadOnlyList<Split>> BeginningsOf(IReadOnlyList<Split> listed, IEnumerable<BronzeTable> tables, CancellationToken cancellationToken)
    {
        var unknown = listed.Where(split => split.Beginning is null && split.Identity is not null && tables.Any(table => split.Tables.Contains(table.Id.Name, StringComparer.Ordinal) && !Beginnings.IsKnown(table, split))).ToList();
        if (unknown.Count == 0) return listed;
        var standings = await _setup.Source.LookBackAsync([.. unknown.Select(split => new SplitPosition(split.Id, Position: null) { Identity = split.Identity })], cancellationToken);
        var beginnings = standings.ToDictionary(standing => standing.Split, standing => standing.Beginning);
        return [.. listed.Select(split => beginnings.TryGetValue(split.Id, out var beginning) ? split with { Beginning = beginning } : split)];
    }

    /// <summary>What the tables' logs say that halts these splits.</summary>
    private static ImmutableDictionary<SplitId, Fault> HaltedOf(IEnumerable<BronzeTable> tables, IReadOnlyCollection<Split> splits) => tables
        .SelectMany(table => SplitHalt.Of(table.Delta.Current.Metadata.Configuration)).Where(halt => splits.Any(split => split.Id == halt.Key))
        .DistinctBy(halt => halt.Key).ToImmutableDictionary(halt => halt.Key, halt => halt.Value.FaultOf(halt.Key));

    /// <summary>What is away is waited for: until it is recorded, the split is halted by what this worker remembers.</summary>
    private async ValueTask RecordHaltAsync(WorkerEffect.RecordHalt record, CancellationToken cancellationToken)
    {
        foreach (var name in record.Split.Tables)
            await _setup.Options.Retry.RunAsync(_setup.Time, async cancel =>
            {
                var id = TableId.Bronze(_setup.Source.Name, name);
                if (await _setup.Lake.TryOpenAsync(id, cancel) is { } table) await GapAcceptance.RecordAsync(table, id, record.Split.Id, record.Fault, record.Position, _setup.Time, cancel);
                return true;
            }, cancellationToken);
    }

    private void OnUnrecorded(Split split, Exception? failure)
    {
        if (failure is not null) _log.Warning("{Split} is halted, and the log of its table does not say so: a restart will forget it. {Cause}", split.Id, failure.Message);
    }

    private async ValueTask<BronzeTable> OpenDeadLettersAsync(CancellationToken cancellationToken) =>
        _deadLetters = await BronzeTable.OpenAsync(_setup.Lake, _setup.DeadLetters, DeadLetterColumns.SourceSchema, cancellationToken);

    /// <summary>Null: there are none yet.</summary>
    private async ValueTask<BronzeTable?> TryOpenDeadLettersAsync(CancellationToken cancellationToken) => _deadLetters is { } known ? known
        : await _setup.Lake.TryOpenAsync(_setup.DeadLetters, cancellationToken) is null ? null : await OpenDeadLettersAsync(cancellationToken);

    /// <summary>Dead letters of splits in a new epoch are others than those at the same positions before.</summary>
    private async ValueTask<BronzeTable> FollowAsync(BronzeTable deadLetters, ImmutableDictionary<string, BronzeTable> opened, IEnumerable<Split> splits, CancellationToken cancellationToken)
    {
        foreach (var (table, read) in splits.GroupBy(split => split.Tables[0], StringComparer.Ordinal).Select(group => (group.Key, group.ToList())))
            await Beginnings.FollowAsync(deadLetters, opened[table], read, _setup.Time, cancellationToken);
        return deadLetters;
    }

    private void StartGraph(WorkerEffect.StartGraph start)
    {
        var (self, epoch) = (Self, start.Epoch);
        var setup = new GraphSetup(_setup.Source, start.Starts, start.Tables.ByName,
            async cancel => await FollowAsync(await OpenDeadLettersAsync(cancel), start.Tables.ByName, start.Starts.Select(split => split.Split), cancel), _setup.Options, _setup.Budget, _setup.Meter, _setup.Time, (roll, cancel) =>
            {
                var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                self.Tell(new RollHandedOver(epoch, roll, release));
                return release.Task.WaitAsync(cancel);
            })
        {
            OnEnd = () => self.Tell(AtEnd.Instance),
        };
        _graph = IngestGraph.Run(setup, _materializer);
        var running = _graph;
        _ = Guarded(async _ =>
        {
            await running.Completion;
            return new WorkerEvent.GraphEnded(epoch, Fault: null);
        }, fault => new WorkerEvent.GraphEnded(epoch, fault)).PipeTo(Self);
    }

    private Task<WorkerEvent> AcknowledgeAsync(WorkerEffect.Acknowledge acknowledge) => Guarded(async cancel =>
    {
        KillPoint.Reach(KillPoint.BeforeAcknowledge);
        foreach (var (split, position) in acknowledge.Positions) await _setup.Source.AcknowledgeAsync(split, position, cancel);
        return new WorkerEvent.Acknowledged(acknowledge.Epoch);
    }, fault => new WorkerEvent.AcknowledgeFailed(acknowledge.Epoch, fault));

    private async Task<FilesDeleted> DeleteAsync(WorkerEffect.DeleteFiles delete)
    {
        var stopping = _stopped.Token;
        var failures = ImmutableArray.CreateBuilder<Exception>();
        foreach (var file in delete.Files)
            if (await Background.FailureAsync(cancel => _setup.Lake.Store.DeleteAsync($"{delete.Table}/{file.Path}", cancel), stopping) is { } failure)
                failures.Add(failure);
        return new FilesDeleted(failures.DrainToImmutable());
    }

    private void OnDeleted(FilesDeleted deleted)
    {
        // One fact, however many files show it, and each under its own name.
        foreach (var same in deleted.Failures.GroupBy(failure => Fault.Of($"Table {_table}", failure).Outage, StringComparer.Ordinal))
            _log.Warning(same.First() is PipelineException ? null : same.First(), "{Files} uncommitted files of {Table} are left for vacuum: {Cause}", same.Count(), _table, same.First().Message);
    }

    /// <summary>
    /// Runs outside the actor; a failure becomes an event. A defect is logged with its stack, and the worker starts clean after
    /// a pause, as under a supervisor with backoff.
    /// </summary>
    private async Task<WorkerEvent> Guarded(Func<CancellationToken, ValueTask<WorkerEvent>> work, Func<Fault, WorkerEvent> onFault)
    {
        switch (await Background.RunAsync(work, _stopped.Token))
        {
            case Outcome<WorkerEvent>.Done done:
                return done.Value;
            case Outcome<WorkerEvent>.Failed { Cause: var cause }:
                var fault = Fault.Of($"Table {_table}, worker {_worker}", cause);
                if (fault.Kind == FaultKind.Defect) _log.Error(cause, "Worker {Worker} of {Table} failed unexpectedly.", _worker, _table);
                // A worker that has stopped is told nothing any more.
                else if (_stopped.IsCancellationRequested) _log.Warning("Worker {Worker} of {Table} has stopped: {Fault}", _worker, _table, fault);
                return onFault(fault);
            default:
                return onFault(new Fault(FaultKind.Unreachable, $"Table {_table}", "the worker is stopping", "Nothing to do."));
        }
    }

    private string NameOf(Fault fault) => fault.Split?.ToString() ?? _table.ToString();

    private void Tell(StageRefused refusal)
    {
        _setup.Meter.Refused(refusal.Table);
        _log.Warning("Worker {Worker} of {Table}: a stage was refused because another writer moved {StageTable} to {Positions}. Starting over from there.",
            _worker, _table, refusal.Table, string.Join(", ", refusal.Positions));
    }

    /// <summary>Dead letters count for the worker's own table: their table serves the whole source.</summary>
    private void Count(StageFiles stage, long version, DateTimeOffset now)
    {
        _setup.Meter.Committed(stage.Table, stage.Rows, stage.Files.Sum(file => file.Size), _setup.Time.GetElapsedTime(_stagedAt), stage.NewestEventAt is { } newest ? now.Since(newest) : null,
            _rollSince is { } since ? _setup.Time.GetElapsedTime(since) : null);
        var isDead = stage.Table == _setup.DeadLetters;
        var table = isDead ? _setup.Bronze : stage.Table;
        var tally = _tallies.GetValueOrDefault(table, Tally.None);
        _tallies = _tallies.SetItem(table, isDead
            ? tally with { DeadLetters = tally.DeadLetters + stage.Rows }
            : tally with
            {
                Rows = tally.Rows + stage.Rows, Version = version, LastCommitAt = now,
                NewestEventAt = stage.NewestEventAt is { } at && !(at < tally.NewestEventAt) ? at : tally.NewestEventAt,
            });
    }

    /// <summary>Tells the monitor what people should see, when it has changed.</summary>
    private void ReportChange()
    {
        var state = StateOf(_state);
        _recovery.Now(state);
        // While they are looked for again, those from before are still its.
        if (_state.Phase != WorkerPhase.Locating && !(_state.Splits.IsEmpty && _state.LastFault is not null)) _splits = _state.Splits;
        var fault = _state.Halts.Reason ?? _state.LastFault ?? _state.ListFault;
        var tables = _state.Splits.SelectMany(split => split.Tables).Select(name => TableId.Bronze(_setup.Source.Name, name))
            .Concat(_tallies.Keys).Append(_setup.Bronze).Distinct();
        ImmutableArray<WorkerStatus> report = [.. tables.Select(table => ReportOf(table, state, fault))];
        if (report.SequenceEqual(_reported)) return;
        _reported = report;
        _setup.Monitor?.Tell(new WorkerReport(report), Self);
    }

    /// <param name="state">The worker's.</param>
    /// <param name="fault">The worker's.</param>
    private WorkerStatus ReportOf(TableId table, IngestState state, Fault? fault)
    {
        var (alone, isOfAnother) = (HindranceOf(table), fault is { IsOfTable: true } && table != _setup.Bronze);
        // While it rests, all its tables do, whatever is wrong with one.
        if (_state.Phase == WorkerPhase.Drained) return StatusOf(table, state, alone ?? (isOfAnother ? null : fault));
        if (alone is not null) return StatusOf(table, IngestState.Halted, alone);
        return isOfAnother ? StatusOf(table, IngestState.Running, fault: null) : StatusOf(table, state, fault);
    }

    /// <summary>Why the worker's own table is halted while others are fed; null: it is not.</summary>
    private Fault? HindranceOf(TableId table) => table == _setup.Bronze ? _state.Unfit : null;

    private void Announce()
    {
        var mediator = DistributedPubSub.Get(Context.System).Mediator;
        foreach (var looked in _looks.Tell(_state)) mediator.Tell(new Publish(LakeEvents.LooksTopic, looked), Self);
    }

    private WorkerStatus StatusOf(TableId table, IngestState state, Fault? fault)
    {
        var tally = _tallies.GetValueOrDefault(table, Tally.None);
        var known = _reported.FirstOrDefault(status => status.Table == table);
        var positions = _state.Positions.Where(pair => pair.Key.Table == table).ToImmutableDictionary(pair => pair.Key.Split, pair => pair.Value);
        // The same dictionary when nothing moved: reports are compared.
        if (known is not null && known.Positions.Count == positions.Count && positions.All(pair => known.Positions.TryGetValue(pair.Key, out var old) && old == pair.Value))
            positions = known.Positions;
        return new WorkerStatus(table, _worker, state, tally.Rows, tally.DeadLetters, tally.Version, fault, positions, tally.NewestEventAt, tally.LastCommitAt)
        {
            Splits = _splits, Halts = _state.Halts,
        };
    }

    private static IngestState StateOf(IngestWorkerState state) => state.Phase switch
    {
        WorkerPhase.Halted => IngestState.Halted,
        WorkerPhase.Drained => IngestState.Paused,
        WorkerPhase.Stopping when state.After == AfterGraph.Rest => IngestState.Draining,
        _ when state.Halts.IsWaiting => IngestState.Halted,
        // What is known may be read on without a word, from a topic that is gone too: the listing alone says it.
        _ when state.LastFault is not null || state.ListFault is not null || state.InHand?.Sends > SendsExpected => IngestState.Retrying,
        WorkerPhase.Locating or WorkerPhase.Asking => IngestState.Starting,
        _ => IngestState.Running,
    };

    /// <summary>What this worker has committed to one table since it started.</summary>
    private sealed record Tally(long Rows, long DeadLetters, long Version, DateTimeOffset? NewestEventAt, DateTimeOffset? LastCommitAt)
    {
        public static readonly Tally None = new(Rows: 0, DeadLetters: 0, Version: -1, NewestEventAt: null, LastCommitAt: null);
    }

    /// <summary>From the graph, which waits for <see cref="Release"/>.</summary>
    private sealed record RollHandedOver(long Epoch, Roll Roll, TaskCompletionSource Release);

    private sealed record ManifestWritten(Guid Stage, Outcome<StageReference> Outcome);

    /// <summary>A reading has come to the end of what there was: whoever waits for it need not wait until looks are told as always.</summary>
    private sealed record AtEnd : INoSerializationVerificationNeeded
    {
        public static readonly AtEnd Instance = new();
    }

    private sealed record TellLooks : INoSerializationVerificationNeeded
    {
        public static readonly TellLooks Instance = new();
    }

    private sealed record FilesDeleted(ImmutableArray<Exception> Failures);
}
