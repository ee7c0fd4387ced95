namespace Pipeline.Aws.CloudWatch;

/// <summary>CloudWatch's requests and answers, as far as they are used. Names are those of the wire.</summary>
internal static class CloudWatchWire
{
    public sealed record MetricDatum(string MetricName, IReadOnlyList<MetricDimension> Dimensions, DateTimeOffset Timestamp, double? Value, IReadOnlyList<double>? Values, IReadOnlyList<long>? Counts, string Unit);

    public sealed record Nothing;
}
