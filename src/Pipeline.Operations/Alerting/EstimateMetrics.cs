using Pipeline.Core.Metrics;
using Pipeline.Operations.Options;
using Pipeline.Telemetry.Alerting;

namespace Pipeline.Operations.Alerting;

/// <param name="Nodes">Of the pipeline.</param>
/// <param name="Partitions">Of each topic of Kafka.</param>
public sealed record EstimateMetricsRequest(int Nodes, int Partitions, MetricPrices Prices);

/// <summary>In the account's currency, a month: CloudWatch's list prices of us-east-1 where nothing else is said.</summary>
public sealed record MetricPrices(decimal Metric = 0.30m, decimal Alarm = 0.10m, decimal CompositeAlarm = 0.50m, decimal Dashboard = 3.00m, decimal ThousandRequests = 0.01m);

/// <param name="Series">That the pipeline sends of the instrument.</param>
public sealed record EstimatedInstrument(InstrumentInfo Instrument, int Series);

/// <param name="Bytes">Sent a month, before they are compressed.</param>
/// <param name="Alarms">With those that look at all tables: each is billed by the series that it looks at.</param>
public sealed record MetricEstimate(IReadOnlyList<EstimatedInstrument> Instruments, long Requests, long Bytes, int Alarms, int CompositeAlarms, decimal MetricsPrice, decimal AlarmsPrice, decimal DashboardPrice, decimal RequestsPrice)
{
    public int Series => Instruments.Sum(instrument => instrument.Series);

    public decimal Price => MetricsPrice + AlarmsPrice + DashboardPrice + RequestsPrice;
}

/// <summary>What a pipeline's metrics will be and cost in CloudWatch, before the first is sent. Asks nobody.</summary>
public static class EstimateMetrics
{
    private const int SeriesOfARequest = 1_000;

    /// <summary>Name, stamp, unit and what stands around them; a tag adds itself and its value.</summary>
    private const int BytesOfASeries = 110;

    private const int BytesOfATag = 24;

    private static readonly TimeSpan Month = TimeSpan.FromDays(30);

    public static MetricEstimate Run(EstimateMetricsRequest request, PipelineOptions options)
    {
        var pipeline = new MeasuredPipeline(
            [.. options.Sources.Select(source => new MeasuredSource(source.Name, MeterOf(source.Kind), [.. source.Tables.Select(table => table.Name)], source.Kind == "kafka" ? request.Partitions : 1))],
            [.. options.Graph.Tables], request.Nodes, ["cloudwatch"], [.. NodeDirectories.Of(options).Keys]);
        var expected = ExpectedSeries.Of(pipeline).DistinctBy(series => (series.Instrument.Name, string.Join('\n', series.Tags))).ToList();
        var intervals = (long)(Month / options.Telemetry.Interval);
        var bytes = expected.Sum(series => (long)BytesOfASeries + series.Instrument.Name.Length + series.Tags.Sum(tag => BytesOfATag + tag.Length));
        var requests = intervals * request.Nodes * ((expected.Count / SeriesOfARequest) + 1);
        var alarms = new CloudWatchAlarms(options.Name, new(options.Name, options.Telemetry.CloudWatch?.Namespace), options.Telemetry.Alarms).Of(CloudWatchOf.Tables(options));
        // A query over all series is billed as an alarm on each of them.
        var looked = alarms.Metric.Count(alarm => alarm.Metrics is null) + Alerts.All.Where(alert => alarms.Metric.Any(alarm => alarm.Metrics is not null && alarm.AlarmName.EndsWith($"-{alert.Name}", StringComparison.Ordinal)))
            .Sum(alert => Math.Max(1, expected.Count(series => series.Instrument.Name == alert.Instrument.Name)));
        var prices = request.Prices;
        return new MetricEstimate(
            [.. expected.GroupBy(series => series.Instrument.Name).Select(series => new EstimatedInstrument(series.First().Instrument, series.Count()))], requests, bytes * intervals, looked, alarms.Composite.Count,
            expected.Count * prices.Metric, (looked * prices.Alarm) + (alarms.Composite.Count * prices.CompositeAlarm), prices.Dashboard, requests / 1_000m * prices.ThousandRequests);
    }

    private static string MeterOf(string kind) => kind switch
    {
        "kafka" => Instruments.KafkaMeter,
        "postgres" => Instruments.PostgresMeter,
        "snowflake" => Instruments.SnowflakeMeter,
        _ => kind,
    };
}
