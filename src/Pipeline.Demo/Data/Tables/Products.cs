using static Pipeline.Demo.Data.Vocabulary;

namespace Pipeline.Demo.Data.Tables;

/// <summary><c>crm.product_catalog</c>. Dirt: missing names, prices of zero, rows entered twice.</summary>
internal sealed class Products(GeneratorSettings settings) : IDatabaseFeed<Product>
{
    private static readonly Fate NameMissing = Fate.Quarantined("required:product_name");
    private static readonly Fate PriceZero = Fate.Quarantined("price_positive");

    private readonly Cohort _cohort = new(settings.Scale.Products, steps: 0, settings.Scale.Gap);

    public string Name => "product_catalog";

    public IReadOnlyList<string> Key => ["PRODUCT_ID"];

    public long InitialCount => _cohort.Initial;

    public IReadOnlyList<Column<Product>> Columns { get; } =
    [
        new("PRODUCT_ID", ColumnKind.Long, p => p.ProductId),
        new("SKU", ColumnKind.Text, p => p.Sku),
        new("PRODUCT_NAME", ColumnKind.Text, p => p.ProductName),
        new("CATEGORY", ColumnKind.Text, p => p.Category),
        new("BRAND", ColumnKind.Text, p => p.Brand),
        new("LIST_PRICE", ColumnKind.Decimal, p => p.ListPrice),
        new("CURRENCY", ColumnKind.Text, p => p.Currency),
        new("IS_ACTIVE", ColumnKind.Boolean, p => p.IsActive),
        new("WEIGHT_KG", ColumnKind.Double, p => p.WeightKg),
        new("LAUNCHED_ON", ColumnKind.Date, p => p.LaunchedOn),
        new("ATTRIBUTES", ColumnKind.Json, p => p.Attributes),
    ];

    public IEnumerable<Planted<Product>> Rows(int tick)
    {
        foreach (var (key, version) in _cohort.At(tick))
        {
            var planted = new Planted<Product>(Row(key, version), FateOf(key, version));
            yield return planted;
            if (IsTwice(key) && version == 0) yield return planted with { Fate = Fate.Again };
        }
    }

    /// <summary>Whether the product reaches Silver: what others may refer to.</summary>
    public static bool IsClean(long key) => !IsNameMissing(key) && !IsPriceZero(key);

    /// <summary>A clean product of the initial load.</summary>
    public long DrawClean(ref Draw draw)
    {
        var key = draw.Below(_cohort.Initial) + 1;
        while (!IsClean(key)) key = (key % _cohort.Initial) + 1;
        return key;
    }

    public string CategoryOf(long key) => new Draw(settings.Seed, Subject.ProductCategory, key).Of(Categories);

    public int PriceCents(long key) => new Draw(settings.Seed, Subject.ProductPrice, key).Between(199, 49_999);

    private static bool IsNameMissing(long key) => key % 131 == 3;

    private static bool IsPriceZero(long key) => key % 173 == 5;

    private static bool IsTwice(long key) => key % 167 == 9;

    private static Fate FateOf(long key, int version) =>
        IsNameMissing(key) ? NameMissing : IsPriceZero(key) ? PriceZero : Fate.Accepted(version);

    private Product Row(long key, int version)
    {
        var draw = new Draw(settings.Seed, Subject.Product, key);
        var colour = draw.Of(Colours);
        var name = $"{draw.Of(Brands)} {draw.Of(Things)} {key}";
        // Each version raises the price by ten per cent of the first one.
        var price = IsPriceZero(key) ? 0m : new decimal(PriceCents(key) * (10 + (version % 20)) / 10) / 100;
        return new Product(
            key,
            $"SKU-{key:D8}",
            IsNameMissing(key) ? null : name,
            CategoryOf(key),
            draw.Percent(10) ? null : draw.Of(Brands),
            price,
            "EUR",
            draw.Percent(95),
            draw.Percent(20) ? null : draw.Between(1, 40_000) / 1000d,
            draw.Percent(15) ? null : settings.BaseDay.AddDays(-draw.Between(30, 2_000)),
            $$"""{"colour":"{{colour}}","tags":["{{CategoryOf(key)}}"],"warranty_months":{{draw.Between(0, 36)}}}""");
    }
}
