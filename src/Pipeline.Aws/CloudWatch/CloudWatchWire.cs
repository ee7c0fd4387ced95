namespace Pipeline.Aws.CloudWatch;

/// <summary>CloudWatch's requests and answers, as far as they are used. Names are those of the wire.</summary>
internal static class CloudWatchWire
{
    public sealed record MetricDatum(string MetricName, IReadOnlyList<MetricDimension> Dimensions, DateTimeOffset Timestamp, double? Value, IReadOnlyList<double>? Values, IReadOnlyList<long>? Counts, string Unit);

    public sealed record Nothing;

    public sealed record DescribeAlarms(string AlarmNamePrefix, IReadOnlyList<string> AlarmTypes, string? NextToken);

    public sealed record AlarmsDescribed(IReadOnlyList<MetricAlarm>? MetricAlarms, IReadOnlyList<CompositeAlarm>? CompositeAlarms, string? NextToken);

    public sealed record ListTagsForResource(string ResourceARN);

    public sealed record TagsListed(IReadOnlyList<AwsTag>? Tags);

    public sealed record DeleteAlarms(IReadOnlyList<string> AlarmNames);

    public sealed record GetDashboard(string DashboardName);

    public sealed record DashboardGot(string? DashboardBody);

    public sealed record PutDashboard(string DashboardName, string DashboardBody);

    public sealed record DashboardPut(IReadOnlyList<DashboardRemark>? DashboardValidationMessages);

    public sealed record DashboardRemark(string? DataPath, string? Message);
}
