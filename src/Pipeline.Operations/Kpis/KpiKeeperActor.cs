using Akka.Actor;
using Akka.Event;
using Pipeline.Core;
using Pipeline.Delta;

namespace Pipeline.Operations.Kpis;

/// <summary>Keeps the figures of each day when it is over. One in the cluster; a second does no harm, since a day is kept once.</summary>
public sealed class KpiKeeperActor : ReceiveActor, IWithTimers
{
    private static readonly TimeSpan First = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(30);

    private readonly CancellationTokenSource _stopping = new();
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private string? _told;

    public KpiKeeperActor(Func<CancellationToken, Task<KeptKpis>> keep)
    {
        Receive<Keep>(keeping => { _ = Background.RunAsync(async cancel => await keep(cancel), _stopping.Token).PipeTo(Self); });
        Receive<Outcome<KeptKpis>>(OnKept);
        Receive<Status.Failure>(failure => OnKept(new Outcome<KeptKpis>.Failed(failure.Cause)));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    /// <param name="slaOf">How late a table may be.</param>
    public static Props Props(Lake lake, Func<TableId, TimeSpan> slaOf, TimeProvider time) => Props(cancel => ComputeKpis.KeepAsync(lake, slaOf, time, cancel));

    internal static Props Props(Func<CancellationToken, Task<KeptKpis>> keep) => Akka.Actor.Props.Create(() => new KpiKeeperActor(keep));

    protected override void PreStart() => Timers.StartSingleTimer(nameof(Keep), Keep.Instance, First);

    protected override void PostStop() => _stopping.Cancel();

    private void OnKept(Outcome<KeptKpis> outcome)
    {
        var failure = outcome switch
        {
            Outcome<KeptKpis>.Done { Value.Failed: [var table, ..] } => table.Fault.ToString(),
            // A lake that is away is said by those who need it.
            Outcome<KeptKpis>.Failed { Cause: PipelineException { IsTransient: true } } => null,
            Outcome<KeptKpis>.Failed failed => Fault.Of($"Table {KpiTable.Id}", failed.Cause).ToString(),
            _ => null,
        };
        if (failure is not null && failure != _told) _log.Warning("The figures of the days that are over are not all kept: {0}", failure);
        _told = failure;
        if (outcome is not Outcome<KeptKpis>.Cancelled) Timers.StartSingleTimer(nameof(Keep), Keep.Instance, Interval);
    }

    internal sealed record Keep
    {
        public static readonly Keep Instance = new();
    }
}
