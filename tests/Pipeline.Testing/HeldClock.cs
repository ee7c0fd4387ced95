using Microsoft.Extensions.Time.Testing;

namespace Pipeline.Testing;

/// <summary>
/// A clock that only the test moves. A pause of less than a second takes its real time: two writers that meet wait for chance,
/// who asks a server again waits for it, and both would wait for ever on a clock that nobody moves.
/// </summary>
public sealed class HeldClock(DateTimeOffset start) : FakeTimeProvider(start)
{
    private static readonly TimeSpan PauseMax = TimeSpan.FromSeconds(1);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        dueTime >= TimeSpan.Zero && dueTime < PauseMax && period == Timeout.InfiniteTimeSpan
            ? System.CreateTimer(callback, state, dueTime, period)
            : base.CreateTimer(callback, state, dueTime, period);
}
