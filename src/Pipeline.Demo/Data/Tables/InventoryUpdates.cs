using System.Globalization;
using System.Text;

namespace Pipeline.Demo.Data.Tables;

/// <summary><c>events.inventory_updates</c>: movements of stock. Dirt: sent twice, unknown products, cut off, late.</summary>
internal sealed class InventoryUpdates(GeneratorSettings settings, Products products) : ITopicFeed
{
    private static readonly string[] Reasons = ["sale", "sale", "sale", "restock", "correction"];
    private static readonly Fate Late = Fate.Warned("on_time");
    private static readonly Fate ProductUnknown = Fate.Quarantined("product_exists");
    private static readonly Fate MalformedJson = Fate.Quarantined("malformed_json");

    private readonly Cohort _cohort = new(settings.Scale.InventoryUpdates, steps: 0, settings.Scale.Gap);

    public string Name => "inventory_updates";

    public int Partitions => 2;

    public long LastKey(int tick) => _cohort.LastKey(tick);

    public IEnumerable<Planted<KafkaRecord>> Records(int tick)
    {
        var json = new JsonRecord();
        foreach (var (key, _) in _cohort.At(tick))
        {
            var record = Record(json, key);
            if (IsCutOff(key)) yield return new(record with { Value = JsonRecord.CutOff(record.Value) }, MalformedJson);
            else if (IsProductUnknown(key)) yield return new(record, ProductUnknown);
            else yield return new(record, IsLate(key) ? Late : Fate.New);
            if (IsSentTwice(key)) yield return new(record, Fate.Again);
        }
    }

    /// <summary>Whether the movement reaches Silver.</summary>
    public static bool IsClean(long key) => !IsCutOff(key) && !IsProductUnknown(key);

    /// <summary>What moved, for a movement that reaches Silver.</summary>
    public (int Warehouse, long Product, int Change) FactsOf(long key)
    {
        var draw = new Draw(settings.Seed, Subject.InventoryUpdate, key);
        return (draw.Between(1, Inventory.Warehouses), products.DrawClean(ref draw), draw.Between(-20, 20));
    }

    private static bool IsCutOff(long key) => key % 307 == 11;

    private static bool IsProductUnknown(long key) => key % 211 == 7 && !IsCutOff(key);

    private static bool IsLate(long key) => key % 149 == 17 && IsClean(key);

    private static bool IsSentTwice(long key) => key % 97 == 3 && IsClean(key) && !IsLate(key);

    private KafkaRecord Record(JsonRecord json, long key)
    {
        var (warehouse, product, change) = FactsOf(key);
        var draw = new Draw(settings.Seed, Subject.InventoryUpdate, key, version: 1);
        var received = settings.TimeOf(_cohort.BirthOf(key)).AddMilliseconds(key % 1000);
        var at = IsLate(key) ? received.AddHours(-draw.Between(48, 120)) : received;
        var reason = draw.Of(Reasons);
        var value = json.Write((Key: key, Warehouse: warehouse, Product: IsProductUnknown(key) ? GeneratorSettings.Nowhere + key : product, Change: change, Reason: reason, At: at),
            static (json, e) =>
            {
                json.WriteString("update_id", $"iu-{e.Key:x12}");
                json.WriteNumber("warehouse_id", e.Warehouse);
                json.WriteNumber("product_id", e.Product);
                json.WriteNumber("quantity_change", e.Change);
                json.WriteString("reason", e.Reason);
                json.WriteString("timestamp", JsonRecord.Time(e.At));
            });
        return new KafkaRecord((int)(product % Partitions), Encoding.ASCII.GetBytes(product.ToString(CultureInfo.InvariantCulture)), value, received);
    }
}
