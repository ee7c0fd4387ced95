using System.Globalization;
using System.Text.Json;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>Floating point in JSON: what it has no number for becomes <c>"NaN"</c>, <c>"Infinity"</c> or <c>"-Infinity"</c>.</summary>
internal static class JsonNumbers
{
    public static void Write(Utf8JsonWriter json, double value)
    {
        if (double.IsFinite(value)) json.WriteNumberValue(value);
        else json.WriteStringValue(value.ToString(CultureInfo.InvariantCulture));
    }

    public static void Write(Utf8JsonWriter json, float value)
    {
        if (float.IsFinite(value)) json.WriteNumberValue(value);
        else json.WriteStringValue(value.ToString(CultureInfo.InvariantCulture));
    }
}
