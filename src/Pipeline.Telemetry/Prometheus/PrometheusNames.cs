using Pipeline.Core.Metrics;

namespace Pipeline.Telemetry.Prometheus;

/// <summary>
/// How Prometheus calls what OTLP calls otherwise: the rules of OpenTelemetry's specification, "Prometheus and OpenMetrics
/// Compatibility", so that a metric has one name whether Prometheus scrapes it here or is given it by a collector.
/// </summary>
public static class PrometheusNames
{
    /// <summary>The label that says whose a series is: the pipeline's name.</summary>
    public const string PipelineLabel = "pipeline";

    // Units of UCUM that stand alone, and what they are called behind "per".
    private static readonly Dictionary<string, string> Units = new(StringComparer.Ordinal)
    {
        ["s"] = "seconds", ["ms"] = "milliseconds", ["min"] = "minutes", ["h"] = "hours", ["d"] = "days",
        ["By"] = "bytes", ["KiBy"] = "kibibytes", ["MiBy"] = "mebibytes", ["GiBy"] = "gibibytes", ["%"] = "percent",
    };

    private static readonly Dictionary<string, string> PerUnits = new(StringComparer.Ordinal)
    {
        ["s"] = "second", ["min"] = "minute", ["h"] = "hour", ["d"] = "day",
    };

    /// <summary>
    /// The name to ask for: <c>pipeline_ingest_rows_total</c>, <c>pipeline_table_freshness_seconds</c>. A histogram's series have
    /// <c>_bucket</c>, <c>_sum</c> and <c>_count</c> behind it.
    /// </summary>
    public static string Metric(InstrumentInfo instrument) => instrument.Kind == InstrumentKind.Counter ? $"{Family(instrument)}_total" : Family(instrument);

    /// <summary>The same without <c>_total</c>: the name of a family in OpenMetrics.</summary>
    public static string Family(InstrumentInfo instrument)
    {
        var words = Allowed(instrument.Name).Split('_', StringSplitOptions.RemoveEmptyEntries).ToList();
        if (instrument.Kind == InstrumentKind.Counter) words.RemoveAll(word => word == "total");
        if (Unit(instrument) is { } unit && !words.Contains(unit, StringComparer.Ordinal)) words.Add(unit);
        return string.Join('_', words);
    }

    /// <summary>The word for the unit, plural: <c>seconds</c>, <c>bytes_per_second</c>. Null: a number of things, which the name says.</summary>
    public static string? Unit(InstrumentInfo instrument)
    {
        var (of, per) = instrument.Unit.Split('/') is [var first, var second] ? (first, second) : (instrument.Unit, null);
        var word = of == "1" && instrument.Kind == InstrumentKind.Gauge && per is null ? "ratio" : Word(of, Units);
        var perWord = per is null ? null : Word(per, PerUnits);
        return (word, perWord) switch
        {
            (_, null) => word,
            (null, _) => $"per_{perWord}",
            _ => $"{word}_per_{perWord}",
        };
    }

    /// <summary>The label for a tag.</summary>
    public static string Label(string tag) => Allowed(tag);

    // What stands in braces is a remark: {row}.
    private static string? Word(string unit, Dictionary<string, string> words) =>
        unit is "" or "1" || unit.StartsWith('{') ? null : words.GetValueOrDefault(unit) ?? Allowed(unit);

    private static string Allowed(string name) => string.Create(name.Length, name, static (written, name) =>
    {
        for (var i = 0; i < name.Length; i++) written[i] = char.IsAsciiLetterOrDigit(name[i]) ? name[i] : '_';
    });
}
