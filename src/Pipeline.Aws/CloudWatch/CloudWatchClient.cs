using Amazon.Runtime;
using Pipeline.Core;

namespace Pipeline.Aws.CloudWatch;

/// <summary>Metrics, alarms and dashboards of Amazon CloudWatch. Each call is tried again as <see cref="AwsSettings.Retry"/> says.</summary>
public sealed partial class CloudWatchClient : IDisposable
{
    private const string TargetPrefix = "GraniteServiceVersion20100801";

    private readonly AwsSettings _settings;
    private readonly AwsCall _call;

    /// <param name="credentials">Null: those that the SDK's chain finds: environment, web identity, profile, container, instance.</param>
    /// <param name="transport">What carries requests, not disposed of here; null: the network.</param>
    public CloudWatchClient(AwsSettings settings, TimeProvider time, AWSCredentials? credentials = null, HttpMessageHandler? transport = null) =>
        (_settings, _call) = (settings, new AwsCall(AwsService.CloudWatch, settings, time, credentials, transport));

    /// <summary>Puts metrics. After an answer that was lost they may have been put: put again they count twice, in sums and numbers of samples.</summary>
    /// <exception cref="PipelineException">They are refused, which is <see cref="FaultKind.Invalid"/> where it is for what is in them, or CloudWatch is away.</exception>
    public Task PutMetricDataAsync(MetricBatch batch, CancellationToken cancellationToken) =>
        _call.RepeatableAsync<CloudWatchWire.Nothing>(AwsRequest.Json10($"Metrics in CloudWatch in {_settings.Region}", TargetPrefix, "PutMetricData", batch.Body, batch.IsCompressed), cancellationToken);

    public void Dispose() => _call.Dispose();
}
