namespace Pipeline.Core;

/// <summary>What is said of a wait: once when it has lasted, and once when it is over.</summary>
/// <param name="Thing">Who waits.</param>
/// <param name="Reason">For what or why, without a closing full stop.</param>
/// <param name="Duration">Since it began.</param>
public sealed record WaitNotice(string Thing, string Reason, TimeSpan Duration, bool IsOver)
{
    /// <summary>What would help, where it does not stand in the reason; null: nobody knows.</summary>
    public string? NextStep { get; init; }
}

/// <summary>
/// Says what waits for long for an answer that is neither there nor refused: a question that is not answered is no fault, so
/// nothing else tells of it. After a minute one line with thing and reason, and one at its end, however many wait
/// for the same thing. Who then waits for another cause is told again: a minute later, then after twice as long each time,
/// up to an hour. Safe to use from several threads.
/// </summary>
/// <remarks>What is away, and said to be, is <see cref="OutageWatch"/>'s.</remarks>
/// <param name="say">Told each line, one at a time, from any thread; must not block and not call back.</param>
public sealed class WaitWatch(TimeProvider time, Action<WaitNotice> say) : IDisposable
{
    /// <summary>How long a wait lasts before it is told.</summary>
    public static readonly TimeSpan SayAfter = TimeSpan.FromMinutes(1);

    /// <summary>How long whoever knows why gets to say it.</summary>
    private static readonly TimeSpan AskingMax = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan PauseMax = TimeSpan.FromHours(1);

    private readonly Lock _lock = new();
    private readonly HashSet<Wait> _open = [];
    private readonly Dictionary<string, Told> _told = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private ITimer? _timer;
    private bool _isDisposed;

    /// <summary>A watch for who has nobody to tell.</summary>
    public static WaitWatch Silent(TimeProvider time) => new(time, _ => { });

    /// <summary>How many things are known to wait for longer than <see cref="SayAfter"/>.</summary>
    public int Count
    {
        get
        {
            lock (_lock) return _told.Count;
        }
    }

    /// <summary>What waits for longer than <see cref="SayAfter"/>, as it was told, and for how long by now.</summary>
    public IReadOnlyList<WaitNotice> Lasting
    {
        get
        {
            lock (_lock) return [.. _told.Where(told => told.Value.Reason is not null).Select(told => new WaitNotice(told.Key, told.Value.Reason!.Text, time.GetElapsedTime(told.Value.Since), IsOver: false) { NextStep = told.Value.Reason!.NextStep })];
        }
    }

    /// <summary>Whether anybody is being asked why at this moment.</summary>
    internal bool IsAsking
    {
        get
        {
            lock (_lock) return _told.Values.Any(told => told.IsAsking);
        }
    }

    internal TimeProvider Time => time;

    /// <summary>One who may wait, now and again. Dispose it when he never will any more.</summary>
    /// <param name="thing">Who waits; others who wait in the same name are one.</param>
    /// <param name="why">
    /// Asked when it is about to be told, and now and again as long as it lasts, for a better reason than the one it began with;
    /// null or a failure: there is none.
    /// </param>
    public Wait Open(string thing, Func<CancellationToken, ValueTask<WaitReason?>>? why = null)
    {
        var wait = new Wait(this, thing, why);
        lock (_lock)
        {
            if (_isDisposed) return wait;
            if (_timer is null) _timer = time.CreateTimer(_ => Look(), state: null, SayAfter, Timeout.InfiniteTimeSpan);
            else if (_open.Count == 0) _timer.Change(SayAfter, Timeout.InfiniteTimeSpan);
            _open.Add(wait);
        }

        return wait;
    }

    /// <summary>A wait that begins now and ends with its disposal.</summary>
    /// <param name="reason">For what, without a closing full stop.</param>
    public Wait Begin(string thing, string reason, Func<CancellationToken, ValueTask<WaitReason?>>? why = null) => Begin(thing, new WaitReason(reason), why);

    /// <inheritdoc cref="Begin(string, string, Func{CancellationToken, ValueTask{WaitReason?}}?)"/>
    public Wait Begin(string thing, WaitReason reason, Func<CancellationToken, ValueTask<WaitReason?>>? why = null)
    {
        var wait = Open(thing, why);
        wait.Begin(reason);
        return wait;
    }

    public void Dispose()
    {
        lock (_lock)
        {
            if (_isDisposed) return;
            _isDisposed = true;
            _open.Clear();
            _told.Clear();
            _timer?.Dispose();
        }

        _stopping.Cancel();
        _stopping.Dispose();
    }

    internal void Close(Wait wait)
    {
        lock (_lock) _open.Remove(wait);
    }

    /// <summary>A wait that has been told is over.</summary>
    internal void End(Wait wait)
    {
        lock (_lock)
        {
            if (!wait.IsTold) return;
            wait.IsTold = false;
            if (!_told.TryGetValue(wait.Thing, out var told) || --told.Waiters > 0) return;
            _told.Remove(wait.Thing);
            if (told.Reason is { } reason) say(new WaitNotice(wait.Thing, reason.Said, time.GetElapsedTime(told.Since), IsOver: true));
        }
    }

    private void Look()
    {
        lock (_lock)
        {
            if (_isDisposed || _open.Count == 0) return;
            var next = SayAfter;
            foreach (var wait in _open)
            {
                if (wait.Since is not { } since) continue;
                var left = wait.IsTold ? LookAgain(wait) : SayAfter - time.GetElapsedTime(since);
                if (left <= TimeSpan.Zero) Tell(wait, since);
                else if (left < next) next = left;
            }

            // Who does not wait yet is not told before a minute from now.
            _timer!.Change(next, Timeout.InfiniteTimeSpan);
        }
    }

    private void Tell(Wait wait, long since)
    {
        wait.IsTold = true;
        // It may have ended meanwhile, without having seen that it is told.
        if (wait.Since != since)
        {
            wait.IsTold = false;
            return;
        }

        if (_told.TryGetValue(wait.Thing, out var known))
        {
            known.Waiters++;
            return;
        }

        var told = new Told(wait, since) { Waiters = 1 };
        _told.Add(wait.Thing, told);
        Ask(told);
    }

    /// <summary>Looks whether it waits for another cause than was told, when that is due.</summary>
    /// <returns>When to look next.</returns>
    private TimeSpan LookAgain(Wait wait)
    {
        // Of several who wait for one thing, one is asked: he of whom was told, as long as he waits.
        if (!_told.TryGetValue(wait.Thing, out var told) || told.Reason is null || told.IsAsking || (told.Whom != wait && told.Whom is { IsTold: true, Since: not null })) return SayAfter;
        var left = told.Pause - time.GetElapsedTime(told.LookedAt);
        if (left > TimeSpan.Zero) return left;
        told.Whom = wait;
        Ask(told);
        return told.Pause;
    }

    private void Ask(Told told)
    {
        told.LookedAt = time.GetTimestamp();
        if (told.Whom.Why is null)
        {
            Answer(told, told.Whom.Reason);
            return;
        }

        told.IsAsking = true;
        Background.Start(async stopping => Answer(told, await ReasonAsync(told.Whom, stopping)), _ => { }, _stopping.Token);
    }

    private async Task<WaitReason?> ReasonAsync(Wait wait, CancellationToken stopping)
    {
        using var late = new CancellationTokenSource(AskingMax, time);
        using var asking = CancellationTokenSource.CreateLinkedTokenSource(stopping, late.Token);
        // Whoever is asked may hang on the very thing.
        var asked = Background.RunAsync(cancel => wait.Why!(cancel), asking.Token);
        await Task.WhenAny(asked, Task.Delay(Timeout.InfiniteTimeSpan, asking.Token));
        return asked.IsCompletedSuccessfully && asked.Result is Outcome<WaitReason?>.Done { Value: { } reason } ? reason : null;
    }

    /// <param name="reason">Null: there is none that is better than what is known.</param>
    private void Answer(Told told, WaitReason? reason)
    {
        lock (_lock)
        {
            told.IsAsking = false;
            if (_told.GetValueOrDefault(told.Whom.Thing) != told) return;
            if (told.Reason is null) Say(told, reason ?? told.Whom.Reason);
            else if (reason is not null && reason.Cause != told.Reason.Cause)
            {
                told.Pause = TimeSpan.FromTicks(Math.Min(2 * told.Pause.Ticks, PauseMax.Ticks));
                Say(told, reason);
            }
        }
    }

    private void Say(Told told, WaitReason reason)
    {
        told.Reason = reason;
        say(new WaitNotice(told.Whom.Thing, reason.Said, time.GetElapsedTime(told.Since), IsOver: false));
    }

    /// <summary>What has waited for long.</summary>
    private sealed class Told(Wait whom, long since)
    {
        public long Since { get; } = since;

        /// <summary>Whose reason is told.</summary>
        public Wait Whom { get; set; } = whom;

        /// <summary>As it was said; null: not yet.</summary>
        public WaitReason? Reason { get; set; }

        /// <summary>When the reason was last looked at.</summary>
        public long LookedAt { get; set; } = since;

        /// <summary>How long after that it is looked at again.</summary>
        public TimeSpan Pause { get; set; } = SayAfter;

        public bool IsAsking { get; set; }

        public int Waiters { get; set; }
    }
}

/// <summary>One who waits now and again, for one thing at a time. Cheap: beginning and ending is a look at the clock.</summary>
public sealed class Wait : IDisposable
{
    private readonly WaitWatch _watch;
    private long _since;
    private volatile WaitReason _reason = new("");
    private volatile bool _isTold;

    internal Wait(WaitWatch watch, string thing, Func<CancellationToken, ValueTask<WaitReason?>>? why)
    {
        _watch = watch;
        Thing = thing;
        Why = why;
    }

    internal string Thing { get; }

    internal Func<CancellationToken, ValueTask<WaitReason?>>? Why { get; }

    internal WaitReason Reason => _reason;

    /// <summary>Timestamp; null: it does not wait.</summary>
    internal long? Since => Interlocked.Read(ref _since) is var since and not 0 ? since : null;

    internal bool IsTold
    {
        get => _isTold;
        set
        {
            _isTold = value;
            Interlocked.MemoryBarrier();
        }
    }

    /// <summary>It waits since now, or still: for the reason that is given now.</summary>
    public void Begin(string reason) => Begin(new WaitReason(reason));

    /// <inheritdoc cref="Begin(string)"/>
    public void Begin(WaitReason reason)
    {
        _reason = reason;
        if (Since is null) Interlocked.Exchange(ref _since, Math.Max(1, _watch.Time.GetTimestamp()));
    }

    /// <summary>It waits no more, if it did.</summary>
    public void End()
    {
        Interlocked.Exchange(ref _since, 0);
        if (_isTold) _watch.End(this);
    }

    public void Dispose()
    {
        End();
        _watch.Close(this);
    }
}
