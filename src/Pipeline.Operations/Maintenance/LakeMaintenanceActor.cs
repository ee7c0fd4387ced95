using Akka.Actor;
using Akka.Event;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Delta;
using Pipeline.Operations.Tables;

namespace Pipeline.Operations.Maintenance;

/// <summary>Cares for the lake, round after round. One in the cluster; a second does no harm, since each round starts from the tables' logs.</summary>
public sealed class LakeMaintenanceActor : ReceiveActor, IWithTimers
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly PipelineMeter _meter = new(Instruments.TransformMeter);
    private readonly System.Diagnostics.Metrics.Counter<long> _files;
    private readonly TimeSpan _interval;
    private readonly HashSet<string> _told = new(StringComparer.Ordinal);

    public LakeMaintenanceActor(Func<CancellationToken, Task<MaintainLakeResult>> maintain, TimeSpan interval)
    {
        _interval = interval;
        _files = _meter.Counter(Instruments.MaintainedFiles);
        Receive<Maintain>(due => { _ = Background.RunAsync(async cancel => await maintain(cancel), _stopping.Token).PipeTo(Self); });
        Receive<Outcome<MaintainLakeResult>>(OnMaintained);
        Receive<Status.Failure>(failure => OnMaintained(new Outcome<MaintainLakeResult>.Failed(failure.Cause)));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    /// <param name="interval">From the end of a round to the next.</param>
    public static Props Props(MaintainLakeRequest request, Lake lake, ExecutionRemains remains, TimeSpan interval, TimeProvider time) =>
        Props(cancel => MaintainLake.RunAsync(request, lake, remains, time, cancel), interval);

    internal static Props Props(Func<CancellationToken, Task<MaintainLakeResult>> maintain, TimeSpan interval) => Akka.Actor.Props.Create(() => new LakeMaintenanceActor(maintain, interval));

    protected override void PreStart() => ScheduleNext();

    protected override void PostStop()
    {
        _stopping.Cancel();
        _meter.Dispose();
    }

    private void ScheduleNext() => Timers.StartSingleTimer(nameof(Maintain), Maintain.Instance, _interval);

    /// <summary>However a round ended, the next one comes.</summary>
    private void OnMaintained(Outcome<MaintainLakeResult> outcome)
    {
        switch (outcome)
        {
            case Outcome<MaintainLakeResult>.Done { Value: var result }:
                Tell(result);
                break;
            // A lake that is away is said by those who need it.
            case Outcome<MaintainLakeResult>.Failed { Cause: not PipelineException { IsTransient: true } and var cause }:
                Say(Fault.Of("The lake's maintenance", cause).ToString());
                break;
        }

        if (outcome is not Outcome<MaintainLakeResult>.Cancelled) ScheduleNext();
    }

    private void Tell(MaintainLakeResult result)
    {
        foreach (var table in result.Compacted.Tables.Where(table => table.Result.FilesRemoved > 0))
            _log.Debug("Compacted {Table}: {Removed} files became {Added}, version {Version}", table.Table, table.Result.FilesRemoved, table.Result.FilesAdded, table.Result.Version);
        _files.Add(result.Compacted.Tables.Sum(table => table.Result.FilesRemoved), Instruments.MaintainedFiles.Tagged("put-together"));
        if (result.Vacuumed is { } vacuumed)
        {
            _files.Add(result.Told.FilesDeleted, Instruments.MaintainedFiles.Tagged("deleted"));
            _log.Info("Vacuum: {Files} files that nobody needs any more are deleted, {Bytes} bytes", result.Told.FilesDeleted, result.Told.BytesDeleted);
            foreach (var table in vacuumed.Tables.SelectMany(table => table.Dropped.Select(reader => (table.Table, Reader: reader))))
                Say($"Table {table.Table} keeps no files any more for {table.Reader}, which has asked for nothing for as long as versions are kept. If it is still configured, its next run makes it from the whole table.");
        }

        foreach (var failed in result.Failed) Say(failed.Fault.ToString());
    }

    /// <summary>Each line once as long as this actor lives.</summary>
    private void Say(string line)
    {
        if (_told.Add(line)) _log.Warning("{0}", line);
    }

    internal sealed record Maintain
    {
        public static readonly Maintain Instance = new();
    }
}
