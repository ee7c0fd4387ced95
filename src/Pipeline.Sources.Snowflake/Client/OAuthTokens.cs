using System.Net;
using System.Text.Json;
using Pipeline.Core;

namespace Pipeline.Sources.Snowflake.Client;

/// <summary>Asks the identity provider for tokens: client credentials in the form (RFC 6749, sections 2.3.1 and 4.4).</summary>
internal sealed class OAuthTokens(string source, SnowflakeSecurityOptions.OAuth auth, HttpClient http, RetryPolicy retry, TimeSpan requestTimeout,
    ISecretStore secrets, TimeProvider time) : Tokens(time)
{
    /// <summary>For an answer that does not say how long its token is good.</summary>
    private static readonly TimeSpan LifetimeUnlessTold = TimeSpan.FromMinutes(10);

    public override string Type => "OAUTH";

    protected override async ValueTask<AccessToken> CreateAsync(CancellationToken cancellationToken)
    {
        var secret = await secrets.RevealAsync(auth.ClientSecret, cancellationToken);
        return await retry.RunAsync(Time, cancel => AskAsync(secret, cancel), cancellationToken);
    }

    private async ValueTask<AccessToken> AskAsync(string secret, CancellationToken cancellationToken)
    {
        using var timeout = new RequestDeadline(requestTimeout, Time, cancellationToken);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, auth.TokenUrl)
            {
                Content = new FormUrlEncodedContent(new Dictionary<string, string>(StringComparer.Ordinal)
                {
                    ["grant_type"] = "client_credentials",
                    ["client_id"] = auth.ClientId,
                    ["client_secret"] = secret,
                    ["scope"] = auth.Scope,
                }),
            };
            var asked = Time.GetUtcNow();
            using var response = await http.SendAsync(request, timeout.Token);
            var body = await response.Content.ReadAsByteArrayAsync(timeout.Token);
            if (response.IsSuccessStatusCode) return Read(body, asked);
            throw IsTransient(response.StatusCode)
                ? Unanswered($"it answers {(int)response.StatusCode}", response.Headers.RetryAfter?.Delta, inner: null)
                : Refused(response.StatusCode, body);
        }
        catch (Exception e) when (e is HttpRequestException or IOException || timeout.HasPassed(e))
        {
            throw Unanswered(timeout.HasPassed(e) ? $"it did not answer within {requestTimeout.TotalSeconds:0} s" : e.Message.TrimEnd('.'), retryAfter: null, e);
        }
    }

    private PipelineException Unanswered(string cause, TimeSpan? retryAfter, Exception? inner) => new(FaultKind.Unreachable, Thing, $"no token can be had: {cause}",
        "Check security.token-url and the network path to the identity provider.", inner) { RetryAfter = retryAfter };

    private string Thing => $"Source {source}, token endpoint {auth.TokenUrl.GetLeftPart(UriPartial.Path)}";

    private AccessToken Read(byte[] body, DateTimeOffset asked)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var token = document.RootElement.GetProperty("access_token").GetString()!;
            var lifetime = document.RootElement.TryGetProperty("expires_in", out var seconds) && seconds.TryGetDouble(out var value)
                ? TimeSpan.FromSeconds(value)
                : LifetimeUnlessTold;
            return new AccessToken(token, asked + lifetime);
        }
        // The answer may hold a token: nothing of it is passed on.
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new PipelineException(FaultKind.Invalid, Thing, "the answer is not a token response", "Check security.token-url.");
        }
    }

    private PipelineException Refused(HttpStatusCode status, byte[] body) => ErrorOf(body) switch
    {
        "invalid_client" or "unauthorized_client" => new PipelineException(FaultKind.NotAuthorised, Thing,
            $"the client id '{auth.ClientId}' or its secret is refused", "Correct security.client-id and security.client-secret."),
        "invalid_scope" => new PipelineException(FaultKind.NotAuthorised, Thing, $"the scope '{auth.Scope}' is refused",
            "Correct role or security.scope, or allow the scope for this client at the identity provider."),
        var error => new PipelineException(FaultKind.NotAuthorised, Thing, $"the request is refused with {(int)status} {error}",
            "Check security.token-url, security.client-id and security.scope."),
    };

    private static string ErrorOf(byte[] body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return document.RootElement.TryGetProperty("error", out var error) ? error.GetString() ?? "" : "";
        }
        catch (JsonException)
        {
            return "";
        }
    }

    private static bool IsTransient(HttpStatusCode status) => status == HttpStatusCode.TooManyRequests || (int)status >= 500;
}
