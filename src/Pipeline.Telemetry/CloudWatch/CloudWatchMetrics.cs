using System.Text;
using Pipeline.Aws.CloudWatch;
using Pipeline.Core.Metrics;

namespace Pipeline.Telemetry.CloudWatch;

/// <summary>
/// How a series of ours is a metric of CloudWatch's: its name, the pipeline's name and the tags as dimensions, its unit. A metric costs by the
/// month, so parts of a table (<see cref="Parts"/>) are values of one metric, of which minimum, maximum, sum and percentiles can be had.
/// </summary>
/// <param name="pipeline">The pipeline's name.</param>
/// <param name="nameSpace">Null: <c>Pipeline/NAME</c>.</param>
public sealed class CloudWatchMetrics(string pipeline, string? nameSpace)
{
    /// <summary>The dimension that every metric has.</summary>
    public const string PipelineDimension = "pipeline";

    private const int DimensionLengthMax = 1_024;

    /// <summary>Tags that are no dimensions.</summary>
    public static readonly IReadOnlyList<string> Parts = ["partition"];

    public string Namespace { get; } = nameSpace ?? NamespaceOf(pipeline);

    /// <summary>Letters that a namespace has not are <c>_</c>.</summary>
    public static string NamespaceOf(string pipeline) =>
        $"Pipeline/{new string([.. pipeline.Take(200).Select(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_' or '#' ? letter : '_')])}";

    /// <summary>CloudWatch's name of a unit of UCUM; <c>None</c>: it has none.</summary>
    public static string UnitOf(string unit) => unit switch
    {
        "s" => "Seconds",
        "ms" => "Milliseconds",
        "us" => "Microseconds",
        "By" => "Bytes",
        "By/s" => "Bytes/Second",
        "%" => "Percent",
        ['{', .., '}'] => "Count",
        ['{', .., '}', '/', 's'] => "Count/Second",
        _ => "None",
    };

    /// <summary>The dimensions of a series, in their order; the pipeline's name first.</summary>
    public IReadOnlyList<MetricDimension> DimensionsOf(InstrumentInfo instrument, IReadOnlyList<string> tags) =>
    [
        new(PipelineDimension, Text(pipeline)),
        .. instrument.Tags.Zip(tags).Where(tag => !Parts.Contains(tag.First)).Select(tag => new MetricDimension(tag.First, Text(tag.Second))),
    ];

    /// <summary>What puts an interval: at the time of its beginning, since that is how CloudWatch names a minute.</summary>
    public IEnumerable<MetricDatum> Of(MetricInterval interval)
    {
        // After a step back of the clock the beginning may lie ahead.
        var at = interval.From < interval.To ? interval.From : interval.To;
        return
            from series in interval.Series
            let dimensions = DimensionsOf(series.Instrument, series.Tags)
            group series by (series.Instrument.Name, series.Instrument.Unit, Dimensions: string.Join('\n', dimensions.Select(dimension => $"{dimension.Name}={dimension.Value}"))) into same
            let first = same.First()
            from values in same.SelectMany(ValuesOf).Where(value => MetricDatum.Takes(value.Value)).Chunk(MetricDatum.ValuesMax)
            select new MetricDatum(first.Instrument.Name, DimensionsOf(first.Instrument, first.Tags), at, [.. values.Select(value => value.Value)], [.. values.Select(value => value.Count)], UnitOf(first.Instrument.Unit));
    }

    private static IEnumerable<(double Value, long Count)> ValuesOf(SeriesInterval series) =>
        series.Spread is { } spread ? spread.Values.Zip(spread.Counts) : [(series.Value, 1)];

    /// <summary>A dimension's value is of ASCII, and never empty.</summary>
    private static string Text(string value)
    {
        var text = new StringBuilder();
        foreach (var letter in value)
        {
            if (letter is >= ' ' and <= '~') text.Append(letter);
            else text.Append($"\\u{(int)letter:x4}");
        }

        var ascii = text.ToString();
        return string.IsNullOrWhiteSpace(ascii) ? "-" : ascii[..Math.Min(ascii.Length, DimensionLengthMax)];
    }
}
