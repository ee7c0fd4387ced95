using Pipeline.Aws;
using Pipeline.Aws.CloudWatch;
using Pipeline.Core;
using Pipeline.Operations.Options;
using Pipeline.Telemetry.Alerting;
using Pipeline.Telemetry.CloudWatch;

namespace Pipeline.Operations.Alerting;

/// <summary>What a configuration says of CloudWatch, for those who ask it from the command line.</summary>
internal static class CloudWatchOf
{
    /// <summary>Those whose freshness is promised: Bronze, Silver, Gold.</summary>
    public static IReadOnlyList<TableId> Tables(PipelineOptions options) =>
        [.. options.Sources.SelectMany(source => source.Tables.Select(table => TableId.Bronze(source.Name, table.Name))), .. options.Graph.Tables];

    public static CloudWatchMetrics Metrics(PipelineOptions options) => new(options.Name, Options(options).Namespace);

    public static CloudWatchAlarms Alarms(PipelineOptions options) => options.Telemetry.Interval <= TimeSpan.FromMinutes(1)
        ? new CloudWatchAlarms(options.Name, Metrics(options), options.Telemetry.Alarms)
        : throw new PipelineException(FaultKind.Invalid, "telemetry.interval", "is longer than a minute, and alarms look at every minute", "Make it a minute or less.");

    public static CloudWatchDashboard Dashboard(PipelineOptions options) => new(options.Name, Metrics(options), Options(options).Aws.Region, options.Telemetry.Alarms);

    /// <summary>Whoever waits at a terminal has the patience that a call needs; metrics wait on disk.</summary>
    public static CloudWatchClient Client(PipelineOptions options, TimeProvider time)
    {
        var aws = Options(options).Aws;
        return new CloudWatchClient(aws with { Retry = new AwsSettings { Region = aws.Region }.Retry }, time);
    }

    private static CloudWatchOptions Options(PipelineOptions options) => options.Telemetry.CloudWatch ?? throw new PipelineException(
        FaultKind.Invalid, $"Pipeline {options.Name}", "it has no telemetry.cloudwatch, which says where CloudWatch is", "Write telemetry.cloudwatch { region = REGION } into the configuration. Rules for Prometheus need none: ./pipeline alarms show --rules");
}
