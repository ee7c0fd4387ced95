using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Pipeline.Core;
using Pipeline.Node.Http.Access;

namespace Pipeline.Node.Http.Api;

/// <summary>What went wrong, as RFC 9457 has it, with the same thing, cause and next step as everywhere.</summary>
internal sealed record ApiProblem(int Status, string Code, string Thing, string Cause, string NextStep)
{
    public const string MediaType = "application/problem+json";

    public int SchemaVersion => ApiJson.SchemaVersion;

    public string Type => $"urn:pipeline:problem:{Code}";

    public string Title => Thing;

    public string Detail => $"{Thing}: {Cause}. {NextStep}";

    public static ApiProblem Of(Exception error)
    {
        var fault = Fault.Of("This request", error);
        return new ApiProblem(StatusOf(fault.Kind), ApiCodes.Of(fault.Kind), fault.Thing, fault.Cause, fault.NextStep);
    }

    public static ApiProblem Of(AccessRefusal refusal) => new(refusal.Status, refusal.Code, "This request", refusal.Cause, refusal.NextStep);

    public async Task WriteAsync(HttpContext http)
    {
        http.Response.StatusCode = Status;
        http.Response.ContentType = MediaType;
        http.Response.Headers.CacheControl = "no-store";
        if (Status == StatusCodes.Status401Unauthorized) http.Response.Headers.WWWAuthenticate = "Bearer realm=\"pipeline\"";
        if (Status == StatusCodes.Status429TooManyRequests) http.Response.Headers.RetryAfter = "1";
        await http.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(this, ApiJson.Options), http.RequestAborted);
    }

    private static int StatusOf(FaultKind kind) => kind switch
    {
        FaultKind.Missing => StatusCodes.Status404NotFound,
        FaultKind.Invalid => StatusCodes.Status400BadRequest,
        FaultKind.Gap => StatusCodes.Status409Conflict,
        FaultKind.Unreachable or FaultKind.StorageFull => StatusCodes.Status503ServiceUnavailable,
        // The node's own rights at another system, and not those of who asks.
        FaultKind.NotAuthorised => StatusCodes.Status502BadGateway,
        _ => StatusCodes.Status500InternalServerError,
    };
}
