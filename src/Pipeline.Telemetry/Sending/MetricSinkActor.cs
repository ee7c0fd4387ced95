using Akka.Actor;
using Akka.Event;
using Pipeline.Core;

namespace Pipeline.Telemetry.Sending;

/// <summary>
/// Keeps what a sink has not sent, and has it sent one by one, the oldest first. Whatever the receiver does, what is kept is bounded and
/// nobody but this actor waits.
/// </summary>
/// <remarks>
/// <code>
/// Idle ──an interval──▶ Sending ──taken, refused or too old: the next──▶ Sending ──none is left──▶ Idle
///                          └──away, or somebody must mend something──▶ Resting ──backoff──▶ Sending
/// </code>
/// </remarks>
internal sealed class MetricSinkActor : ReceiveActor, IWithTimers
{
    private readonly IMetricSink _sink;
    private readonly MetricSpool _spool;
    private readonly TelemetryOptions _options;
    private readonly TelemetryMeter _meter;
    private readonly TimeProvider _time;
    private readonly OutageWaiter _waiter;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly CancellationTokenSource _stopped = new();
    private readonly List<IActorRef> _flushing = [];
    private int _failures;
    private FaultKind? _halted;
    private string? _refused;
    private bool _isDiskTold;
    private long _dropped;

    public MetricSinkActor(IMetricSink sink, MetricSpool spool, TelemetryOptions options, TelemetryMeter meter, OutageWatch outages, TimeProvider time)
    {
        (_sink, _spool, _options, _meter, _time) = (sink, spool, options, meter, time);
        _waiter = outages.Waiter();
        Idle();
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(IMetricSink sink, MetricSpool spool, TelemetryOptions options, TelemetryMeter meter, OutageWatch outages, TimeProvider time) =>
        Akka.Actor.Props.Create(() => new MetricSinkActor(sink, spool, options, meter, outages, time));

    /// <summary>What was left by the process before comes first.</summary>
    protected override void PreStart() => SendNext();

    protected override void PostStop()
    {
        _stopped.Cancel();
        _waiter.Dispose();
    }

    private void Idle()
    {
        Receive<MetricInterval>(interval =>
        {
            Keep(interval, isOldestSent: false);
            SendNext();
        });
        Receive<FlushMetrics>(_ => Sender.Tell(new MetricsFlushed()));
        Receive<Status.Failure>(failure => Background.ThrowIfAny(failure.Cause));
    }

    private void Sending()
    {
        Receive<MetricInterval>(interval => Keep(interval, isOldestSent: true));
        Receive<Outcome<MetricInterval>>(OnEnded);
        Receive<FlushMetrics>(_ => _flushing.Add(Sender));
        Receive<Status.Failure>(failure => Background.ThrowIfAny(failure.Cause));
    }

    private void Resting()
    {
        Receive<MetricInterval>(interval => Keep(interval, isOldestSent: false));
        Receive<SendDue>(_ => SendNext());
        Receive<FlushMetrics>(_ =>
        {
            _flushing.Add(Sender);
            SendNext();
        });
        Receive<Status.Failure>(failure => Background.ThrowIfAny(failure.Cause));
    }

    private void Keep(MetricInterval interval, bool isOldestSent)
    {
        Drop(_spool.Add(interval, isOldestSent), "too many wait");
        if (_spool.DiskFault is { } fault && !_isDiskTold) _log.Warning("{Fault} A few intervals are kept in memory meanwhile.", fault);
        _isDiskTold = _spool.DiskFault is not null;
    }

    private void SendNext()
    {
        Timers.Cancel(nameof(SendDue));
        while (_spool.Count > 0)
        {
            if (_spool.Oldest() is not { } interval) DropOldest("its file is damaged");
            else if (_time.GetUtcNow() - interval.To > _sink.AgeMax) DropOldest($"it is older than the {_sink.AgeMax.Value.TotalDays:0} days that are taken");
            else
            {
                _waiter.Asks();
                Become(Sending);
                var sink = _sink;
                _ = Background.RunAsync(async cancel =>
                {
                    await sink.SendAsync(interval, cancel);
                    return interval;
                }, _stopped.Token).PipeTo(Self);
                return;
            }
        }

        Become(Idle);
        AnswerFlushes();
    }

    private void OnEnded(Outcome<MetricInterval> outcome)
    {
        if (outcome is Outcome<MetricInterval>.Done) OnTaken();
        else if (outcome is Outcome<MetricInterval>.Failed { Cause: var cause }) OnFailed(cause);
    }

    private void OnTaken()
    {
        _meter.Sent(_sink.Name);
        _waiter.Answered();
        if (_halted is not null) _log.Info("{Sink} takes metrics again.", _sink.Name);
        (_failures, _halted, _refused) = (0, null, null);
        _spool.RemoveOldest();
        if (_spool.Count == 0 && _dropped > 0)
        {
            _log.Info("{Sink} has been sent all that was kept; {Dropped} intervals of metrics were given up.", _sink.Name, _dropped);
            _dropped = 0;
        }

        SendNext();
    }

    private void OnFailed(Exception cause)
    {
        _meter.Failed(_sink.Name);
        var fault = Fault.Of($"Metrics for {_sink.Name}", cause);
        if (fault.Kind == FaultKind.Defect) _log.Error(cause, "An interval of metrics cannot be sent to {Sink}.", _sink.Name);
        var policy = fault.IsTransient ? _options.Retry : _options.HaltRetry;
        var pause = fault.Kind is FaultKind.Invalid or FaultKind.Defect ? null : policy.Next(++_failures, random: Random.Shared.NextDouble(), asked: (cause as PipelineException)?.RetryAfter);
        Tell(fault);
        if (pause is { } rest) Rest(rest);
        else
        {
            _failures = 0;
            DropOldest(fault.Cause);
            SendNext();
        }
    }

    /// <summary>What is away is said by the node's watch; who refuses, here, once for one reason.</summary>
    private void Tell(Fault fault)
    {
        if (fault.IsTransient) _waiter.Failed(fault);
        else _waiter.Answered();
        if (fault.IsTransient || fault.Kind == FaultKind.Defect || _refused == fault.Cause) return;
        _refused = fault.Cause;
        if (fault.Kind == FaultKind.Invalid) _log.Warning("{Fault} The interval is given up.", fault);
        else _log.Warning("{Fault} What is measured is kept meanwhile, as long as there is room.", fault);
        _halted = fault.Kind;
    }

    private void Rest(TimeSpan pause)
    {
        Become(Resting);
        Timers.StartSingleTimer(nameof(SendDue), SendDue.Instance, pause);
        // It has been tried: what is left waits for the node to start again.
        AnswerFlushes();
    }

    private void DropOldest(string why)
    {
        _spool.RemoveOldest();
        Drop(1, why);
    }

    private void Drop(int intervals, string why)
    {
        if (intervals == 0) return;
        if (_dropped == 0) _log.Warning("Intervals of metrics for {Sink} are given up, the oldest first: {Why}. How many is measured as pipeline.telemetry.dropped.", _sink.Name, why);
        _dropped += intervals;
        _meter.Dropped(_sink.Name, intervals);
    }

    private void AnswerFlushes()
    {
        foreach (var asker in _flushing) asker.Tell(new MetricsFlushed());
        _flushing.Clear();
    }

    private sealed record SendDue
    {
        public static readonly SendDue Instance = new();
    }
}
