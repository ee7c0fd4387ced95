namespace Pipeline.Core.Metrics;

/// <summary>
/// Says of one table how long until its freshness passes what is promised, at the pace seen. It remembers a few dozen
/// numbers and starts from nothing after a restart. Not for several threads at once.
/// </summary>
/// <remarks>
/// What lands is judged by its troughs: how fresh the table was just after landings. Between two batches the freshness grows
/// as in a stop, yet the troughs are level; those of a table that gets less than arrives rise, and those of one that catches up
/// fall. While nothing lands there is no pace: that may end at any moment, as an outage or the pause before a batch does, and is told in
/// the last stretch alone. Where what arrives and what lands is counted, a table that has all that had arrived by a moment reflects that
/// moment, though the source's clock was set back. A large batch of one moment is landed for a while before the table reflects it: there the records say
/// whether that ends in time.
/// </remarks>
public sealed partial class BreachForecast
{
    /// <summary>Said of what does not approach its promise, or not within a day.</summary>
    public static readonly TimeSpan Never = TimeSpan.FromDays(1);

    private const int TroughsMax = 32;

    /// <summary>Fewer say no pace.</summary>
    private const int TroughsMin = 3;

    /// <summary>So many of the newest are kept, however old: batches that are far apart.</summary>
    private const int TroughsKept = 6;

    /// <summary>So many pauses of about one length, one after the other, are a habit.</summary>
    private const int PausesMax = 3;

    /// <summary>Seconds a second: what grows more slowly is level.</summary>
    private const double GrowthMin = 0.005;

    private readonly List<(double At, double Freshness)> _troughs = new(TroughsMax);
    private readonly List<(double From, double To)> _pauses = new(PausesMax);
    private readonly Backlog _backlog = new();
    private bool _hasSeen;
    private double _at;
    private double _freshness;
    private double _clockAhead;
    private double _reflected;
    private double _landedAt;
    private double _troughFrom;

    /// <summary>Takes what is known now, and says how long until the promise is broken. Zero: it is. At most <see cref="Never"/>.</summary>
    /// <param name="at">From a clock that nobody sets, such as <see cref="TimeProvider.GetTimestamp"/>. What is not later than the last is passed over.</param>
    public TimeSpan Observe(TimeSpan at, TableSignals signals)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(signals.Sla, TimeSpan.Zero, nameof(signals));
        var scale = new Scale(signals.Sla.TotalSeconds);
        var (now, seen) = (at.TotalSeconds, Math.Max(0, signals.Freshness.TotalSeconds));
        if (!_hasSeen || now > _at)
        {
            // A clock of the source may say that all is old which has just come; what is counted knows better.
            if (_backlog.Count(now, signals, scale) is { } counted) seen = Math.Max(0, Math.Min(seen, now - counted));
            if (_hasSeen) Follow(now, seen, scale);
            else Begin(now, seen);
            _backlog.Observe(now, signals.LagRecords, signals.LandedRecords, isStopping: now - _landedAt <= 3 * scale.TroughEvery, scale);
        }

        return TimeSpan.FromSeconds(Math.Clamp(Forecast(scale), 0, Never.TotalSeconds));
    }

    private void Begin(double now, double seen)
    {
        (_hasSeen, _at, _freshness) = (true, now, seen);
        (_reflected, _landedAt) = (now - seen, now);
    }

    private void Follow(double now, double seen, Scale scale)
    {
        // What grows faster than time is a clock that was set: the table is no older for it. A figure that is small again is true again.
        var step = seen - _clockAhead - (_freshness + now - _at);
        if (step > scale.ClockStepMin) _clockAhead += step;
        _clockAhead = Math.Min(_clockAhead, seen);
        (_at, _freshness) = (now, seen - _clockAhead);
        if (now - _freshness > _reflected + scale.LandingMin) Land(scale);
    }

    private void Land(Scale scale)
    {
        if (_at - _landedAt >= scale.PauseMin)
        {
            if (_pauses.Count == PausesMax) _pauses.RemoveAt(0);
            _pauses.Add((_landedAt, _at));
        }

        // After a stop that is no habit the pace is another than before it.
        if (IsStopped(scale)) _troughs.Clear();
        (_reflected, _landedAt) = (_at - _freshness, _at);
        _backlog.Forget();
        if (_troughs.Count > 0 && _at - _troughFrom < Math.Max(scale.TroughEvery, UsualPause() / 2))
        {
            if (_freshness <= _troughs[^1].Freshness) _troughs[^1] = (_at, _freshness);
            return;
        }

        while (_troughs.Count == TroughsMax || (_troughs.Count >= TroughsKept && _at - _troughs[0].At > TroughsMax * scale.TroughEvery)) _troughs.RemoveAt(0);
        _troughs.Add((_at, _freshness));
        _troughFrom = _at;
    }

    private double Forecast(Scale scale)
    {
        var soonest = scale.Sla - _freshness;
        if (soonest <= 0) return 0;
        // A rise is not carried on further than it has come.
        if (soonest > scale.Sla / 2) return Never.TotalSeconds;
        // A stop may end at any moment, and of a pace that is not known nothing is known: told in the last stretch.
        var unknown = soonest < scale.LastStretch ? soonest : Never.TotalSeconds;
        if (IsStopped(scale))
            return _backlog.StopEndsIn() switch
            {
                { } needed when needed < soonest => Never.TotalSeconds,
                { } => soonest,
                null => unknown,
            };
        if (_troughs.Count < TroughsMin) return unknown;
        // What waits now is landed before the promise is broken, and with it the table reflects this moment.
        if (_backlog.LandedIn() < soonest) return Never.TotalSeconds;
        // A habit is followed to the end of its pause.
        var peak = Math.Max(_freshness, _troughs[^1].Freshness + Math.Max(UsualPause(), WidestGap()));
        if (peak >= scale.Sla) return unknown;
        var growth = Growth();
        return growth < GrowthMin ? Never.TotalSeconds : Math.Max(soonest, (scale.Sla - peak) / growth);
    }

    /// <summary>Nothing has landed for longer than is usual.</summary>
    private bool IsStopped(Scale scale)
    {
        var usual = UsualPause();
        return _at - _landedAt > Math.Max(scale.PauseMin, usual > 0 ? 1.25 * usual : 2 * Math.Min(WidestGap(), scale.PauseMin));
    }

    /// <summary>The length of the pauses that have become a habit; zero: there is none.</summary>
    private double UsualPause()
    {
        if (_pauses.Count < PausesMax) return 0;
        var (shortest, longest, sum) = (double.MaxValue, 0d, 0d);
        foreach (var (from, to) in _pauses) (shortest, longest, sum) = (Math.Min(shortest, to - from), Math.Max(longest, to - from), sum + to - from);
        var isAlike = longest <= 1.5 * shortest;
        var isUnbroken = _pauses[^1].To - _pauses[0].From <= 1.5 * sum;
        var isRecent = _at - _pauses[^1].To <= 2 * longest;
        return isAlike && isUnbroken && isRecent ? longest : 0;
    }

    private double WidestGap()
    {
        var widest = 0d;
        for (var i = 1; i < _troughs.Count; i++) widest = Math.Max(widest, _troughs[i].At - _troughs[i - 1].At);
        return widest;
    }

    /// <summary>The median of the slopes between any two troughs (Theil and Sen): a few that lie apart do not move it.</summary>
    private double Growth()
    {
        Span<double> slopes = stackalloc double[TroughsMax * (TroughsMax - 1) / 2];
        var count = 0;
        for (var i = 1; i < _troughs.Count; i++)
            for (var j = 0; j < i; j++)
                slopes[count++] = (_troughs[i].Freshness - _troughs[j].Freshness) / (_troughs[i].At - _troughs[j].At);
        slopes = slopes[..count];
        slopes.Sort();
        return (slopes[(count - 1) / 2] + slopes[count / 2]) / 2;
    }

    /// <summary>What is long and what is short, in seconds, for a promise of this length. From two hours on it no longer grows with it.</summary>
    private readonly record struct Scale(double Sla)
    {
        private double Unit => Math.Min(Sla, 7200) / 120;

        public double LastStretch => Sla / 32;

        public double LandingMin => Unit / 2;

        public double TroughEvery => Unit;

        public double ClockStepMin => 5 * Unit;

        public double PauseMin => Math.Min(Sla / 4, 900);
    }
}
