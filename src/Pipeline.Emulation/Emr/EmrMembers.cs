using System.Text.Json;

namespace Pipeline.Emulation.Emr;

/// <summary>A request's members, read as the service's model says.</summary>
internal static class EmrMembers
{
    private const int TextMax = 10_280;

    /// <exception cref="EmrError">It is not there, or breaks the model.</exception>
    public static string Required(this JsonElement from, string member, string path, int max = TextMax) =>
        from.Optional(member, path, max) ?? throw EmrError.Member(null, path, "Member must not be null");

    public static string? Optional(this JsonElement from, string member, string path, int max = TextMax)
    {
        if (!from.TryGetProperty(member, out var value) || value.ValueKind == JsonValueKind.Null) return null;
        if (value.ValueKind != JsonValueKind.String) throw Serialization($"{path} is no string");
        return Text(value.GetString()!, path, max);
    }

    public static string? OneOf(this JsonElement from, string member, string path, IReadOnlyCollection<string> values)
    {
        var value = from.Optional(member, path);
        return value is null || values.Contains(value) ? value : throw EmrError.Member(value, path, $"Member must satisfy enum value set: [{string.Join(", ", values)}]");
    }

    /// <summary>Null: the member is not there.</summary>
    public static IReadOnlyList<JsonElement>? List(this JsonElement from, string member, string path)
    {
        if (!from.TryGetProperty(member, out var value) || value.ValueKind == JsonValueKind.Null) return null;
        return value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : throw Serialization($"{path} is no list");
    }

    public static IReadOnlyList<string>? Texts(this JsonElement from, string member, string path, int max = TextMax) =>
        from.List(member, path)?.Select(value => value.ValueKind == JsonValueKind.String ? Text(value.GetString()!, path, max) : throw Serialization($"{path} holds something that is no string")).ToList();

    public static int? Number(this JsonElement from, string member, string path) =>
        !from.TryGetProperty(member, out var value) || value.ValueKind == JsonValueKind.Null ? null : value.TryGetInt32(out var number) ? number : throw Serialization($"{path} is no number");

    /// <summary>Seconds since 1970.</summary>
    public static DateTimeOffset? Moment(this JsonElement from, string member, string path) =>
        !from.TryGetProperty(member, out var value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var seconds) ? DateTimeOffset.UnixEpoch.AddSeconds(seconds) : throw Serialization($"{path} is no moment");

    public static bool? Flag(this JsonElement from, string member, string path) =>
        !from.TryGetProperty(member, out var value) || value.ValueKind == JsonValueKind.Null ? null : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Serialization($"{path} is no boolean");

    public static JsonElement? Structure(this JsonElement from, string member, string path) =>
        !from.TryGetProperty(member, out var value) || value.ValueKind == JsonValueKind.Null ? null : value.ValueKind == JsonValueKind.Object ? value : throw Serialization($"{path} is no structure");

    public static EmrError Serialization(string message) => new(400, "SerializationException", message);

    private static string Text(string value, string path, int max)
    {
        if (value.Length > max) throw EmrError.Member(value, path, $"Member must have length less than or equal to {max}");
        if (value.Any(c => c < ' ' && c is not ('\r' or '\n' or '\t'))) throw EmrError.Member(value, path, "Member must satisfy regular expression pattern: [\\u0020-\\uD7FF\\uE000-\\uFFFD\\uD800\\uDC00-\\uDBFF\\uDFFF\\r\\n\\t]*");
        return value;
    }
}
