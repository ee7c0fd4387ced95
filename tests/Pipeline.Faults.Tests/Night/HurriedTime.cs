namespace Pipeline.Faults.Tests.Night;

/// <summary>Time of which more passes: what takes a minute by it is over sooner. The date is everybody's.</summary>
/// <param name="factor">How many seconds of it go into one.</param>
internal sealed class HurriedTime(double factor) : TimeProvider
{
    private readonly long _startedAt = System.GetTimestamp();

    public override long GetTimestamp() => (long)((System.GetTimestamp() - _startedAt) * factor);

    public override long TimestampFrequency => System.TimestampFrequency;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        new Timer(System.CreateTimer(callback, state, Hurried(dueTime), Hurried(period)), this);

    private TimeSpan Hurried(TimeSpan time) => time == Timeout.InfiniteTimeSpan ? time : time / factor;

    private sealed class Timer(ITimer timer, HurriedTime time) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => timer.Change(time.Hurried(dueTime), time.Hurried(period));

        public void Dispose() => timer.Dispose();

        public ValueTask DisposeAsync() => timer.DisposeAsync();
    }
}
