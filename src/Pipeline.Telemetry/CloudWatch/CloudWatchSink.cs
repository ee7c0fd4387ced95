using Amazon.Runtime;
using Pipeline.Aws.CloudWatch;

namespace Pipeline.Telemetry.CloudWatch;

/// <summary>Sends intervals to CloudWatch.</summary>
internal sealed class CloudWatchSink : IMetricSink, IDisposable
{
    private readonly CloudWatchClient _client;
    private readonly CloudWatchMetrics _metrics;
    private readonly bool _mayCompress;
    private MetricInterval? _interval;
    private Queue<MetricBatch> _left = [];

    /// <param name="credentials">Null: those of this process.</param>
    /// <param name="transport">What carries requests; null: the network.</param>
    public CloudWatchSink(CloudWatchOptions options, MetricSinkServices services, AWSCredentials? credentials = null, HttpMessageHandler? transport = null)
    {
        _client = new CloudWatchClient(options.Aws, services.Time, credentials, transport);
        _metrics = new CloudWatchMetrics(services.Pipeline, options.Namespace);
        _mayCompress = options.Compress;
    }

    public string Name => "cloudwatch";

    public TimeSpan? AgeMax => MetricDatum.AgeMax;

    public async Task SendAsync(MetricInterval interval, CancellationToken cancellationToken)
    {
        // The same as before: what was taken of it then is not put twice.
        if (_interval is not { } before || (before.Node, before.Started, before.From, before.To) != (interval.Node, interval.Started, interval.From, interval.To))
            (_interval, _left) = (interval, new Queue<MetricBatch>(MetricBatch.Of(_metrics.Namespace, _metrics.Of(interval), _mayCompress)));
        while (_left.TryPeek(out var batch))
        {
            await _client.PutMetricDataAsync(batch, cancellationToken);
            _left.Dequeue();
        }

        _interval = null;
    }

    public void Dispose() => _client.Dispose();
}
