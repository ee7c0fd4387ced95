namespace Pipeline.Telemetry.Collecting;

/// <summary>
/// Counts values in buckets that grow by a tenth, so that a middle is at most a twentieth away from any value of its bucket. Holds the buckets
/// between the smallest and the largest value that came. Not for several threads at once.
/// </summary>
internal sealed class SpreadBuckets
{
    /// <summary>Below it nothing is told apart from zero, nor is what is negative.</summary>
    private const double Least = 1e-6;

    private const double Most = 1e15;

    private static readonly double LogOfGrowth = Math.Log(1.1);

    private long _zeros;
    private int _first;
    private long[] _counts = [];

    public void Add(double value)
    {
        if (value < Least) _zeros++;
        else Count((int)Math.Floor(Math.Log(Math.Min(value, Most)) / LogOfGrowth), 1);
    }

    /// <summary>Adds what another has counted.</summary>
    public void Add(SpreadBuckets other)
    {
        _zeros += other._zeros;
        for (var i = 0; i < other._counts.Length; i++)
            if (other._counts[i] > 0) Count(other._first + i, other._counts[i]);
    }

    /// <summary>Forgets the values, and keeps the room for as many.</summary>
    public void Clear()
    {
        _zeros = 0;
        Array.Clear(_counts);
    }

    public Spread ToSpread()
    {
        List<double> values = [];
        List<long> counts = [];
        if (_zeros > 0)
        {
            values.Add(0);
            counts.Add(_zeros);
        }

        for (var i = 0; i < _counts.Length; i++)
        {
            if (_counts[i] == 0) continue;
            values.Add(Math.Exp((_first + i + 0.5) * LogOfGrowth));
            counts.Add(_counts[i]);
        }

        return new Spread(values, counts);
    }

    private void Count(int bucket, long times)
    {
        if (_counts.Length == 0) (_first, _counts) = (bucket, new long[1]);
        var (first, end) = (Math.Min(_first, bucket), Math.Max(_first + _counts.Length, bucket + 1));
        if (end - first > _counts.Length)
        {
            var wider = new long[end - first];
            _counts.CopyTo(wider, _first - first);
            (_first, _counts) = (first, wider);
        }

        _counts[bucket - _first] += times;
    }
}
