using System.Net;
using System.Text;
using Amazon.Runtime;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Aws;
using Pipeline.Configuration;
using Pipeline.Telemetry;
using Pipeline.Telemetry.CloudWatch;
using Pipeline.Testing;

namespace Pipeline.Benchmarks;

/// <summary>
/// A node's telemetry as it is with CloudWatch, but for its interval, which is short: more is sent in a run than would be by default.
/// </summary>
internal sealed class MeasuredNode : IDisposable
{
    private readonly ScratchDirectory _spool = new("telemetry-");
    private readonly CloudWatchTaking? _taking;

    /// <param name="endpoint">Where it is sent; null: to one that takes everything at once, beyond signing, compressing and the client.</param>
    public MeasuredNode(TimeSpan interval, Uri? endpoint = null)
    {
        _taking = endpoint is null ? new CloudWatchTaking() : null;
        var options = new TelemetryOptions
        {
            Interval = interval,
            SpoolLocation = _spool,
            CloudWatch = new CloudWatchOptions { Aws = new AwsSettings { Region = "eu-central-1", Endpoint = endpoint, RequestTimeout = TimeSpan.FromSeconds(2), Retry = new() { AttemptsMax = 1 } } },
        };
        var services = new MetricSinkServices("benchmark", TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore());
        Telemetry = new NodeTelemetry(options, [new CloudWatchSink(options.CloudWatch, services, new BasicAWSCredentials("test", "test"), _taking)], TimeProvider.System);
    }

    public NodeTelemetry Telemetry { get; }

    /// <summary>Requests that were taken.</summary>
    public int Taken => _taking?.Requests ?? 0;

    public void Dispose()
    {
        Telemetry.Dispose();
        _taking?.Dispose();
        _spool.Dispose();
    }

    private sealed class CloudWatchTaking : HttpMessageHandler
    {
        private int _requests;

        public int Requests => _requests;

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _requests);
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent("{}", Encoding.UTF8, "application/x-amz-json-1.0") });
        }
    }
}
