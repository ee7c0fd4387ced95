using Microsoft.AspNetCore.Http;
using Pipeline.Core;
using Pipeline.Node.Http.Access;

namespace Pipeline.Node.Http.Api;

/// <summary>Browsers that show a token once and a cookie from then on.</summary>
internal static class SessionEndpoints
{
    public const string Path = "/v1/session";

    private static readonly ApiParameter Code = new("code", "string", "The word of a link that was shown at the node's terminal; good once.");

    public static IReadOnlyList<ApiEndpoint> All { get; } =
    [
        new(HttpMethods.Get, Path, ApiAccess.Code, "Begins a browser's session by a link from the node's terminal.", OpenLinkAsync) { Parameters = [Code], MediaType = "text/html" },
        new(HttpMethods.Post, Path, ApiAccess.Viewer, "Begins a browser's session by the token that it shows.", BeginAsync),
        new(HttpMethods.Delete, Path, ApiAccess.Viewer, "Ends the browser's session.", EndAsync),
    ];

    private static Task OpenLinkAsync(ApiCall call)
    {
        if (call.Text(Code) is not { } code || call.Node.Sessions.TakeOffer(code) is not { } offered)
            return new ApiProblem(StatusCodes.Status401Unauthorized, "unauthenticated", "This link", "it is good no more, or never was", "Start a session with a token: POST /v1/session.").WriteAsync(call.Http);
        SetCookie(call, call.Node.Sessions.Begin(offered.TokenId, offered.Name));
        call.Http.Response.StatusCode = StatusCodes.Status303SeeOther;
        call.Http.Response.Headers.Location = "/v1/status";
        call.Http.Response.Headers.CacheControl = "no-store";
        // The word stands in the address.
        call.Http.Response.Headers["Referrer-Policy"] = "no-referrer";
        return Task.CompletedTask;
    }

    private static Task BeginAsync(ApiCall call)
    {
        if (call.Caller is not { Proof: CallerProof.Token, TokenId: { } token, Name: var name })
            throw new PipelineException(FaultKind.Invalid, "This request", "a session begins with a token", "Send Authorization: Bearer TOKEN.");
        SetCookie(call, call.Node.Sessions.Begin(token, name));
        call.Http.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    private static Task EndAsync(ApiCall call)
    {
        if (call.Http.Request.Cookies.TryGetValue(AccessGate.Cookie, out var word)) call.Node.Sessions.End(word);
        call.Http.Response.Cookies.Delete(AccessGate.Cookie, Cookie(call));
        call.Http.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    private static void SetCookie(ApiCall call, string word)
    {
        var cookie = Cookie(call);
        cookie.MaxAge = call.Node.Options.Http.Access.SessionLifetime;
        call.Http.Response.Cookies.Append(AccessGate.Cookie, word, cookie);
    }

    private static CookieOptions Cookie(ApiCall call) => new() { HttpOnly = true, SameSite = SameSiteMode.Strict, Secure = call.Http.Request.IsHttps, Path = "/" };
}
