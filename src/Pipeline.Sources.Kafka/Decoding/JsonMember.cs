using System.Text.Json;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>Where the value of a member of a JSON text is.</summary>
/// <param name="Kind"><see cref="JsonTokenType.None"/>: the text has no such member.</param>
internal readonly record struct JsonMember(int From, int To, JsonTokenType Kind)
{
    /// <summary>It is there and not null.</summary>
    public bool HasValue => Kind is not (JsonTokenType.None or JsonTokenType.Null);

    public bool IsObject => Kind == JsonTokenType.StartObject;

    public ReadOnlySpan<byte> In(ReadOnlySpan<byte> json) => json[From..To];

    /// <summary>The value that the reader stands at, which it passes.</summary>
    public static JsonMember Take(ref Utf8JsonReader reader)
    {
        var (from, kind) = ((int)reader.TokenStartIndex, reader.TokenType);
        reader.Skip();
        return new JsonMember(from, (int)reader.BytesConsumed, kind);
    }
}
