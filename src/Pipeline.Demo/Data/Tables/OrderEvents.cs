using System.Globalization;
using System.Text;

namespace Pipeline.Demo.Data.Tables;

/// <summary>
/// <c>events.order_events</c>: the lines of each clean order, and their changes. Dirt: lines sent twice, quantities of
/// zero, unknown orders and products, records cut off.
/// </summary>
internal sealed class OrderEvents(GeneratorSettings settings, Orders orders) : ITopicFeed
{
    private const int DirtLine = 90;
    private static readonly Fate QuantityZero = Fate.Quarantined("quantity_positive");
    private static readonly Fate OrderUnknown = Fate.Quarantined("order_exists");
    private static readonly Fate ProductUnknown = Fate.Quarantined("product_exists");
    private static readonly Fate OrderAndProductUnknown = Fate.Quarantined("order_exists", "product_exists");
    private static readonly Fate MalformedJson = Fate.Quarantined("malformed_json");

    public string Name => "order_events";

    public int Partitions => 2;

    public IEnumerable<Planted<KafkaRecord>> Records(int tick)
    {
        var json = new JsonRecord();
        foreach (var (order, version) in orders.Cohort.At(tick))
        {
            if (version > 0 || !Orders.IsClean(order)) continue;
            foreach (var line in orders.LinesOf(order))
            {
                var added = Record(json, order, order, line, "line_added", line.AddedQuantity);
                yield return new(added, Fate.New);
                if (order % 101 == 3) yield return new(added, Fate.Again);
                if (line.ChangedQuantity is { } quantity) yield return new(Record(json, order, order, line, "line_changed", quantity), Fate.Again);
            }

            foreach (var planted in Dirt(json, order)) yield return planted;
        }
    }

    private IEnumerable<Planted<KafkaRecord>> Dirt(JsonRecord json, long order)
    {
        var line = orders.LinesOf(order).First();
        var nowhere = GeneratorSettings.Nowhere + order;
        if (order % 107 == 5)
            yield return new(Record(json, order, order, line with { Number = DirtLine }, "line_added", quantity: 0), QuantityZero);
        if (order % 113 == 5)
            yield return new(Record(json, order, order, line with { Number = DirtLine + 1, ProductId = nowhere }, "line_added", 1), ProductUnknown);
        if (order % 127 == 7)
            yield return new(Record(json, order, nowhere, line with { Number = DirtLine + 2 }, "line_added", 1), OrderUnknown);
        if (order % 137 == 9)
            yield return new(Record(json, order, nowhere, line with { Number = DirtLine + 3, ProductId = nowhere }, "line_added", 1), OrderAndProductUnknown);
        if (order % 151 == 11)
        {
            var record = Record(json, order, order, line with { Number = DirtLine + 4 }, "line_added", 1);
            yield return new(record with { Value = JsonRecord.CutOff(record.Value) }, MalformedJson);
        }
    }

    /// <param name="order">Decides partition and time.</param>
    /// <param name="shownOrder">The order that the record names.</param>
    private KafkaRecord Record(JsonRecord json, long order, long shownOrder, OrderLine line, string type, int quantity)
    {
        var at = orders.PlacedAt(order);
        var value = json.Write((Order: shownOrder, Line: line, Type: type, Quantity: quantity, At: at), static (json, e) =>
        {
            json.WriteString("event_id", $"oe-{e.Order:x}-{e.Line.Number}-{e.Type}");
            json.WriteString("event_type", e.Type);
            json.WriteNumber("order_id", e.Order);
            json.WriteStartObject("line");
            json.WriteNumber("number", e.Line.Number);
            json.WriteNumber("product_id", e.Line.ProductId);
            json.WriteNumber("quantity", e.Quantity);
            json.WriteNumber("unit_price", e.Line.UnitPrice);
            json.WriteNumber("discount", e.Line.Discount);
            json.WriteEndObject();
            json.WriteString("currency", "EUR");
            json.WriteString("timestamp", JsonRecord.Time(e.At));
        });
        return new KafkaRecord((int)(order % Partitions), Encoding.ASCII.GetBytes(order.ToString(CultureInfo.InvariantCulture)), value,
            at < settings.BaseTime ? settings.BaseTime : at);
    }
}
