using Akka.Actor;
using Akka.Event;
using Pipeline.Telemetry.Collecting;

namespace Pipeline.Telemetry;

/// <summary>
/// One a node: ends an interval whenever its time has come by the clock, and hands it to the actors of the sinks, its children.
/// </summary>
public sealed class MetricsActor : ReceiveActor, IWithTimers
{
    /// <summary>A timer is this exact: an interval ends at the moment that it was to end at.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(1);

    private readonly MetricCollector _collector;
    private readonly IReadOnlyDictionary<string, Props> _sinks;
    private readonly TimeSpan _interval;
    private readonly TimeProvider _time;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly string _node;
    private readonly HashSet<string> _told = new(StringComparer.Ordinal);
    private DateTimeOffset _dueAt;
    private IActorRef _asker = ActorRefs.Nobody;
    private int _flushing;

    public MetricsActor(MetricCollector collector, IReadOnlyDictionary<string, Props> sinks, TimeSpan interval, TimeProvider time)
    {
        (_collector, _sinks, _interval, _time) = (collector, sinks, interval, time);
        var address = ((ExtendedActorSystem)Context.System).Provider.DefaultAddress;
        _node = $"{address.Host}:{address.Port}";
        Receive<IntervalDue>(_ => OnDue());
        Receive<FlushMetrics>(_ => OnFlush());
        Receive<MetricsFlushed>(_ =>
        {
            _flushing--;
            AnswerWhenFlushed();
        });
    }

    public ITimerScheduler Timers { get; set; } = null!;

    /// <param name="sinks">The actors of the sinks, by the sinks' names.</param>
    internal static Props Props(MetricCollector collector, IReadOnlyDictionary<string, Props> sinks, TimeSpan interval, TimeProvider time) =>
        Akka.Actor.Props.Create(() => new MetricsActor(collector, sinks, interval, time));

    protected override void PreStart()
    {
        foreach (var (name, props) in _sinks) Context.ActorOf(props, name);
        Await(_time.GetUtcNow());
    }

    private void OnDue()
    {
        var now = _time.GetUtcNow();
        var at = (now - _dueAt).Duration() < Tolerance ? _dueAt : now;
        End(at);
        Await(at);
    }

    private void OnFlush()
    {
        End(_time.GetUtcNow());
        (_asker, _flushing) = (Sender, _sinks.Count);
        foreach (var sink in Context.GetChildren()) sink.Tell(new FlushMetrics());
        AnswerWhenFlushed();
    }

    private void AnswerWhenFlushed()
    {
        if (_flushing == 0) _asker.Tell(new MetricsFlushed());
    }

    private void End(DateTimeOffset at)
    {
        var interval = _collector.End(_node, at, out var failure);
        foreach (var sink in Context.GetChildren()) sink.Tell(interval);
        if (failure is not null && _told.Add(failure.Message)) _log.Error(failure, "An instrument cannot be read. Its metrics are missing; it is said once.");
        if (_collector.WasFull && _told.Add(nameof(MetricCollector.WasFull)))
            _log.Warning("There are more than {SeriesMax} series of metrics on this node: new ones are left out until it starts again.", MetricCollector.SeriesMax);
    }

    /// <summary>The next multiple of the interval by the clock, so that those of all nodes and of the receivers' minutes are the same.</summary>
    private void Await(DateTimeOffset after)
    {
        _dueAt = new DateTimeOffset(((after.UtcTicks / _interval.Ticks) + 1) * _interval.Ticks, TimeSpan.Zero);
        Timers.StartSingleTimer(nameof(IntervalDue), IntervalDue.Instance, _dueAt - _time.GetUtcNow());
    }

    private sealed record IntervalDue
    {
        public static readonly IntervalDue Instance = new();
    }
}
