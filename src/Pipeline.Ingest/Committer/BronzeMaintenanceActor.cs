using Akka.Actor;
using Akka.Event;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Maintenance;

namespace Pipeline.Ingest.Committer;

/// <summary>
/// Puts the small files of one Bronze table together, now and then and beside its commits: freshness makes files, this
/// bounds their number. A child of the table's committer, so that there is one in the cluster.
/// </summary>
public sealed class BronzeMaintenanceActor : ReceiveActor, IWithTimers
{
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly CancellationTokenSource _stopped = new();
    private readonly TableId _id;
    private readonly Lake _lake;
    private readonly IngestOptions _options;
    private DeltaTable? _table;

    public BronzeMaintenanceActor(TableId id, Lake lake, IngestOptions options)
    {
        _id = id;
        _lake = lake;
        _options = options;
        Receive<CompactDue>(_ => OnCompactDue());
        Receive<Outcome<CompactionResult?>>(OnCompacted);
        Receive<Status.Failure>(failure => Background.ThrowIfAny(failure.Cause));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(TableId id, Lake lake, IngestOptions options) => Akka.Actor.Props.Create(() => new BronzeMaintenanceActor(id, lake, options));

    protected override void PreStart() => ScheduleNext();

    protected override void PostStop() => _stopped.Cancel();

    private void ScheduleNext() => Timers.StartSingleTimer(nameof(CompactDue), new CompactDue(), _options.CompactInterval);

    private void OnCompactDue() => _ = Background.RunAsync(CompactAsync, _stopped.Token).PipeTo(Self);

    /// <summary>However a round ended, the next one comes.</summary>
    private void OnCompacted(Outcome<CompactionResult?> outcome)
    {
        switch (outcome)
        {
            case Outcome<CompactionResult?>.Done { Value: { FilesRemoved: > 0 } result }:
                _log.Debug("Compacted {Table}: {Removed} files became {Added}, version {Version}", _id, result.FilesRemoved, result.FilesAdded, result.Version);
                break;
            case Outcome<CompactionResult?>.Failed { Cause: var cause }:
                var fault = Fault.Of($"Table {_id}", cause);
                if (fault.Kind == FaultKind.Defect) _log.Error(cause, "Compaction of {Table} failed unexpectedly.", _id);
                else _log.Warning("Compaction of {Table} is put off: {Fault}", _id, fault);
                break;
        }

        ScheduleNext();
    }

    /// <summary>Null: there is no table yet.</summary>
    private async ValueTask<CompactionResult?> CompactAsync(CancellationToken cancellationToken)
    {
        _table ??= await _lake.TryOpenAsync(_id, cancellationToken);
        if (_table is null) return null;
        return await Compaction.RunAsync(_table, new CompactionOptions(_options.DataFilesOf(_id).For(_table.Current.Schema), FilesMin: _options.CompactFilesMin), cancellationToken);
    }

    private sealed record CompactDue;
}
