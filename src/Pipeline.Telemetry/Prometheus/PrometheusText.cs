using System.Globalization;
using System.Text;
using Pipeline.Core.Metrics;

namespace Pipeline.Telemetry.Prometheus;

/// <summary>The two forms in which Prometheus reads metrics.</summary>
public enum PrometheusFormat
{
    /// <summary>The text format, version 0.0.4.</summary>
    Text,

    /// <summary>OpenMetrics 1.0.0.</summary>
    OpenMetrics,
}

/// <summary>
/// An interval as Prometheus reads it: counters and histograms since the process started. Which node it is of is not said: Prometheus knows
/// whom it has asked.
/// </summary>
public static class PrometheusText
{
    /// <param name="pipeline">The pipeline's name: the label <see cref="PrometheusNames.PipelineLabel"/> of every series.</param>
    public static string Of(MetricInterval interval, string pipeline, PrometheusFormat format)
    {
        var text = new StringBuilder();
        // Several meters may measure one thing; its series stand together.
        foreach (var family in interval.Series.GroupBy(series => PrometheusNames.Family(series.Instrument), StringComparer.Ordinal).OrderBy(family => family.Key, StringComparer.Ordinal))
        {
            var instrument = family.First().Instrument;
            Head(text, instrument, format);
            foreach (var series in family) Series(text, series, pipeline);
        }

        if (format == PrometheusFormat.OpenMetrics) text.Append("# EOF\n");
        return text.ToString();
    }

    private static void Head(StringBuilder text, InstrumentInfo instrument, PrometheusFormat format)
    {
        var name = format == PrometheusFormat.OpenMetrics ? PrometheusNames.Family(instrument) : PrometheusNames.Metric(instrument);
        // Quotes are escaped in OpenMetrics, and may stand as they are in the other.
        var help = instrument.Meaning.Replace("\\", @"\\", StringComparison.Ordinal).Replace("\n", @"\n", StringComparison.Ordinal);
        if (format == PrometheusFormat.OpenMetrics) help = help.Replace("\"", "\\\"", StringComparison.Ordinal);
        text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {instrument.Kind.ToString().ToLowerInvariant()}\n");
        // A unit is only told where the name ends in it.
        if (format == PrometheusFormat.OpenMetrics && PrometheusNames.Unit(instrument) is { } unit && name.EndsWith($"_{unit}", StringComparison.Ordinal))
            text.Append(CultureInfo.InvariantCulture, $"# UNIT {name} {unit}\n");
    }

    private static void Series(StringBuilder text, SeriesInterval series, string pipeline)
    {
        var name = PrometheusNames.Metric(series.Instrument);
        var labels = Labels(series, pipeline);
        if (series.TotalSpread is not { } spread)
        {
            Line(text, name, labels, Number(series.Total));
            return;
        }

        var bounds = HistogramBounds.Of(series.Instrument);
        var counts = HistogramBounds.Count(bounds, spread);
        long below = 0;
        for (var i = 0; i < counts.Length; i++)
        {
            below += counts[i];
            Line(text, $"{name}_bucket", $"{labels},le=\"{(i < bounds.Count ? Bound(bounds[i]) : "+Inf")}\"", below.ToString(CultureInfo.InvariantCulture));
        }

        Line(text, $"{name}_sum", labels, Number(series.Total));
        Line(text, $"{name}_count", labels, below.ToString(CultureInfo.InvariantCulture));
    }

    private static string Labels(SeriesInterval series, string pipeline)
    {
        var labels = new StringBuilder();
        Label(labels, PrometheusNames.PipelineLabel, pipeline);
        foreach (var (tag, value) in series.Instrument.Tags.Zip(series.Tags)) Label(labels.Append(','), PrometheusNames.Label(tag), value);
        return labels.ToString();
    }

    private static void Label(StringBuilder labels, string name, string value) =>
        labels.Append(CultureInfo.InvariantCulture, $"{name}=\"{value.Replace("\\", @"\\", StringComparison.Ordinal).Replace("\n", @"\n", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"");

    private static void Line(StringBuilder text, string name, string labels, string value) => text.Append(CultureInfo.InvariantCulture, $"{name}{{{labels}}} {value}\n");

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>OpenMetrics' canonical form of a whole number has a decimal: <c>1.0</c>. Prometheus takes both for one.</summary>
    private static string Bound(double value) => value.ToString("0.0###########", CultureInfo.InvariantCulture);
}
