using Akka.Actor;
using Akka.Event;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Maintenance;
using Pipeline.Delta.Parquet;

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
        Receive<Compacted>(OnCompacted);
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(TableId id, Lake lake, IngestOptions options) => Akka.Actor.Props.Create(() => new BronzeMaintenanceActor(id, lake, options));

    protected override void PreStart() => ScheduleNext();

    protected override void PostStop() => _stopped.Cancel();

    private void ScheduleNext() => Timers.StartSingleTimer(nameof(CompactDue), new CompactDue(), _options.CompactInterval);

    private void OnCompactDue() => _ = CompactAsync().PipeTo(Self);

    private void OnCompacted(Compacted outcome)
    {
        if (outcome.Fault is { } fault) _log.Warning("Compaction of {Table} is put off: {Fault}", _id, fault);
        else if (outcome.Result is { FilesRemoved: > 0 } result)
            _log.Info("Compacted {Table}: {Removed} files became {Added}, version {Version}", _id, result.FilesRemoved, result.FilesAdded, result.Version);
        ScheduleNext();
    }

    private async Task<Compacted> CompactAsync()
    {
        try
        {
            _table ??= await _lake.TryOpenAsync(_id, _stopped.Token);
            if (_table is null) return new Compacted(Result: null, Fault: null);
            var files = new DataFileOptions(_options.RowGroupBytesMax, _options.Compression == Compression.Zstd ? "zstd" : "snappy");
            return new Compacted(await Compaction.RunAsync(_table, new CompactionOptions(files, FilesMin: _options.CompactFilesMin), _stopped.Token), Fault: null);
        }
        catch (PipelineException exception)
        {
            return new Compacted(Result: null, Fault.Of($"Table {_id}", exception));
        }
        catch (OperationCanceledException) when (_stopped.IsCancellationRequested)
        {
            return new Compacted(Result: null, Fault: null);
        }
    }

    private sealed record CompactDue;

    private sealed record Compacted(CompactionResult? Result, Fault? Fault);
}
