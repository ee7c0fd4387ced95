using Amazon.Runtime;
using Pipeline.Core;

namespace Pipeline.Delta.Storage;

/// <summary>What carries the requests of the SDK's client: as its own would, the server's certificate is remembered, and requests are counted.</summary>
/// <param name="bucket">Whose requests they are.</param>
internal sealed class S3HttpClients(string bucket, TimeSpan connectTimeout) : HttpClientFactory
{
    public override HttpClient CreateHttpClient(IClientConfig clientConfig)
    {
        var transport = HttpTransport.Create("lake/server");
        transport.ConnectTimeout = connectTimeout;
        // Each request has a time of its own.
        return new HttpClient(HttpTransport.Worded(new CountedRequests(bucket, transport))) { Timeout = Timeout.InfiniteTimeSpan };
    }
}
