using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Event;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Schemas;
using Pipeline.Remoting.Joining;

namespace Pipeline.Ingest.Committer;

/// <summary>
/// The one that commits to a Bronze table. Decides in <see cref="BronzeCommitterState"/>. Should the cluster run two of
/// them for a moment, the table's compare-and-set lets each stage in once.
/// </summary>
public sealed class BronzeCommitterActor : ReceiveActor, IWithTimers
{
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly CancellationTokenSource _stopped = new();
    private readonly TableId _id;
    private readonly Lake _lake;
    private readonly TimeProvider _time;
    private readonly IngestOptions _options;
    private readonly OutageWaiter _waiter;
    private readonly IngestMeter _meter;
    private BronzeCommitterState _state;
    private bool _hasToldRows;

    public BronzeCommitterActor(TableId id, Lake lake, IngestOptions options, OutageWatch outages, IngestMeter meter, TimeProvider time)
    {
        _id = id;
        _lake = lake;
        _time = time;
        _options = options;
        _waiter = outages.Waiter();
        _meter = meter;
        _state = new BronzeCommitterState(id, new CommitterLimits(options.CommitInterval, FilesMax: 1_000, StagesMax: 1_000, options.Retry));

        Receive<GetPositions>(OnCommand);
        Receive<StageFiles>(OnCommand);
        Receive<StageReference>(OnReference);
        Receive<ManifestRead>(OnManifest);
        Receive<CommitterEvent>(Apply);
        Receive<Outcome<CommitterEvent>>(OnEnded);
        Receive<Status.Failure>(failure => Background.ThrowIfAny(failure.Cause));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(TableId id, Lake lake, IngestOptions options, OutageWatch outages, IngestMeter meter, TimeProvider time) =>
        Akka.Actor.Props.Create(() => new BronzeCommitterActor(id, lake, options, outages, meter, time));

    protected override void PreStart() => Context.ActorOf(BronzeMaintenanceActor.Props(_id, _lake, _options), "maintenance");

    protected override void PostStop()
    {
        _stopped.Cancel();
        _waiter.Dispose();
        _meter.Leaves(_id);
    }

    private void OnCommand(object command)
    {
        if (Context.IsFromCluster(_log, command, _id)) Apply(CommitterEvent.Of(command, Sender));
    }

    private void OnReference(StageReference reference)
    {
        var sender = Sender;
        if (Context.IsFromCluster(_log, reference, _id)) _ = ReadAsync(reference, sender).PipeTo(Self);
    }

    private async Task<ManifestRead> ReadAsync(StageReference reference, IActorRef sender) =>
        new(reference, sender, await Background.RunAsync(cancel => StageManifest.ReadAsync(_lake, reference, cancel), _stopped.Token));

    /// <summary>What is away is waited for by the worker, who sends the reference again.</summary>
    private void OnManifest(ManifestRead read)
    {
        if (read.Outcome is Outcome<StageFiles>.Done done) Apply(new CommitterEvent.Staged(new PendingStage(done.Value, read.ReplyTo)));
        if (read.Outcome is not Outcome<StageFiles>.Failed { Cause: var cause }) return;
        var fault = Fault.Of($"Table {_id}", cause);
        if (fault.IsTransient) return;
        if (fault.Kind == FaultKind.Defect) _log.Error(cause, "The committer of {Table} cannot read a staged manifest.", _id);
        else _log.Warning("{Fault}", fault);
        read.ReplyTo.Tell(new StageFailed(read.Reference.Stage, _id, fault), Self);
    }

    private void Apply(CommitterEvent message)
    {
        (_state, var effects) = BronzeCommitterState.Decide(_state, message, _time.GetUtcNow());
        Tell(message);
        if (_state.View is SnapshotView { Snapshot: var snapshot }) See(snapshot);
        // What is given back instead is counted by the workers that get it.
        if (message is CommitterEvent.Failed { Fault.Kind: var kind } && _state.Phase == CommitterPhase.BackingOff) _meter.Failed(_id, kind);
        if (effects.Exists(effect => effect is CommitterEffect.Open or CommitterEffect.Commit)) _waiter.Asks();
        foreach (var effect in effects) Perform(effect);
    }

    private void See(Snapshot snapshot)
    {
        _meter.Sees(_id, snapshot);
        if (_meter.Clocks.Look(snapshot.CommittedAt, _time.GetUtcNow()) is { } ahead)
            _log.Warning("Table {Table} was committed {Minutes} min ahead of this node's clock: its clock, or that of another writer, is wrong. Nothing is lost by it; times of commits are off until the clocks agree", _id, Math.Round(ahead.TotalMinutes));
    }

    /// <summary>What is away is said by the node's watch; what people must mend, by the workers, which get it as their answer and are halted.</summary>
    private void Tell(CommitterEvent message)
    {
        if (message is CommitterEvent.Failed { Fault.IsTransient: true } missed) _waiter.Failed(missed.Fault);
        else if (message is CommitterEvent.Failed { Fault.Kind: not FaultKind.Defect } failed) _log.Debug("Committer of {Table}: {Fault}", _id, failed.Fault);
        else if (message is CommitterEvent.Opened or CommitterEvent.Committed or CommitterEvent.Superseded && _state.Failures == 0) _waiter.Answered();
    }

    private void Perform(CommitterEffect effect)
    {
        switch (effect)
        {
            case CommitterEffect.Open open:
                _ = Background.RunAsync(cancel => OpenAsync(open.Known, cancel), _stopped.Token).PipeTo(Self);
                break;
            case CommitterEffect.Commit commit:
                _ = Background.RunAsync(cancel => CommitAsync(commit, cancel), _stopped.Token).PipeTo(Self);
                break;
            case CommitterEffect.Reply reply:
                reply.To.Tell(reply.Message, Self);
                break;
            case CommitterEffect.TellTurnedAway turned:
                _log.Warning("{Fault}", turned.Fault);
                break;
            case CommitterEffect.Announce announce:
                DistributedPubSub.Get(Context.System).Mediator.Tell(new Publish(LakeEvents.Topic, announce.Event));
                if (announce.Event.Rows > 0 && !_hasToldRows) _log.Info("Table {Table}: the first rows since this node commits to it, {Rows} with version {Version}", _id, announce.Event.Rows, announce.Event.Version);
                else _log.Debug("Committed {Table} version {Version}: {Rows} rows", _id, announce.Event.Version, announce.Event.Rows);
                _hasToldRows |= announce.Event.Rows > 0;
                break;
            case CommitterEffect.FlushAfter flush:
                Timers.StartSingleTimer(nameof(CommitterEvent.FlushDue), new CommitterEvent.FlushDue(), flush.Delay);
                break;
            case CommitterEffect.RetryAfter retry:
                Timers.StartSingleTimer(nameof(CommitterEvent.RetryDue), new CommitterEvent.RetryDue(), _options.Retry.Spread(retry.Delay, Random.Shared.NextDouble()));
                break;
        }
    }

    /// <summary>A defect is logged with its stack, then handled like a failure that may pass, from a clean reading of the log.</summary>
    private void OnEnded(Outcome<CommitterEvent> outcome)
    {
        if (outcome is Outcome<CommitterEvent>.Done done) Apply(done.Value);
        if (outcome is not Outcome<CommitterEvent>.Failed { Cause: var cause }) return;
        var fault = Fault.Of($"Table {_id}", cause);
        if (fault.Kind == FaultKind.Defect) _log.Error(cause, "The committer of {Table} failed unexpectedly.", _id);
        Apply(new CommitterEvent.Failed(fault));
    }

    private async ValueTask<CommitterEvent> OpenAsync(ITableView known, CancellationToken cancellationToken)
    {
        if (known is SnapshotView { Table: var table }) return new CommitterEvent.Opened(new SnapshotView(table, await table.RefreshAsync(cancellationToken)));
        var opened = await _lake.TryOpenAsync(_id, cancellationToken);
        return new CommitterEvent.Opened(opened is null ? MissingTableView.Instance : new SnapshotView(opened, opened.Current));
    }

    private async ValueTask<CommitterEvent> CommitAsync(CommitterEffect.Commit commit, CancellationToken cancellationToken)
    {
        KillPoint.Reach(KillPoint.BeforeLogEntry);
        if (await StagedFiles.UnfoundedAsync(_lake, _id, commit.Batch, cancellationToken) is { IsEmpty: false } faults) return new CommitterEvent.Unfounded(faults);
        var table = ((SnapshotView)commit.Table).Table;
        var schema = table.Current.Schema;
        var result = await table.CommitAsync(TransactionOf([.. commit.Batch.Select(pending => pending.Stage)]), cancellationToken);
        KillPoint.Reach(KillPoint.AfterLogEntry);
        if (result is CommitResult.Committed { Snapshot: var snapshot } && SchemaDifference.Of(schema, snapshot.Schema) is { IsEmpty: false } change)
            _log.Info("The schema of {Table} is another from version {Version} on: {Change}", _id, snapshot.Version, change);
        return result switch
        {
            CommitResult.Committed committed => new CommitterEvent.Committed(new SnapshotView(table, committed.Snapshot)),
            CommitResult.Refused refused => new CommitterEvent.Superseded(new SnapshotView(table, refused.Snapshot)),
            CommitResult.Conflicted conflicted => new CommitterEvent.Superseded(new SnapshotView(table, conflicted.Snapshot)),
            _ => throw new InvalidOperationException($"Unknown outcome of a commit: {result}"),
        };
    }

    private sealed record ManifestRead(StageReference Reference, IActorRef ReplyTo, Outcome<StageFiles> Outcome);

    /// <summary>One commit of all stages; the chain of a split's stages becomes one move from its first start to its last end.</summary>
    internal static Transaction TransactionOf(IReadOnlyList<StageFiles> stages)
    {
        var moves = new Dictionary<SplitId, TxnMove>();
        var epochs = new Dictionary<SplitId, int>();
        var marks = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var range in stages.SelectMany(stage => stage.Ranges))
        {
            moves[range.Split] = moves.TryGetValue(range.Split, out var move) ? move with { To = range.To } : new TxnMove(range.Split, range.Epoch ?? 0, range.From, range.To);
            epochs[range.Split] = range.Epoch ?? 0;
            foreach (var (appId, value) in SplitHistory.MarksOf(range.Split, range.Epoch ?? 0, range.Marks ?? default)) marks[appId] = value;
        }

        return new Transaction("WRITE", Isolation.BlindAppend)
        {
            Adds = [.. stages.SelectMany(stage => stage.Files).Select(file => file.ToAdd())],
            Moves = [.. moves.Values],
            Epochs = [.. epochs.Select(pair => (pair.Key, pair.Value))],
            Marks = [.. marks.Select(pair => (pair.Key, pair.Value))],
            Counts =
            [
                new TxnCount(RowCounts.Added, stages.Sum(stage => stage.Rows)),
                new TxnCount(RowCounts.Letters, stages.Sum(stage => stage.Letters ?? 0)),
                // Of a worker that does not count, every number of its ranges may be one.
                new TxnCount(RowCounts.Unused, stages.Sum(stage => stage.Unused ?? stage.Ranges.Sum(range => range.To - (range.From ?? 0)))),
            ],
            Schema = stages.Select(stage => stage.Schema).FirstOrDefault(schema => schema is not null) is { } ipc ? BronzeTable.FromIpc(ipc) : null,
            Parameters = ImmutableDictionary<string, string>.Empty.Add("mode", "Append"),
            Metrics = ImmutableDictionary<string, string>.Empty
                .Add("numFiles", stages.Sum(stage => stage.Files.Length).ToString())
                .Add("numOutputRows", stages.Sum(stage => stage.Rows).ToString())
                .Add("numOutputBytes", stages.Sum(stage => stage.Files.Sum(file => file.Size)).ToString()),
        };
    }
}
