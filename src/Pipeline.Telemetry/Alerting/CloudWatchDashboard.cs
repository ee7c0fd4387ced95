using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Pipeline.Core.Metrics;
using Pipeline.Telemetry.CloudWatch;

namespace Pipeline.Telemetry.Alerting;

/// <summary>The dashboard of a pipeline in CloudWatch: <see cref="Panels"/> as the body that <c>PutDashboard</c> takes.</summary>
/// <param name="pipeline">The pipeline's name.</param>
/// <param name="metrics">How its series are metrics.</param>
/// <param name="region">Where they are.</param>
public sealed class CloudWatchDashboard(string pipeline, CloudWatchMetrics metrics, string region, AlertOptions options)
{
    private const int NameLengthMax = 255;
    private const int Columns = 24;
    private const int PanelWidth = 8;
    private const int PanelHeight = 6;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _dimension = metrics.DimensionsOf(Instruments.BufferBytes, [])[0].Value;

    /// <summary>Letters that a dashboard's name has not are <c>_</c>.</summary>
    public string Name { get; } = new([.. $"pipeline-{pipeline}".Take(NameLengthMax).Select(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' ? letter : '_')]);

    /// <summary>What the body of a dashboard that was made for this pipeline has in it, and one that somebody else made has not.</summary>
    public string Mark { get; } = $"Made by `pipeline dashboard put` for the pipeline {pipeline}";

    public string Body()
    {
        JsonArray widgets = [Text(0, 3, $"# Pipeline {pipeline}\n\n{Mark}: what is changed here is written over. What to watch and what to do: {options.Runbook}")];
        var y = 3;
        foreach (var section in Panels.All)
        {
            widgets.Add((JsonNode)Text(y, 1, $"## {section.Title}"));
            y++;
            foreach (var (panel, i) in section.Panels.Select((panel, i) => (panel, i)))
                widgets.Add((JsonNode)Chart(panel, i % (Columns / PanelWidth) * PanelWidth, y + (i / (Columns / PanelWidth) * PanelHeight)));
            y += (section.Panels.Count + (Columns / PanelWidth) - 1) / (Columns / PanelWidth) * PanelHeight;
        }

        return new JsonObject { ["widgets"] = widgets }.ToJsonString(Indented);
    }

    private static JsonObject Text(int y, int height, string markdown) => Widget("text", 0, y, Columns, height, new JsonObject { ["markdown"] = markdown });

    private JsonObject Chart(Panel panel, int x, int y) => Widget("metric", x, y, PanelWidth, PanelHeight, new JsonObject
    {
        ["title"] = panel.Title,
        ["region"] = region,
        ["view"] = "timeSeries",
        ["period"] = 60,
        ["metrics"] = new JsonArray([.. panel.Instruments.SelectMany(instrument => StatisticsOf(instrument).Select(statistic => (instrument, statistic))).Select((line, i) => Line(line.instrument, line.statistic, i))]),
        ["yAxis"] = new JsonObject { ["left"] = new JsonObject { ["label"] = CloudWatchMetrics.UnitOf(panel.Instruments[0].Unit), ["showUnits"] = false } },
    });

    private JsonArray Line(InstrumentInfo instrument, string statistic, int i)
    {
        var dimensions = metrics.DimensionsOf(instrument, [.. instrument.Tags.Select(_ => "-")]).Select(dimension => dimension.Name);
        var search = string.Create(CultureInfo.InvariantCulture,
            $"SEARCH('{{\"{metrics.Namespace}\",{string.Join(',', dimensions)}}} MetricName=\"{instrument.Name}\" {CloudWatchMetrics.PipelineDimension}=\"{_dimension.Replace("\"", "\\\"", StringComparison.Ordinal)}\"', '{statistic}', 60)");
        return [new JsonObject { ["expression"] = search, ["id"] = $"e{i + 1}" }];
    }

    private static string[] StatisticsOf(InstrumentInfo instrument) => instrument.Kind switch
    {
        InstrumentKind.Counter => ["Sum"],
        InstrumentKind.Histogram => ["p50", "p99"],
        // Where little is bad the least counts.
        _ => [Alerts.All.Any(alert => alert.Instrument.Name == instrument.Name && alert.When is AlertCondition.Value { Comparison: Comparison.Below }) ? "Minimum" : "Maximum"],
    };

    private static JsonObject Widget(string type, int x, int y, int width, int height, JsonObject properties) =>
        new() { ["type"] = type, ["x"] = x, ["y"] = y, ["width"] = width, ["height"] = height, ["properties"] = properties };
}
