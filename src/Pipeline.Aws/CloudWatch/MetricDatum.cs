using System.Text.Json;

namespace Pipeline.Aws.CloudWatch;

/// <summary>Figures of one metric at one time.</summary>
/// <param name="Name">1 to 255 letters of ASCII.</param>
/// <param name="Dimensions">At most <see cref="DimensionsMax"/>: what tells the metric from others of its name, in any order.</param>
/// <param name="Timestamp">At most two weeks ago and two hours ahead; what came within the same minute is one figure.</param>
/// <param name="Values">1 to <see cref="ValuesMax"/> numbers of at most 2^360.</param>
/// <param name="Counts">How often each was measured; percentiles are made of both.</param>
/// <param name="Unit">One of CloudWatch's: <c>Seconds</c>, <c>Bytes</c>, <c>Count</c>, <c>None</c>.</param>
public sealed record MetricDatum(string Name, IReadOnlyList<MetricDimension> Dimensions, DateTimeOffset Timestamp, IReadOnlyList<double> Values, IReadOnlyList<long> Counts, string Unit)
{
    public const int DimensionsMax = 30;

    public const int ValuesMax = 150;

    /// <summary>What is older is refused.</summary>
    public static readonly TimeSpan AgeMax = TimeSpan.FromDays(14);

    private static readonly double Most = Math.ScaleB(1, 360);

    /// <summary>Whether a number is one that CloudWatch takes.</summary>
    public static bool Takes(double value) => double.IsFinite(value) && Math.Abs(value) <= Most;

    internal byte[] ToWire() => JsonSerializer.SerializeToUtf8Bytes(
        // One figure is the shorter as a value, and means the same.
        Values.Count == 1 && Counts[0] == 1
            ? new CloudWatchWire.MetricDatum(Name, Dimensions, Timestamp, Values[0], Values: null, Counts: null, Unit)
            : new CloudWatchWire.MetricDatum(Name, Dimensions, Timestamp, Value: null, Values, Counts, Unit), AwsJson.Options);
}

/// <param name="Name">1 to 255 letters of ASCII.</param>
/// <param name="Value">1 to 1,024 letters of ASCII.</param>
public sealed record MetricDimension(string Name, string Value);
