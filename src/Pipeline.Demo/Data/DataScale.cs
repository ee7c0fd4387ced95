namespace Pipeline.Demo.Data;

/// <summary>How many keys a table has at first, and how many are new and changed in each tick.</summary>
internal readonly record struct TableScale(long Initial, int NewPerTick, int ChangedPerTick);

/// <summary>How much data the generator makes.</summary>
public sealed record DataScale
{
    private DataScale(int rowsPerTick) => RowsPerTick = rowsPerTick;

    /// <summary>Rows and events of all tables together that a tick makes, about.</summary>
    public int RowsPerTick { get; }

    /// <summary>Ticks between two versions of a row: time for the pipeline to read the former.</summary>
    public int Gap { get; init; } = 4;

    /// <summary>
    /// An initial load of a few thousand rows a table, then ticks of about <paramref name="rowsPerTick"/> rows: two
    /// fifths orders with their lines and payments, two fifths user events, the rest changes, stock and metrics.
    /// </summary>
    public static DataScale Of(int rowsPerTick) => new(Math.Max(rowsPerTick, 20));

    internal TableScale Products => new(400, PerTick(0.001), PerTick(0.002));

    // An order brings two later changes, about 2.6 lines and 2.1 payments and refunds.
    internal TableScale Orders => new(4_000, PerTick(0.05), PerTick(0.01));

    internal TableScale Users => new(2_000, PerTick(0.01), PerTick(0.01));

    internal TableScale Subscriptions => new(800, PerTick(0.005), PerTick(0.005));

    internal TableScale Inventory => new(Products.Initial * 3, 0, PerTick(0.01));

    internal TableScale Sessions => new(3_000, PerTick(0.03), 0);

    internal TableScale UserEvents => new(10_000, PerTick(0.40), 0);

    internal TableScale InventoryUpdates => new(3_000, PerTick(0.06), 0);

    internal TableScale SystemMetrics => new(3_000, PerTick(0.06), 0);

    private int PerTick(double share) => Math.Max(1, (int)(RowsPerTick * share));
}
