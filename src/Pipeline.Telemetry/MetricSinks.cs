using Pipeline.Telemetry.CloudWatch;
using Pipeline.Telemetry.Otlp;

namespace Pipeline.Telemetry;

public static class MetricSinks
{
    /// <summary>Every sink that is configured.</summary>
    public static IReadOnlyList<IMetricSink> Open(TelemetryOptions options, MetricSinkServices services)
    {
        List<IMetricSink> sinks = [];
        if (options.CloudWatch is { } cloudWatch) sinks.Add(new CloudWatchSink(cloudWatch, services));
        if (options.Otlp is { } otlp) sinks.Add(new OtlpSink(otlp, services));
        return sinks;
    }
}
