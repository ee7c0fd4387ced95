namespace Pipeline.Core;

/// <summary>
/// The pace of trying again: a pause that grows from the first to the longest, cut short by chance so that those who wait
/// for the same thing part, and an end. Values only; <see cref="Retry"/> is who waits.
/// </summary>
public sealed record RetryPolicy
{
    /// <summary>The pause after the first failure.</summary>
    public TimeSpan BackoffMin { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>The longest pause.</summary>
    public TimeSpan BackoffMax { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How much longer each pause is than the one before. 1: all are the same.</summary>
    public double Factor { get; init; } = 2;

    /// <summary>The share of a pause that chance may take away: 0 none, 1 all of it.</summary>
    public double Jitter { get; init; } = 0.5;

    /// <summary>Attempts after which it is given up, the first included; null: no end.</summary>
    public int? AttemptsMax { get; init; }

    /// <summary>Time since the first attempt began after which no further one is made; null: no end.</summary>
    public TimeSpan? TimeMax { get; init; }

    /// <summary>The pause after so many failures in a row.</summary>
    /// <param name="failures">1 or more.</param>
    /// <param name="random">From 0, the longest that it may be, to 1.</param>
    public TimeSpan Delay(int failures, double random = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(failures);
        var ticks = Math.Min(BackoffMax.Ticks, BackoffMin.Ticks * Math.Pow(Factor, failures - 1));
        return Spread(TimeSpan.FromTicks((long)ticks), random);
    }

    /// <summary>A pause with what chance takes away: who decides without chance hands the pause over to who waits.</summary>
    public TimeSpan Spread(TimeSpan delay, double random) => delay * (1 - (Jitter * random));

    /// <summary>The pause before another attempt; null when there have been enough.</summary>
    /// <param name="failures">Attempts that have failed, 1 or more.</param>
    /// <param name="elapsed">Since the first of them began.</param>
    /// <param name="random">From 0, the longest that the pause may be, to 1.</param>
    /// <param name="asked">How long the dependency asks to be left alone: obeyed up to the longest pause.</param>
    public TimeSpan? Next(int failures, TimeSpan elapsed = default, double random = 0, TimeSpan? asked = null)
    {
        if (failures >= AttemptsMax) return null;
        var pause = Delay(failures, random);
        if (asked > pause) pause = asked.Value < BackoffMax ? asked.Value : BackoffMax;
        return elapsed + pause > TimeMax ? null : pause;
    }
}
