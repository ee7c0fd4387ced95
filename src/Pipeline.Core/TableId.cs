using System.Text.Json;
using System.Text.Json.Serialization;

namespace Pipeline.Core;

/// <summary>Bronze holds records as received, Silver cleaned, Gold modelled.</summary>
public enum Layer
{
    Bronze,
    Silver,
    Gold,
}

/// <summary>
/// A table of the lake. Its text form is its directory below the lake's root: <c>bronze/crm/customer_orders</c>,
/// <c>silver/users</c>, <c>gold/dim_date</c>.
/// </summary>
[JsonConverter(typeof(TableIdConverter))]
public sealed record TableId
{
    public const string DeadLetterName = "_dead_letter";
    public const string QuarantineSuffix = "__quarantine";

    /// <summary>Of the table with a Silver table's deletes that won.</summary>
    public const string DeletedSuffix = "__deleted";

    /// <summary>Of what is built beside a table that is made anew.</summary>
    public const string RebuildSuffix = "__rebuild";

    private TableId(Layer layer, string? source, string name)
    {
        Layer = layer;
        Source = source;
        Name = name;
    }

    /// <summary>The order of the text forms.</summary>
    public static IComparer<TableId> ByName { get; } = Comparer<TableId>.Create((a, b) => string.CompareOrdinal(a.ToString(), b.ToString()));

    public Layer Layer { get; }

    /// <summary>The source a Bronze table comes from; null in the other layers.</summary>
    public string? Source { get; }

    public string Name { get; }

    public static TableId Bronze(string source, string name) => new(Layer.Bronze, source, name);

    /// <summary>Where records of <paramref name="source"/> go that cannot be decoded.</summary>
    public static TableId DeadLetter(string source) => new(Layer.Bronze, source, DeadLetterName);

    public static TableId Silver(string name) => new(Layer.Silver, null, name);

    /// <summary>Where rows of a Silver table go that break one of its rules.</summary>
    public static TableId Quarantine(string silverName) => new(Layer.Silver, null, silverName + QuarantineSuffix);

    public static TableId Gold(string name) => new(Layer.Gold, null, name);

    /// <summary>
    /// Whether it is built to take another's place, or stands beside such a one: nobody fills it, nobody waits for it, and it goes when it
    /// has taken that place.
    /// </summary>
    public bool IsBeingBuilt => Layer == Layer.Silver && (Name.EndsWith(RebuildSuffix, StringComparison.Ordinal) || Name.EndsWith(RebuildSuffix + QuarantineSuffix, StringComparison.Ordinal) || Name.EndsWith(RebuildSuffix + DeletedSuffix, StringComparison.Ordinal));

    /// <exception cref="FormatException"><paramref name="text"/> names no table of a lake.</exception>
    public static TableId Parse(string text) =>
        text.Split('/') switch
        {
            ["bronze", var source, var name] => Bronze(source, name),
            ["silver", var name] => Silver(name),
            ["gold", var name] => Gold(name),
            _ => throw new FormatException(
                $"'{text}' is not a table. Write bronze/SOURCE/TABLE, silver/TABLE or gold/TABLE."),
        };

    public override string ToString() =>
        Layer == Layer.Bronze ? $"bronze/{Source}/{Name}" : $"{LayerName}/{Name}";

    /// <summary><c>bronze</c>, <c>silver</c> or <c>gold</c>.</summary>
    public string LayerName => Layer switch { Layer.Bronze => "bronze", Layer.Silver => "silver", _ => "gold" };
}

/// <summary>Its text form.</summary>
internal sealed class TableIdConverter : JsonConverter<TableId>
{
    public override TableId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => TableId.Parse(reader.GetString()!);

    public override void Write(Utf8JsonWriter writer, TableId value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}
