using System.Globalization;
using System.Text;
using Pipeline.Core.Metrics;
using Pipeline.Telemetry.Prometheus;
using static Pipeline.Telemetry.Alerting.PromExpression;

namespace Pipeline.Telemetry.Alerting;

/// <summary>The alerts as queries in PromQL, and as a file of rules for Prometheus.</summary>
public static class PrometheusRules
{
    /// <summary>The query that has a series for each thing of which the alert is to be told now.</summary>
    public static PromExpression QueryOf(Alert alert, string pipeline)
    {
        var (instrument, tags) = (alert.Instrument, TagsOf(alert.Instrument));
        switch (alert.When)
        {
            case AlertCondition.Value value:
                return new Binary(new Call("count_over_time", new EachMinute(Now(alert, value, pipeline, ""), TimeSpan.FromMinutes(value.Minutes))), ">=", new Number(value.Points));
            case AlertCondition.Growth growth:
                var range = TimeSpan.FromMinutes(growth.Minutes);
                // A counter that begins has grown from nothing, which increase() does not see.
                var grown = new Binary(
                    new Binary(new Call("increase", new Series(instrument, pipeline, range)), ">", new Number(0)), "or",
                    new Binary(new Series(instrument, pipeline), "unless", new Series(instrument, pipeline, Offset: range)));
                return new Binary(new Aggregate("sum", tags, grown), ">", new Number(growth.Most));
            case AlertCondition.Silence { IsTable: true } silence:
                return new Binary(
                    new Aggregate("count", tags, new Call("present_over_time", new Series(instrument, pipeline, TimeSpan.FromMinutes(silence.Minutes) + TimeSpan.FromHours(1)))), "unless",
                    new Aggregate("count", tags, new Call("present_over_time", new Series(instrument, pipeline, TimeSpan.FromMinutes(silence.Minutes)))));
            case AlertCondition.Silence silence:
                return new Call("absent_over_time", new Series(instrument, pipeline, TimeSpan.FromMinutes(silence.Minutes)));
            default:
                throw new InvalidOperationException($"There is no condition {alert.When}.");
        }
    }

    /// <summary>The file of rules, in YAML.</summary>
    /// <param name="link">Of an alert, to what is to be done.</param>
    public static string Write(string pipeline, Func<Alert, string> link)
    {
        var text = new StringBuilder();
        Line(0, "groups:");
        Line(1, $"- name: {Quoted($"pipeline {pipeline}")}");
        Line(2, "interval: 1m");
        Line(2, "rules:");
        foreach (var (name, expression) in Records(pipeline))
        {
            Line(3, $"- record: {name}");
            Line(4, $"expr: {Quoted(expression.Print(PromForm.Underscores))}");
        }

        foreach (var alert in Alerts.All)
        {
            var query = QueryOf(alert, pipeline);
            if (alert.When is AlertCondition.Value value)
            {
                // Recorded once a minute, an hour of it is read and not computed again.
                var record = $"{PrometheusNames.PipelineLabel}:{alert.Name}:is_so";
                Line(3, $"- record: {record}");
                Line(4, $"expr: {Quoted(Now(alert, value, pipeline, " bool").Print(PromForm.Underscores))}");
                query = new Binary(new Call("sum_over_time", new Recorded(record, pipeline, TimeSpan.FromMinutes(value.Minutes))), ">=", new Number(value.Points));
            }

            Line(3, $"- alert: {alert.Name}");
            Line(4, $"expr: {Quoted(query.Print(PromForm.Underscores))}");
            Line(4, "labels:");
            Line(5, $"severity: {alert.Urgency.ToString().ToLowerInvariant()}");
            Line(5, $"pipeline: {Quoted(pipeline)}");
            Line(4, "annotations:");
            Line(5, $"summary: {Quoted(Summary(alert, pipeline))}");
            Line(5, $"description: {Quoted(alert.Meaning)}");
            Line(5, $"runbook_url: {Quoted(link(alert))}");
        }

        return text.ToString();

        void Line(int depth, string line) => text.Append(' ', depth * 2).Append(line).Append('\n');
    }

    /// <summary>What dashboards of Prometheus ask for again and again.</summary>
    private static IEnumerable<(string Name, PromExpression Expression)> Records(string pipeline)
    {
        foreach (var (instrument, highest) in new[] { (Instruments.TableFreshness, "max"), (Instruments.TableFreshnessBreach, "min"), (Instruments.LagRecords, "sum") })
        {
            // The parts of a table are one series.
            string[] tags = [.. instrument.Tags.Where(tag => tag != "partition")];
            yield return ($"{PrometheusNames.PipelineLabel}_{string.Join('_', tags)}:{PrometheusNames.Metric(instrument)}:{highest}", new Aggregate(highest, tags, new Series(instrument, pipeline)));
        }

        foreach (var counter in new[] { Instruments.IngestRows, Instruments.IngestBytes, Instruments.KafkaRecords })
            yield return ($"{PrometheusNames.PipelineLabel}_{string.Join('_', counter.Tags)}:{PrometheusNames.Family(counter)}:rate5m",
                new Aggregate("sum", counter.Tags, new Call("rate", new Series(counter, pipeline, TimeSpan.FromMinutes(5)))));
    }

    /// <param name="modifier">Of the comparison: <c>bool</c> gives 1 or 0 where without it there is a series or none.</param>
    private static Binary Now(Alert alert, AlertCondition.Value value, string pipeline, string modifier) => new(
        new Aggregate(value.Comparison == Comparison.Below ? "min" : "max", TagsOf(alert.Instrument), new Series(alert.Instrument, pipeline)), $"{Sign(value.Comparison)}{modifier}", new Number(value.Threshold));

    private static IReadOnlyList<string> TagsOf(InstrumentInfo instrument) => [.. instrument.Tags.Where(tag => tag != "partition")];

    private static string Summary(Alert alert, string pipeline)
    {
        var tags = alert.When is AlertCondition.Silence { IsTable: false } ? [] : TagsOf(alert.Instrument);
        return $"{alert.Title}: {string.Join(", ", tags.Select(tag => $"{{{{ $labels.{PrometheusNames.Label(tag)} }}}}").Prepend(pipeline))}";
    }

    private static string Sign(Comparison comparison) => comparison switch { Comparison.Below => "<", Comparison.Above => ">", _ => ">=" };

    /// <summary>In single quotes YAML knows no escapes but the doubled quote.</summary>
    private static string Quoted(string text) => string.Create(CultureInfo.InvariantCulture, $"'{text.Replace("'", "''", StringComparison.Ordinal)}'");
}
