namespace Pipeline.Node.Http.Access;

/// <summary>
/// How many requests each who asks may make: so many a second for long, twice as many at once. Bounded in those it remembers. Thread-safe.
/// </summary>
/// <param name="perSecond">At least 1.</param>
internal sealed class RequestRate(int perSecond, TimeProvider time)
{
    private const int RememberedMax = 10_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (double Left, long At)> _left = new(StringComparer.Ordinal);

    /// <summary>How many are remembered that have asked.</summary>
    public int Remembered
    {
        get
        {
            lock (_lock) return _left.Count;
        }
    }

    /// <summary>Whether one more is answered.</summary>
    public bool Takes(string who)
    {
        var now = time.GetTimestamp();
        double most = 2 * perSecond;
        lock (_lock)
        {
            var left = _left.TryGetValue(who, out var before) ? Math.Min(most, before.Left + (perSecond * time.GetElapsedTime(before.At, now).TotalSeconds)) : most;
            if (_left.Count >= RememberedMax) Forget(now, most);
            var takes = left >= 1;
            _left[who] = (takes ? left - 1 : left, now);
            return takes;
        }
    }

    /// <summary>Who has not asked for a while has all that he may; where all have, the oldest go.</summary>
    private void Forget(long now, double most)
    {
        foreach (var (who, (left, at)) in _left.ToList())
            if (left + (perSecond * time.GetElapsedTime(at, now).TotalSeconds) >= most) _left.Remove(who);
        foreach (var (who, _) in _left.OrderBy(known => known.Value.At).Take(Math.Max(0, _left.Count - (RememberedMax / 2))).ToList()) _left.Remove(who);
    }
}
