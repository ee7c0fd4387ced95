namespace Pipeline.Emulation.Emr;

/// <summary>What is done later, by the clock. Nothing begins once it is disposed of. Thread-safe.</summary>
internal sealed class Later(TimeProvider time) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly HashSet<ITimer> _timers = [];
    private bool _isDisposed;

    public void After(TimeSpan delay, Action act)
    {
        ITimer? timer = null;
        timer = time.CreateTimer(_ =>
        {
            lock (_lock)
            {
                if (_isDisposed) return;
                if (timer is not null) _timers.Remove(timer);
            }

            timer?.Dispose();
            act();
        }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        lock (_lock)
        {
            if (!_isDisposed) _timers.Add(timer);
        }

        timer.Change(delay, Timeout.InfiniteTimeSpan);
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            foreach (var timer in _timers) timer.Dispose();
            _timers.Clear();
        }
    }
}
