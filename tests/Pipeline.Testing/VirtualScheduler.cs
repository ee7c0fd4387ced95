using Akka.Actor;
using Akka.Configuration;
using Akka.Dispatch;
using Akka.Event;

namespace Pipeline.Testing;

/// <summary>
/// Akka's timers on time that only the test moves. Unlike the TestKit's it may be scheduled on while time moves, as streams
/// do from their own threads.
/// </summary>
public sealed class VirtualScheduler(Config config, ILoggingAdapter log) : SchedulerBase(config, log)
{
    private readonly Lock _lock = new();
    private readonly PriorityQueue<Action, (TimeSpan At, long Number)> _due = new();
    private TimeSpan _now;
    private long _scheduled;

    public override TimeSpan MonotonicClock => Now;

    public override TimeSpan HighResMonotonicClock => Now;

    protected override DateTimeOffset TimeNow => DateTimeOffset.UnixEpoch + Now;

    private TimeSpan Now
    {
        get
        {
            lock (_lock) return _now;
        }
    }

    public void Advance(TimeSpan time)
    {
        var until = Now + time;
        while (TakeUntil(until) is { } action) action();
    }

    protected override void InternalScheduleTellOnce(TimeSpan delay, ICanTell receiver, object message, IActorRef sender, ICancelable cancelable) =>
        Once(delay, () => receiver.Tell(message, sender), cancelable);

    protected override void InternalScheduleTellRepeatedly(TimeSpan initialDelay, TimeSpan interval, ICanTell receiver, object message, IActorRef sender, ICancelable cancelable) =>
        Repeatedly(initialDelay, interval, () => receiver.Tell(message, sender), cancelable);

    protected override void InternalScheduleOnce(TimeSpan delay, Action action, ICancelable cancelable) => Once(delay, action, cancelable);

    protected override void InternalScheduleOnce(TimeSpan delay, IRunnable action, ICancelable cancelable) => Once(delay, action.Run, cancelable);

    protected override void InternalScheduleRepeatedly(TimeSpan initialDelay, TimeSpan interval, Action action, ICancelable cancelable) =>
        Repeatedly(initialDelay, interval, action, cancelable);

    protected override void InternalScheduleRepeatedly(TimeSpan initialDelay, TimeSpan interval, IRunnable action, ICancelable cancelable) =>
        Repeatedly(initialDelay, interval, action.Run, cancelable);

    /// <summary>The next action that is due by then, at its own time; null: it is then.</summary>
    private Action? TakeUntil(TimeSpan until)
    {
        lock (_lock)
        {
            if (_due.TryPeek(out var action, out var due) && due.At <= until)
            {
                _due.Dequeue();
                if (due.At > _now) _now = due.At;
                return action;
            }

            _now = until;
            return null;
        }
    }

    private void Once(TimeSpan delay, Action action, ICancelable? cancelable)
    {
        lock (_lock)
        {
            _due.Enqueue(() =>
            {
                if (cancelable is not { IsCancellationRequested: true }) action();
            }, (_now + delay, ++_scheduled));
        }
    }

    private void Repeatedly(TimeSpan delay, TimeSpan interval, Action action, ICancelable? cancelable) => Once(delay, () =>
    {
        action();
        Repeatedly(interval, interval, action, cancelable);
    }, cancelable);
}
