using System.Net;
using Amazon.Runtime;

namespace Pipeline.Aws.CloudWatch;

/// <summary>Signs requests to CloudWatch's own endpoint of OTLP, which speaks protobuf and HTTP/1.1 and is else a receiver like any other.</summary>
/// <param name="credentials">Null: those that the SDK's chain finds.</param>
public sealed class CloudWatchSigning(string region, TimeProvider time, HttpMessageHandler transport, AWSCredentials? credentials = null) : DelegatingHandler(transport)
{
    private static readonly Dictionary<string, string> NoQuery = [];

    private readonly AwsSigner _signer = new(AwsService.CloudWatch, region);
    private readonly AwsCredentials _credentials = new(credentials, AwsService.CloudWatch);

    /// <summary>The endpoint for metrics in a region.</summary>
    public static Uri Endpoint(string region) => new(AwsService.CloudWatch.Address(new AwsSettings { Region = region }), "/v1/metrics");

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var found = await _credentials.GetAsync($"Metrics in CloudWatch in {region}", cancellationToken);
        var body = request.Content is null ? [] : await request.Content.ReadAsByteArrayAsync(cancellationToken);
        _signer.Sign(request, request.RequestUri!.AbsolutePath, NoQuery, body, found, time.GetUtcNow());
        var response = await base.SendAsync(request, cancellationToken);
        // They may have run out: those that can be had anew are, next time.
        if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden) _credentials.Forget();
        return response;
    }
}
