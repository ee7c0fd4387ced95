using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Pipeline.Node.Cli;

namespace Pipeline.Node.Http;

/// <summary>A report as an answer: 200 when all is well, else 503.</summary>
internal static class HealthJson
{
    /// <param name="what">What is asked for: <c>live</c>, <c>ready</c>.</param>
    /// <param name="tellsWhy">Whether reasons are told, which name tables and sources.</param>
    public static async Task WriteAsync(HttpContext http, string what, HealthReport report, bool tellsWhy)
    {
        var json = new JsonObject
        {
            ["status"] = report.IsWell ? what : $"not {what}",
            ["checks"] = new JsonArray([.. report.Checks.Select(check => Of(check, tellsWhy))]),
        };
        http.Response.StatusCode = report.IsWell ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        http.Response.ContentType = "application/json";
        http.Response.Headers.CacheControl = "no-store";
        await http.Response.WriteAsync(json.ToJsonString(Listing.Json) + "\n", http.RequestAborted);
    }

    private static JsonNode Of(HealthCheck check, bool tellsWhy) => new JsonObject
    {
        ["check"] = check.Name,
        ["ok"] = check.IsWell,
        ["reasons"] = new JsonArray([.. check.Reasons.Where(_ => tellsWhy).Select(Of)]),
    };

    private static JsonNode Of(HealthReason reason) => new JsonObject
    {
        ["thing"] = reason.Fault.Thing,
        ["cause"] = reason.Fault.Cause,
        ["next_step"] = reason.Fault.NextStep,
        ["for_seconds"] = reason.Lasts is { } lasts ? Math.Round(lasts.TotalSeconds, 1) : null,
    };
}
