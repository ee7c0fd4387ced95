namespace Pipeline.Demo.Data;

/// <summary>All that generated rows depend on. The same settings give the same rows, byte for byte.</summary>
/// <param name="BaseTime">The moment of tick 0. What happened before it is history; each tick is a second later.</param>
public sealed record GeneratorSettings(long Seed, DateTimeOffset BaseTime, DataScale Scale)
{
    /// <summary>Keys from here on belong to nobody: what planted unknown references point to.</summary>
    internal const long Nowhere = 9_000_000_000;

    internal DateOnly BaseDay => DateOnly.FromDateTime(BaseTime.UtcDateTime);

    internal DateTimeOffset TimeOf(int tick) => BaseTime.AddSeconds(tick);
}

/// <summary>One number for each thing that is drawn, so that no two draw the same sequence.</summary>
internal static class Subject
{
    public const int Product = 1;
    public const int ProductCategory = 2;
    public const int ProductPrice = 3;
    public const int Order = 4;
    public const int OrderLines = 5;
    public const int Customer = 6;
    public const int Transaction = 7;
    public const int User = 8;
    public const int Subscription = 9;
    public const int Inventory = 10;
    public const int Session = 11;
    public const int UserEvent = 12;
    public const int InventoryUpdate = 13;
    public const int SystemMetric = 14;
}
