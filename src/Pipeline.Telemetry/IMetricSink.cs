using Pipeline.Core;

namespace Pipeline.Telemetry;

/// <summary>Where metrics are sent.</summary>
public interface IMetricSink
{
    /// <summary>For people and for the tag <c>sink</c>: <c>cloudwatch</c>, <c>otlp</c>.</summary>
    string Name { get; }

    /// <summary>Sends one interval, whole. Called for one interval at a time, the oldest first; after a failure with the same one again.</summary>
    /// <exception cref="PipelineException">It was not taken. What a receiver refuses for what is in it is <see cref="FaultKind.Invalid"/> and is not sent again.</exception>
    Task SendAsync(MetricInterval interval, CancellationToken cancellationToken);
}
