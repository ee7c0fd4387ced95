namespace Pipeline.Transform.Tests.Emr;

/// <summary>Time that goes from one timer to the next, on one thread: whoever waits for nothing waits for no time.</summary>
internal sealed class VirtualTime(DateTimeOffset start) : TimeProvider
{
    private readonly PriorityQueue<(Timer Timer, long Version), (long At, long Order)> _due = new();
    private long _now = start.UtcTicks;
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private long _order;

    /// <summary>Who has waited on another thread than the one that time goes by on; null: nobody.</summary>
    public string? Intruder { get; private set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => new(_now, TimeSpan.Zero);

    public override long GetTimestamp() => _now;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Goes to the next timer and lets it fire; false: there is none until <paramref name="end"/>, and it is that now.</summary>
    public bool Step(DateTimeOffset end)
    {
        while (_due.TryPeek(out var next, out var at))
        {
            if (at.At > end.UtcTicks) break;
            _due.Dequeue();
            if (!next.Timer.IsDue(next.Version)) continue;
            _now = Math.Max(_now, at.At);
            next.Timer.Fire();
            return true;
        }

        _now = Math.Max(_now, end.UtcTicks);
        return false;
    }

    private sealed class Timer(VirtualTime time, TimerCallback callback, object? state) : ITimer
    {
        private long _version;
        private TimeSpan _period = Timeout.InfiniteTimeSpan;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (Environment.CurrentManagedThreadId != time._thread) time.Intruder ??= Environment.StackTrace;
            _version++;
            _period = period;
            if (dueTime != Timeout.InfiniteTimeSpan) time._due.Enqueue((this, _version), (time._now + dueTime.Ticks, time._order++));
            return true;
        }

        public bool IsDue(long version) => version == _version;

        public void Fire()
        {
            _version++;
            if (_period != Timeout.InfiniteTimeSpan && _period != TimeSpan.Zero) Change(_period, _period);
            callback(state);
        }

        public void Dispose() => _version = -1;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
