using System.Text;
using System.Text.Json;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>
/// What Debezium writes for a value that the change left alone and the log does not carry (PostgreSQL's long values): one text, in the form
/// that the column's type has. It is the default of the connector's <c>unavailable.value.placeholder</c>.
/// </summary>
internal static class UnavailableValue
{
    private static readonly byte[] Text = "__debezium_unavailable_value"u8.ToArray();

    /// <summary>In a column of bytes, without what fills it up.</summary>
    private static readonly byte[] Base64 = "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ"u8.ToArray();

    private static readonly byte[] Base64Filled = [.. Base64, .. "=="u8];

    /// <summary>In a column of bytes with <c>binary.handling.mode = hex</c>.</summary>
    private static readonly byte[] Hex = Encoding.ASCII.GetBytes(Convert.ToHexStringLower(Text));

    /// <summary>In an array of UUIDs: Java's <c>UUID.nameUUIDFromBytes</c> of the text.</summary>
    private static readonly byte[] Uuid = "b68a35a7-17ad-35b3-af2a-ae46edb4545a"u8.ToArray();

    /// <summary>In a column that is a map written as a text.</summary>
    private static readonly byte[] MapText = Encoding.ASCII.GetBytes($$"""{"{{Encoding.ASCII.GetString(Text)}}":"{{Encoding.ASCII.GetString(Text)}}"}""");

    /// <summary>How an array of numbers begins that holds the text's bytes.</summary>
    private static readonly byte[] FirstNumber = Encoding.ASCII.GetBytes($"{Text[0]}");

    /// <summary>False: no member of the row is one. True: look at each.</summary>
    public static bool MayBeIn(ReadOnlySpan<byte> row) =>
        row.IndexOf(Text) >= 0 || row.IndexOf(Base64) >= 0 || row.IndexOf(Hex) >= 0 || row.IndexOf(Uuid) >= 0 || HasArrayOfItsNumbers(row);

    /// <summary>As a text, as bytes, as the one item of an array or of a map, and as an array of its bytes' numbers.</summary>
    /// <param name="value">JSON.</param>
    public static bool Is(ReadOnlySpan<byte> value)
    {
        var reader = new Utf8JsonReader(value, ConnectJson.Deep);
        reader.Read();
        switch (reader.TokenType)
        {
            case JsonTokenType.String:
                return IsText(ref reader);
            case JsonTokenType.StartArray:
                reader.Read();
                return reader.TokenType == JsonTokenType.Number ? AreItsNumbers(ref reader) : IsText(ref reader) && reader.Read() && reader.TokenType == JsonTokenType.EndArray;
            case JsonTokenType.StartObject:
                return reader.Read() && IsText(ref reader) && reader.Read() && IsText(ref reader) && reader.Read() && reader.TokenType == JsonTokenType.EndObject;
            default:
                return false;
        }
    }

    private static bool IsText(ref Utf8JsonReader reader) => reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName
        && (reader.ValueTextEquals(Text) || reader.ValueTextEquals(Base64Filled) || reader.ValueTextEquals(Base64) || reader.ValueTextEquals(Hex) || reader.ValueTextEquals(Uuid) || reader.ValueTextEquals(MapText));

    private static bool AreItsNumbers(ref Utf8JsonReader reader)
    {
        foreach (var one in Text)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetDouble(out var number) || number != one) return false;
            reader.Read();
        }

        return reader.TokenType == JsonTokenType.EndArray;
    }

    private static bool HasArrayOfItsNumbers(ReadOnlySpan<byte> row)
    {
        for (var next = row.IndexOf((byte)'['); next >= 0; next = row.IndexOf((byte)'['))
        {
            row = row[(next + 1)..].TrimStart(" \t\r\n"u8);
            if (row.StartsWith(FirstNumber)) return true;
        }

        return false;
    }
}
