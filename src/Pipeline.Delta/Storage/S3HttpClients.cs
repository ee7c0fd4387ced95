using Amazon.Runtime;
using Pipeline.Core;

namespace Pipeline.Delta.Storage;

/// <summary>What carries the requests of the SDK's client: as its own would, and the server's certificate is remembered.</summary>
internal sealed class S3HttpClients(TimeSpan connectTimeout) : HttpClientFactory
{
    public override HttpClient CreateHttpClient(IClientConfig clientConfig)
    {
        var transport = HttpTransport.Create("lake/server");
        transport.ConnectTimeout = connectTimeout;
        // Each request has a time of its own.
        return new HttpClient(transport) { Timeout = Timeout.InfiniteTimeSpan };
    }
}
