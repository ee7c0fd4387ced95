using System.Text.Json;

namespace Pipeline.Operations.Control;

/// <summary>Values of enumerations as they stand in the lake, in documents and on the command line: <c>accept-gap</c>.</summary>
public static class ControlWords
{
    public static string Of<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());

    /// <summary>Null: it is none of them.</summary>
    public static T? TryRead<T>(string? text)
        where T : struct, Enum
    {
        foreach (var value in Enum.GetValues<T>())
            if (Of(value) == text) return value;
        return null;
    }
}
