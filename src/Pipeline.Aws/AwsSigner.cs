using Amazon.Runtime;
using Amazon.Runtime.Endpoints;
using Amazon.Runtime.Internal;
using Amazon.Runtime.Internal.Auth;
using Amazon.Runtime.Internal.Util;

namespace Pipeline.Aws;

/// <summary>
/// Signature Version 4 by the SDK's own signer, which is internal to it: nobody else here touches it, and the SDK's version
/// is pinned.
/// </summary>
internal sealed class AwsSigner(AwsService service, string region)
{
    private readonly Scope _scope = new(service.Name, region);
    private readonly AWS4Signer _signer = new();

    /// <summary>Puts on a request what makes it the caller's: date, hash of the body, token of a session, signature.</summary>
    /// <param name="query">As in the address, not yet escaped; each name once.</param>
    /// <param name="at">When it is signed: AWS refuses what is minutes away from its own clock.</param>
    public void Sign(HttpRequestMessage message, string path, IReadOnlyDictionary<string, string> query, byte[] body, ImmutableCredentials credentials, DateTimeOffset at)
    {
        var request = new DefaultRequest(new Unmodelled(), service.Name)
        {
            HttpMethod = message.Method.Method,
            Endpoint = new Uri(message.RequestUri!.GetLeftPart(UriPartial.Authority)),
            ResourcePath = path,
            Content = body,
            UseQueryString = true,
        };
        foreach (var (name, value) in query) request.Parameters.Add(name, value);
        foreach (var (name, values) in message.Headers.Concat(message.Content?.Headers.AsEnumerable() ?? [])) request.Headers[name] = string.Join(',', values);
        if (credentials.UseToken) request.Headers["x-amz-security-token"] = credentials.Token;

        var signed = _signer.SignRequest(request, _scope, new RequestMetrics(), credentials.AccessKey, credentials.SecretKey, at.UtcDateTime);

        foreach (var (name, value) in request.Headers)
            if (name.StartsWith("x-amz-", StringComparison.OrdinalIgnoreCase) && !message.Headers.Contains(name)) message.Headers.Add(name, value);
        message.Headers.TryAddWithoutValidation("Authorization", signed.ForAuthorizationHeader);
    }

    /// <summary>The signer wants a request of some model: ours have none.</summary>
    private sealed class Unmodelled : AmazonWebServiceRequest;

    /// <summary>What the signer wants to know of a client.</summary>
    private sealed class Scope : ClientConfig
    {
        private static readonly DefaultConfiguration Defaults = new()
        {
            Name = DefaultConfigurationMode.Standard, RetryMode = RequestRetryMode.Standard,
        };

        public Scope(string service, string region)
            : base(new DefaultConfigurationProvider([Defaults])) => (AuthenticationServiceName, AuthenticationRegion) = (service, region);

        public override string ServiceVersion => "";

        public override string UserAgent => "";

        public override string RegionEndpointServiceName => AuthenticationServiceName;

        public override Endpoint DetermineServiceOperationEndpoint(ServiceOperationEndpointParameters parameters) =>
            throw new NotSupportedException("Where requests go is not the signer's business.");
    }
}
