using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Pipeline.Operations.Control;

/// <summary>
/// A plan, which is its own id: any node can apply it, also one that was not there when it was made, and none has to keep it. Whoever makes
/// one up asks for nothing that he could not have planned.
/// </summary>
/// <param name="Id">Of the wish or order that it becomes.</param>
/// <param name="Standing">The last word, or order, about the same when it was made; null: there was none, or the lake was away.</param>
/// <param name="Aim">Of an order.</param>
public sealed record ControlPlan(string Id, ControlCommand Command, string? Standing, OrderAim? Aim)
{
    /// <summary>The lake was away: nobody knows what it was made over.</summary>
    public bool IsBlind { get; init; }

    /// <summary>Above any plan of this program.</summary>
    private const int TextMax = 64 << 10;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false) },
    };

    /// <summary>What an id is a plan of; null: of nothing.</summary>
    public static ControlCommand? CommandOf(string planId) => TryRead(planId)?.Command;

    internal string Write() => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(this, Json));

    internal static ControlPlan? TryRead(string text)
    {
        if (text.Length is 0 or > TextMax) return null;
        try
        {
            return JsonSerializer.Deserialize<ControlPlan>(Base64Url.DecodeFromChars(text), Json) is { Id: { Length: 32 } id, Command: { Target.Name: { } } command } plan && plan.Aim is null or { IsWhole: true }
                && id.All(char.IsAsciiHexDigitLower) && ControlTarget.Parse(command.Target.Name) == command.Target ? plan : null;
        }
        catch (Exception e) when (e is FormatException or JsonException or DecoderFallbackException)
        {
            return null;
        }
    }

    internal static string WriteAim(OrderAim aim) => JsonSerializer.Serialize(aim, Json);

    /// <summary>Null: it is none.</summary>
    internal static OrderAim? TryReadAim(string json)
    {
        try
        {
            return JsonSerializer.Deserialize<OrderAim>(json, Json) is { Identity: not null, IsWhole: true } aim ? aim : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
