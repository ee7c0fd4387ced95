namespace Pipeline.Demo.Data.Tables;

/// <summary>
/// <c>app.product_inventory</c>: three warehouses for each product of the initial load, counted again now and then. Dirt:
/// negative counts, products that the catalogue lost to quarantine or never had; more reserved than there is (a warning).
/// </summary>
internal sealed class Inventory(GeneratorSettings settings) : IDatabaseFeed<ProductInventory>
{
    public const int Warehouses = 3;
    private static readonly Fate ProductUnknown = Fate.Quarantined("product_exists");
    private static readonly Fate QuantityNegative = Fate.Quarantined("quantity_not_negative");
    private static readonly Fate ReservedTooMuch = Fate.Warned("reserved_within_stock");

    private readonly Cohort _cohort = new(settings.Scale.Inventory, steps: 0, settings.Scale.Gap);

    public string Name => "product_inventory";

    public IReadOnlyList<string> Key => ["warehouse_id", "product_id"];

    public long Count => _cohort.Initial;

    public IReadOnlyList<Column<ProductInventory>> Columns { get; } =
    [
        new("warehouse_id", ColumnKind.Int, i => i.WarehouseId),
        new("product_id", ColumnKind.Long, i => i.ProductId),
        new("quantity_on_hand", ColumnKind.Int, i => i.QuantityOnHand),
        new("quantity_reserved", ColumnKind.Int, i => i.QuantityReserved),
        new("reorder_level", ColumnKind.Int, i => i.ReorderLevel),
        new("unit_cost", ColumnKind.Decimal, i => i.UnitCost),
        new("is_discontinued", ColumnKind.Boolean, i => i.IsDiscontinued),
        new("last_counted_at", ColumnKind.Timestamp, i => i.LastCountedAt),
    ];

    public IEnumerable<Planted<ProductInventory>> Rows(int tick)
    {
        foreach (var (key, version) in _cohort.At(tick))
            yield return new(Row(key, version), FateOf(key, version));
    }

    /// <summary>Whether the stock position reaches Silver.</summary>
    public static bool IsClean(long key) => !IsProductUnknown(key);

    /// <summary>The quantity that Silver shows once <paramref name="tick"/> has arrived, for a clean position.</summary>
    public int QuantityAt(long key, int tick)
    {
        var version = _cohort.VersionAt(key, tick);
        return Row(key, IsSpoilt(key, version) ? version - 1 : version).QuantityOnHand;
    }

    public static long KeyOf(int warehouse, long product) => ((product - 1) * Warehouses) + warehouse;

    private static long ProductOf(long key) => ((key - 1) / Warehouses) + 1;

    private static bool IsNowhere(long key) => key % 197 == 11;

    private static bool IsProductUnknown(long key) => IsNowhere(key) || !Products.IsClean(ProductOf(key));

    private static bool IsSpoilt(long key, int version) => version == 1 && key % 83 == 5;

    private static bool IsReservedTooMuch(long key, int version) => version == 0 && key % 61 == 3 && !IsProductUnknown(key);

    // A row that is wrong in itself is not looked up in other tables.
    private static Fate FateOf(long key, int version) =>
        IsSpoilt(key, version) ? QuantityNegative
        : IsProductUnknown(key) ? ProductUnknown
        : IsReservedTooMuch(key, version) ? ReservedTooMuch
        : IsSpoilt(key, version - 1) ? Fate.Mends(QuantityNegative)
        : Fate.Accepted(version);

    private ProductInventory Row(long key, int version)
    {
        var draw = new Draw(settings.Seed, Subject.Inventory, key, version);
        var onHand = draw.Between(10, 500);
        // The reservation of a spoilt count is small too, so that only the negative quantity is wrong with it.
        var (counted, reserved) = IsSpoilt(key, version) ? (-5, -5) : (onHand, onHand / 10);
        if (IsReservedTooMuch(key, version)) reserved = onHand + 1;
        return new ProductInventory(
            (int)((key - 1) % Warehouses) + 1,
            IsNowhere(key) ? GeneratorSettings.Nowhere + key : ProductOf(key),
            counted,
            reserved,
            draw.Percent(30) ? null : draw.Between(5, 60),
            new decimal(draw.Between(10_000, 9_999_999)) / 10_000,
            draw.Percent(3),
            draw.Percent(10) ? null : settings.BaseTime.AddHours(-draw.Between(1, 1_000)));
    }
}
