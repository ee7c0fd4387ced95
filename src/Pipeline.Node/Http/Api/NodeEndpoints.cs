using Microsoft.AspNetCore.Http;
using Pipeline.Node.Http.Access;
using Pipeline.Node.Http.Api.Documents;

namespace Pipeline.Node.Http.Api;

/// <summary>How the node is, and what it is to who asks.</summary>
internal static class NodeEndpoints
{
    private const string Json = "application/json";

    public static IReadOnlyList<ApiEndpoint> All { get; } =
    [
        new(HttpMethods.Get, "/healthz/live", ApiAccess.Open, "Whether the process makes progress.", async call => await HealthJson.WriteAsync(call.Http, "live", await call.Node.Health.LiveAsync(call.Ended), call.Node.Gate.MayNameTables(call.Caller))) { MediaType = Json },
        new(HttpMethods.Get, "/healthz/ready", ApiAccess.Open, "Whether the node does its work.", async call => await HealthJson.WriteAsync(call.Http, "ready", await call.Node.Health.ReadyAsync(call.Ended), call.Node.Gate.MayNameTables(call.Caller))) { MediaType = Json },
        new(HttpMethods.Get, "/metrics", ApiAccess.Open, "What the node has measured, as Prometheus reads it.", call => MetricsText.WriteAsync(call.Http, call.Node.Measured(), call.Node.Options.Name, call.Node.Gate.MayNameTables(call.Caller))) { MediaType = "text/plain" },
        new(HttpMethods.Get, "/v1/openapi.json", ApiAccess.Viewer, "This description.", OpenApiAsync) { MediaType = Json },
        ApiEndpoint.Get("/v1/whoami", ApiAccess.Viewer, "Who asks, as the node sees it, and what he may.", WhoAsync),
        ApiEndpoint.Get("/v1/log-level", ApiAccess.Viewer, "How much the node's log tells, of what, until when, and what it is otherwise.", LogLevelAsync),
    ];

    private static Task<LogLevelDocument> LogLevelAsync(ApiCall call) => Task.FromResult(new LogLevelDocument(ApiJson.SchemaVersion, call.Node.Node, [.. call.Node.Log.Now.Select(LogLevelItem.Of)]));

    private static Task<WhoDocument> WhoAsync(ApiCall call) =>
        Task.FromResult(new WhoDocument(ApiJson.SchemaVersion, call.Node.Options.Name, call.Caller!.Name, ApiCodes.Of(call.Caller.Role!.Value), ApiCodes.Of(call.Caller.Proof)));

    private static Task OpenApiAsync(ApiCall call)
    {
        call.Http.Response.ContentType = Json;
        return call.Http.Response.WriteAsync(OpenApiDocument.Text, call.Ended);
    }
}

/// <param name="Role">The greatest that he has.</param>
/// <param name="Proof">How he has shown it: <c>socket</c>, <c>token</c>, <c>session</c>.</param>
internal sealed record WhoDocument(int SchemaVersion, string Pipeline, string Name, string Role, string Proof);
