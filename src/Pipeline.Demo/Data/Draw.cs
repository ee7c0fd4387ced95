namespace Pipeline.Demo.Data;

/// <summary>
/// Random numbers that depend on nothing but what they are for: the same seed, subject, key and version give the same
/// sequence, in whatever order rows are made. SplitMix64.
/// </summary>
internal struct Draw
{
    private ulong _state;

    /// <param name="subject">Keeps tables apart: two tables never share a sequence.</param>
    public Draw(long seed, int subject, long key, int version = 0)
    {
        _state = Mix((ulong)seed) ^ Mix(((ulong)subject << 32) ^ (uint)version) ^ Mix((ulong)key * 0x9E3779B97F4A7C15);
    }

    public ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        return Mix(_state);
    }

    /// <summary>A whole number in [0, <paramref name="limit"/>).</summary>
    public long Below(long limit) => (long)(Next() % (ulong)limit);

    /// <summary>A whole number in [<paramref name="min"/>, <paramref name="max"/>].</summary>
    public int Between(int min, int max) => min + (int)Below(max - min + 1L);

    public bool Percent(int percent) => Below(100) < percent;

    public T Of<T>(IReadOnlyList<T> items) => items[(int)Below(items.Count)];

    /// <summary>An amount with two decimals.</summary>
    public decimal Cents(int minCents, int maxCents) => new(Between(minCents, maxCents), 0, 0, isNegative: false, scale: 2);

    public Guid Guid()
    {
        Span<byte> bytes = stackalloc byte[16];
        BitConverter.TryWriteBytes(bytes, Next());
        BitConverter.TryWriteBytes(bytes[8..], Next());
        return new Guid(bytes);
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
