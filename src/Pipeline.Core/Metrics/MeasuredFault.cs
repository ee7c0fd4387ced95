using System.Text.Json;

namespace Pipeline.Core.Metrics;

/// <summary>What the tag <c>kind</c> calls a fault's kind: <c>not_authorised</c>.</summary>
public static class MeasuredFault
{
    private static readonly string[] Names = [.. Enum.GetNames<FaultKind>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName)];

    public static string NameOf(FaultKind kind) => Names[(int)kind];
}
