using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;
using Pipeline.Operations.Access;
using Pipeline.Operations.Options;

namespace Pipeline.Node.Http.Access;

/// <summary>Looks at each request before it is answered: what it shows, where it comes from, and how many there were before it.</summary>
internal sealed class AccessGate(HttpOptions options, bool isWeb, AccessTokens tokens, BrowserSessions sessions, TimeProvider time)
{
    public const string Cookie = "pipeline-session";

    private const string Bearer = "Bearer ";

    private readonly OwnHosts _hosts = new(options);
    private readonly RequestRate _rate = new(options.Access.RequestsPerSecond, time);

    /// <summary>Whether what stands in health and metrics of tables may be told to who shows nothing.</summary>
    public bool MayNameTables(Caller? caller) => options.IsLoopback || caller?.Role is not null;

    /// <summary>Who asks; null: nothing that is good is shown.</summary>
    /// <exception cref="Core.PipelineException">Tokens cannot be read.</exception>
    public Caller? CallerOf(HttpContext http)
    {
        if (http.Features.Get<LocalPeer>() is { } peer) return new Caller($"uid {peer.Uid}", AccessRole.Admin, CallerProof.Socket);
        // Whoever listens on the way would have it too.
        if (!options.IsLoopback && !http.Request.IsHttps) return null;
        if (http.Request.Headers.Authorization is [{ } shown] && shown.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
            return tokens.Find(shown[Bearer.Length..].Trim()) is { } token ? new Caller(token.Name, RoleOf(token.Name), CallerProof.Token, token.Id) : null;
        return http.Request.Cookies.TryGetValue(Cookie, out var word) && sessions.Find(word) is { } session && tokens.IsGood(session.TokenId)
            ? new Caller(session.Name, RoleOf(session.Name), CallerProof.Session, session.TokenId) : null;
    }

    /// <summary>Whether he who was let in would be again: a token has an end.</summary>
    public bool IsGood(Caller? caller) => caller?.TokenId is not { } token || tokens.IsGood(token);

    /// <summary>Why a request is not answered; null: it is.</summary>
    public AccessRefusal? Refuse(HttpContext http, ApiAccess needed, Caller? caller)
    {
        var isLocal = http.Features.Get<LocalPeer>() is not null;
        var refusal = AccessRules.Refuse(new AccessQuestion(needed, isLocal, isWeb, options.IsLoopback, HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method),
            _hosts.Has(http.Request.Host, http.Connection.LocalIpAddress), IsSameOrigin(http), FetchSiteOf(http), BodyIsJson(http), caller));
        if (isLocal || needed == ApiAccess.Open) return refusal;
        return _rate.Takes(caller is null ? AddressOf(http) : $"token {caller.TokenId}") ? refusal
            : new AccessRefusal(StatusCodes.Status429TooManyRequests, "too_many", "there were too many before it", "Wait a second; http.access.requests-per-second says how many are answered.");
    }

    private AccessRole? RoleOf(string token) => options.Access.Roles.TryGetValue(token, out var role) ? role : null;

    private static string AddressOf(HttpContext http) => $"address {http.Connection.RemoteIpAddress ?? IPAddress.None}";

    private static string? FetchSiteOf(HttpContext http) => http.Request.Headers.TryGetValue("Sec-Fetch-Site", out var site) ? site.ToString() : null;

    private static bool? IsSameOrigin(HttpContext http) =>
        http.Request.Headers.TryGetValue(HeaderNames.Origin, out var origin) ? string.Equals(origin.ToString(), $"{http.Request.Scheme}://{http.Request.Host}", StringComparison.OrdinalIgnoreCase) : null;

    private static bool? BodyIsJson(HttpContext http) => http.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true } || http.Request.ContentType is not null
        ? MediaTypeHeaderValue.TryParse(http.Request.ContentType, out var type) && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase) : null;
}
