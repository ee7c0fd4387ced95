using System.Data.SqlTypes;
using System.Globalization;
using System.Text.Json.Nodes;
using Pipeline.Operations.Inspection;

namespace Pipeline.Node.Cli;

/// <summary>Values of a table's rows as a listing prints them: numbers and booleans as they are, everything else as text.</summary>
internal static class CellText
{
    public static object? Of(object? value) => value switch
    {
        null or bool or long or double or SqlDecimal => value,
        object?[] or KeyValuePair<object, object?>[] => new Cell(Text(value), Node(value)),
        _ => Text(value),
    };

    /// <summary>ISO 8601 in UTC to the microsecond; years that .NET does not know are told as microseconds.</summary>
    public static string Of(LakeTimestamp time) => time.Microseconds is >= -62_135_596_800_000_000 and <= 253_402_300_799_999_999
        ? DateTime.UnixEpoch.AddMicroseconds(time.Microseconds).ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"{time.Microseconds} microseconds after 1970");

    /// <summary>Keys of maps may be of any type, and are text here.</summary>
    private static JsonNode? Node(object? value) => value switch
    {
        object?[] items => new JsonArray([.. items.Select(Node)]),
        KeyValuePair<object, object?>[] pairs => new JsonObject(pairs.Select(pair => KeyValuePair.Create(Text(pair.Key), Node(pair.Value)))),
        _ => Listing.ToJson(Of(value)),
    };

    private static string Text(object? value) => value switch
    {
        null => "NULL",
        string text => text,
        bool flag => flag ? "true" : "false",
        SqlDecimal number => number.ToString(),
        byte[] bytes => Convert.ToBase64String(bytes),
        DateOnly date => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        LakeTimestamp time => Of(time),
        object?[] items => $"[{string.Join(", ", items.Select(Text))}]",
        KeyValuePair<object, object?>[] pairs => $"{{{string.Join(", ", pairs.Select(pair => $"'{Text(pair.Key)}': {Text(pair.Value)}"))}}}",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => throw new ArgumentException($"A {value.GetType().Name} is no value of a table.", nameof(value)),
    };
}
