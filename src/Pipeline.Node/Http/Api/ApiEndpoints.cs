namespace Pipeline.Node.Http.Api;

/// <summary>Everything that can be asked of a node. Nothing is answered that is not in this list.</summary>
internal static class ApiEndpoints
{
    public static IReadOnlyList<ApiEndpoint> All { get; } = [.. NodeEndpoints.All, .. SessionEndpoints.All, .. LakeEndpoints.All, .. EventEndpoints.All, .. ControlEndpoints.All];
}
