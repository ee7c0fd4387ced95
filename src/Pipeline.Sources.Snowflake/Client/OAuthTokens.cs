using System.Globalization;
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
        // The secret is read before each try: it may have been changed at the provider first.
        return await retry.RunAsync(Time, AskAsync, cancellationToken);
    }

    private async ValueTask<AccessToken> AskAsync(CancellationToken cancellationToken)
    {
        var secret = await secrets.RevealAsync(auth.ClientSecret, cancellationToken);
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
            throw Unanswered(timeout.HasPassed(e) ? $"it did not answer within {requestTimeout.TotalSeconds:0} s" : DataFaults.Cause(e), retryAfter: null, e);
        }
    }

    private PipelineException Unanswered(string cause, TimeSpan? retryAfter, Exception? inner) => new(FaultKind.Unreachable, Thing, $"no token can be had: {cause}",
        TlsFlaw.In(inner) is { } flaw ? $"Of security.token-url: {flaw.NextStep}" : "Check security.token-url and the network path to the identity provider.", inner) { RetryAfter = retryAfter };

    private string Thing => $"Source {source}, token endpoint {auth.TokenUrl.GetLeftPart(UriPartial.Path)}";

    private AccessToken Read(byte[] body, DateTimeOffset asked)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var token = document.RootElement.GetProperty("access_token").GetString() ?? throw new FormatException("there is no token in it");
            return new AccessToken(token, asked.Plus(LifetimeOf(document.RootElement)));
        }
        // The answer may hold a token: nothing of it is passed on.
        catch (Exception e) when (DataFaults.Are(e))
        {
            throw Unanswered("its answer is not a token response", retryAfter: null, inner: null);
        }
    }

    /// <summary>Seconds, which some providers write as text.</summary>
    private static TimeSpan LifetimeOf(JsonElement answer)
    {
        if (!answer.TryGetProperty("expires_in", out var given)) return LifetimeUnlessTold;
        var isNumber = given.ValueKind == JsonValueKind.Number ? given.TryGetDouble(out var seconds)
            : double.TryParse(given.ValueKind == JsonValueKind.String ? given.GetString() : "", CultureInfo.InvariantCulture, out seconds);
        return isNumber && seconds is > 0 and < int.MaxValue ? TimeSpan.FromSeconds(seconds) : LifetimeUnlessTold;
    }

    private PipelineException Refused(HttpStatusCode status, byte[] body) => ErrorOf(body) switch
    {
        "invalid_client" or "unauthorized_client" => new PipelineException(FaultKind.NotAuthorised, Thing,
            $"the client id '{auth.ClientId}' or its secret is refused", "Correct security.client-id and security.client-secret."),
        "invalid_scope" => new PipelineException(FaultKind.NotAuthorised, Thing, $"the scope '{auth.Scope}' is refused",
            "Correct role or security.scope, or allow the scope for this client at the identity provider."),
        "invalid_request" or "invalid_grant" or "unsupported_grant_type" => new PipelineException(FaultKind.NotAuthorised, Thing, $"the request is refused with {(int)status} {ErrorOf(body)}",
            "Check security.token-url, security.client-id and security.scope."),
        // Nothing of OAuth's: a gateway, a page of a firewall, an error of the provider.
        var error => Unanswered($"it answers {(int)status} {error}".TrimEnd(), retryAfter: null, inner: null),
    };

    private static string ErrorOf(byte[] body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return document.RootElement.TryGetProperty("error", out var error) ? error.GetString() ?? "" : "";
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            return "";
        }
    }

    private static bool IsTransient(HttpStatusCode status) => status == HttpStatusCode.TooManyRequests || (int)status >= 500;
}
