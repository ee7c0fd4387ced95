using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Pipeline.Node.Http.Api;

/// <summary>How documents are written: lists, numbers, seconds and codes; text made for people only in faults.</summary>
internal static class ApiJson
{
    /// <summary>Of every document; a property that is added leaves it, one that goes or changes its meaning does not.</summary>
    public const int SchemaVersion = 1;

    /// <summary>For what is written.</summary>
    public static JsonSerializerOptions Options { get; } = Create(JsonSerializerDefaults.General, new DefaultJsonTypeInfoResolver());

    /// <summary>The same without what goes by with time alone.</summary>
    public static JsonSerializerOptions Lasting { get; } = Create(JsonSerializerDefaults.General, new DefaultJsonTypeInfoResolver { Modifiers = { DropPassing } });

    /// <summary>For what is read: what nobody knows is told and not passed by.</summary>
    public static JsonSerializerOptions Reading { get; } = Create(JsonSerializerDefaults.Strict, new DefaultJsonTypeInfoResolver());

    private static JsonSerializerOptions Create(JsonSerializerDefaults defaults, IJsonTypeInfoResolver resolver)
    {
        var options = new JsonSerializerOptions(defaults)
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
            RespectNullableAnnotations = true,
            RespectRequiredConstructorParameters = true,
            TypeInfoResolver = resolver,
        };
        options.MakeReadOnly();
        return options;
    }

    private static void DropPassing(JsonTypeInfo type)
    {
        for (var i = type.Properties.Count - 1; i >= 0; i--)
            if (type.Properties[i].AttributeProvider?.IsDefined(typeof(PassingAttribute), inherit: true) == true) type.Properties.RemoveAt(i);
    }
}
