using System.Text.Json;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>JSON as Kafka Connect writes it: with its schema beside it (<c>{"schema":…,"payload":…}</c>) or without.</summary>
internal static class ConnectJson
{
    /// <summary>Nothing is kept a level: what bounds a record is its size.</summary>
    public static readonly JsonReaderOptions Deep = new() { MaxDepth = int.MaxValue };

    /// <summary>The payload, or the text itself where it has no schema beside it.</summary>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static ReadOnlySpan<byte> Payload(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, Deep);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            while (reader.Read()) { }
            return json;
        }

        var (schema, payload, others) = (default(JsonMember), default(JsonMember), 0);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isSchema = reader.ValueTextEquals("schema"u8);
            var isPayload = reader.ValueTextEquals("payload"u8);
            reader.Read();
            var member = JsonMember.Take(ref reader);
            if (isSchema) schema = member;
            else if (isPayload) payload = member;
            else others++;
        }

        while (reader.Read()) { }
        var isWrapped = others == 0 && payload.Kind != JsonTokenType.None && schema.Kind is JsonTokenType.StartObject or JsonTokenType.Null;
        return isWrapped ? payload.In(json) : json;
    }
}
