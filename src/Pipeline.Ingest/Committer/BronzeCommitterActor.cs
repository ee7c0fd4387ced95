using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Event;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;

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
    private BronzeCommitterState _state;
    private DeltaTable? _table;

    public BronzeCommitterActor(TableId id, Lake lake, IngestOptions options, TimeProvider time)
    {
        _id = id;
        _lake = lake;
        _time = time;
        _options = options;
        _state = new BronzeCommitterState(id.ToString(), new CommitterLimits(options.CommitInterval, FilesMax: 1_000, StagesMax: 1_000, options.Retry));

        Receive<GetPositions>(question => Apply(new CommitterEvent.Asked(new PendingQuestion(question, Sender))));
        Receive<StageFiles>(stage => Apply(new CommitterEvent.Staged(new PendingStage(stage, Sender))));
        Receive<CommitterEvent>(Apply);
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(TableId id, Lake lake, IngestOptions options, TimeProvider time) =>
        Akka.Actor.Props.Create(() => new BronzeCommitterActor(id, lake, options, time));

    protected override void PreStart() => Context.ActorOf(BronzeMaintenanceActor.Props(_id, _lake, _options), "maintenance");

    protected override void PostStop() => _stopped.Cancel();

    private void Apply(CommitterEvent message)
    {
        if (message is CommitterEvent.Failed failed) _log.Warning("Committer of {Table}: {Fault}", _id, failed.Fault);
        (_state, var effects) = BronzeCommitterState.Decide(_state, message, _time.GetUtcNow());
        foreach (var effect in effects) Perform(effect);
    }

    private void Perform(CommitterEffect effect)
    {
        switch (effect)
        {
            case CommitterEffect.Open:
                _ = Guarded(OpenAsync).PipeTo(Self);
                break;
            case CommitterEffect.Commit commit:
                _ = Guarded(() => CommitAsync(commit.Batch)).PipeTo(Self);
                break;
            case CommitterEffect.Reply reply:
                reply.To.Tell(reply.Message, Self);
                break;
            case CommitterEffect.Announce announce:
                DistributedPubSub.Get(Context.System).Mediator.Tell(new Publish(LakeEvents.Topic, announce.Event));
                _log.Debug("Committed {Table} version {Version}: {Rows} rows", _id, announce.Event.Version, announce.Event.Rows);
                break;
            case CommitterEffect.FlushAfter flush:
                Timers.StartSingleTimer(nameof(CommitterEvent.FlushDue), new CommitterEvent.FlushDue(), flush.Delay);
                break;
            case CommitterEffect.RetryAfter retry:
                Timers.StartSingleTimer(nameof(CommitterEvent.RetryDue), new CommitterEvent.RetryDue(), retry.Delay);
                break;
        }
    }

    private async Task<CommitterEvent> OpenAsync()
    {
        if (_table is not null) return new CommitterEvent.Opened(new SnapshotView(await _table.RefreshAsync(_stopped.Token)));
        _table = await _lake.TryOpenAsync(_id, _stopped.Token);
        return new CommitterEvent.Opened(_table is null ? MissingTableView.Instance : new SnapshotView(_table.Current));
    }

    private async Task<CommitterEvent> CommitAsync(ImmutableList<PendingStage> batch)
    {
        KillPoint.Reach(KillPoint.BeforeLogEntry);
        var result = await _table!.CommitAsync(TransactionOf([.. batch.Select(pending => pending.Stage)]), _stopped.Token);
        KillPoint.Reach(KillPoint.AfterLogEntry);
        return result switch
        {
            CommitResult.Committed committed => new CommitterEvent.Committed(new SnapshotView(committed.Snapshot)),
            CommitResult.Refused refused => new CommitterEvent.Superseded(new SnapshotView(refused.Snapshot)),
            CommitResult.Conflicted conflicted => new CommitterEvent.Superseded(new SnapshotView(conflicted.Snapshot)),
            _ => throw new InvalidOperationException($"Unknown outcome of a commit: {result}"),
        };
    }

    /// <summary>One commit of all stages; the chain of a split's stages becomes one move from its first start to its last end.</summary>
    internal static Transaction TransactionOf(IReadOnlyList<StageFiles> stages)
    {
        var moves = new Dictionary<string, TxnMove>(StringComparer.Ordinal);
        foreach (var range in stages.SelectMany(stage => stage.Ranges))
            moves[range.Split] = moves.TryGetValue(range.Split, out var move) ? move with { To = range.To } : new TxnMove(range.Split, range.From, range.To);

        return new Transaction("WRITE", Isolation.BlindAppend)
        {
            Adds = [.. stages.SelectMany(stage => stage.Files).Select(file => file.ToAdd())],
            Moves = [.. moves.Values],
            Schema = stages.Select(stage => stage.Schema).FirstOrDefault(schema => schema is not null) is { } ipc ? BronzeTable.FromIpc(ipc) : null,
            Parameters = ImmutableDictionary<string, string>.Empty.Add("mode", "Append"),
            Metrics = ImmutableDictionary<string, string>.Empty
                .Add("numFiles", stages.Sum(stage => stage.Files.Length).ToString())
                .Add("numOutputRows", stages.Sum(stage => stage.Rows).ToString())
                .Add("numOutputBytes", stages.Sum(stage => stage.Files.Sum(file => file.Size)).ToString()),
        };
    }

    /// <summary>
    /// Runs outside the actor; a failure becomes an event. What is not a <see cref="PipelineException"/> is a defect: logged
    /// with its stack, then handled like a failure that may pass, from a clean reading of the log.
    /// </summary>
    private async Task<CommitterEvent> Guarded(Func<Task<CommitterEvent>> work)
    {
        try
        {
            return await work();
        }
        catch (PipelineException exception)
        {
            return new CommitterEvent.Failed(Fault.Of($"Table {_id}", exception));
        }
        catch (Exception exception) when (!_stopped.IsCancellationRequested)
        {
            _log.Error(exception, "The committer of {Table} failed unexpectedly.", _id);
            return new CommitterEvent.Failed(Fault.Of($"Table {_id}", exception));
        }
        catch (OperationCanceledException)
        {
            return new CommitterEvent.Failed(new Fault(FaultKind.Unreachable, $"Table {_id}", "its committer is stopping", "Nothing to do."));
        }
    }
}
