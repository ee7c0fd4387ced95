using System.Text.Json;

namespace Pipeline.Node.Http.Api;

/// <summary>Values of ours as documents write them.</summary>
internal static class ApiCodes
{
    public static string Of<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}
