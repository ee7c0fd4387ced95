using System.Collections.Immutable;

namespace Pipeline.Core;

/// <summary>
/// Says what is away, for all who wait on this node: a thing that many wait for is said once. Safe to use from several
/// threads; decides in <see cref="Outages"/>.
/// </summary>
/// <param name="say">Told each line, one at a time, from any thread; must not block and not call back.</param>
public sealed class OutageWatch(TimeProvider time, Action<OutageNotice> say) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly long _startedAt = time.GetTimestamp();
    private Outages _outages = Outages.None;
    private ITimer? _timer;
    private long _waiters;

    /// <summary>What waits for long without a fault, for the same who wait; by default nobody is told.</summary>
    public WaitWatch Waits { get; init; } = WaitWatch.Silent(time);

    /// <summary>A watch for who has nobody to tell: tests and commands that end at the first fault.</summary>
    public static OutageWatch Silent(TimeProvider time) => new(time, _ => { });

    /// <summary>What is away now, said already or not yet.</summary>
    public IReadOnlyList<OutageNotice> Away
    {
        get
        {
            lock (_lock) return [.. _outages.ByThing.Select(pair => new OutageNotice(OutageStage.Away, pair.Key, Now - pair.Value.Since, pair.Value.Fault))];
        }
    }

    /// <summary>One who tries again by himself. Dispose it when he stops.</summary>
    public OutageWaiter Waiter()
    {
        lock (_lock) return new OutageWaiter(this, ++_waiters);
    }

    public void Dispose()
    {
        Waits.Dispose();
        lock (_lock)
        {
            _outages = Outages.None;
            _timer?.Dispose();
        }
    }

    internal TimeSpan Now => time.GetElapsedTime(_startedAt);

    internal void Change(Func<Outages, TimeSpan, (Outages Next, ImmutableArray<OutageNotice> Notices)> change)
    {
        lock (_lock)
        {
            var now = Now;
            (_outages, var notices) = change(_outages, now);
            foreach (var notice in notices) say(notice);
            if (_outages.DueAt is not { } dueAt) return;
            var dueIn = dueAt > now ? dueAt - now : TimeSpan.Zero;
            _timer ??= time.CreateTimer(_ => Change((outages, then) => outages.Tick(then)), state: null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _timer.Change(dueIn, Timeout.InfiniteTimeSpan);
        }
    }
}

/// <summary>One who tries again by himself, and tells how it goes. Not for several threads at once.</summary>
public sealed class OutageWaiter : IDisposable
{
    private readonly OutageWatch _watch;
    private readonly long _id;
    private TimeSpan _askedAt;
    private bool _isWaiting;

    internal OutageWaiter(OutageWatch watch, long id)
    {
        _watch = watch;
        _id = id;
        _askedAt = watch.Now;
    }

    /// <summary>An attempt begins: if it fails, the thing has been away since now.</summary>
    public void Asks() => _askedAt = _watch.Now;

    /// <summary>The attempt failed for a reason that may pass, and there will be another.</summary>
    public void Failed(Fault fault)
    {
        _isWaiting = true;
        _watch.Change((outages, now) => outages.Failed(_id, fault, _askedAt, now));
    }

    /// <summary>What was waited for, if anything was, has answered.</summary>
    public void Answered()
    {
        if (!_isWaiting) return;
        _isWaiting = false;
        _watch.Change((outages, now) => outages.Answered(_id, now));
    }

    public void Dispose()
    {
        if (!_isWaiting) return;
        _isWaiting = false;
        _watch.Change((outages, now) => outages.Left(_id, now));
    }
}
