namespace Pipeline.Demo.Data;

/// <summary>One version of one row, by key. Version 0 is the row as first written.</summary>
internal readonly record struct RowVersion(long Key, int Version);

/// <summary>
/// Which keys of a table are new and which change in which tick, by formula: nothing is remembered, so it is as cheap
/// for a hundred million keys as for ten.
/// </summary>
/// <remarks>
/// Keys count from 1. Tick 0 writes the initial keys. Each later tick writes new keys, brings keys born
/// <c>n * gap</c> ticks ago to version <c>n</c> while <c>n</c> is within the steps, and changes some initial keys by
/// walking round them. Two versions of a key are at least <c>gap</c> ticks apart.
/// </remarks>
internal sealed class Cohort
{
    private readonly int _steps;
    private readonly int _gap;
    private readonly int _changedPerTick;

    /// <param name="steps">How many times a new key changes in its life.</param>
    public Cohort(TableScale scale, int steps, int gap)
    {
        Initial = scale.Initial;
        NewPerTick = scale.NewPerTick;
        _steps = steps;
        _gap = gap;
        // A faster walk would meet a key again before the gap is over.
        _changedPerTick = (int)Math.Min(scale.ChangedPerTick, Initial / gap);
    }

    public long Initial { get; }

    public int NewPerTick { get; }

    /// <summary>The largest key that exists after <paramref name="tick"/>.</summary>
    public long LastKey(int tick) => Initial + ((long)tick * NewPerTick);

    /// <summary>The tick in which a key is born.</summary>
    public int BirthOf(long key) => key <= Initial ? 0 : (int)((key - Initial - 1) / NewPerTick) + 1;

    public IEnumerable<RowVersion> At(int tick)
    {
        if (tick == 0)
        {
            for (long key = 1; key <= Initial; key++) yield return new RowVersion(key, 0);
            yield break;
        }

        for (var i = WalkedBefore(tick); i < WalkedBefore(tick + 1); i++)
            yield return new RowVersion((i % Initial) + 1, (int)(i / Initial) + 1);

        for (var step = _steps; step >= 0; step--)
        {
            var birth = tick - (step * _gap);
            if (birth < 1) continue;
            for (var key = LastKey(birth - 1) + 1; key <= LastKey(birth); key++) yield return new RowVersion(key, step);
        }
    }

    /// <summary>The newest version of <paramref name="key"/> after <paramref name="tick"/>.</summary>
    public int VersionAt(long key, int tick)
    {
        if (key > Initial) return Math.Min(_steps, (tick - BirthOf(key)) / _gap);
        var walked = WalkedBefore(tick + 1);
        return walked < key ? 0 : (int)((walked - key) / Initial) + 1;
    }

    /// <summary>Changes of initial keys made in the ticks before <paramref name="tick"/>; the walk begins after one gap.</summary>
    private long WalkedBefore(int tick) => Math.Max(0L, tick - _gap) * _changedPerTick;
}
