using System.Text.Json;
using System.Text.Json.Serialization;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Telemetry.Alerting;
using Pipeline.Telemetry.CloudWatch;
using Pipeline.Telemetry.Prometheus;

namespace Pipeline.Telemetry.Tests.Alerting;

/// <summary>The alerts that are shipped, judged over histories: as rules by Prometheus, as alarms by CloudWatch's documents.</summary>
public sealed class AlertsSpec
{
    private const string Pipeline = "judged";

    private static readonly JsonSerializerOptions NoNulls = new() { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };
    private static readonly CloudWatchMetrics Metrics = new(Pipeline, nameSpace: null);

    /// <summary>Promtool takes longer over a history than the evaluator, and longest over 300 tables: those are judged by the evaluator alone by day.</summary>
    private const int OfEachByDay = 2;

    public static TheoryData<int> Seeds => [.. HistoryGenerator.Seeds];

    [Theory, MemberData(nameof(Seeds))]
    public async Task Prometheus_pages_for_all_that_must_page_half_an_hour_before_and_for_nothing_else(int seed)
    {
        PromtoolJudge.SkipUnlessThere();
        List<History> histories = [.. HistoryGenerator.IsNightly ? HistoryGenerator.All(seed, HistoryGenerator.OfEachClass)
            : HistoryGenerator.Classes.Except([HistoryClass.LateTable]).SelectMany(drawn => HistoryGenerator.Of(drawn, seed, OfEachByDay))];

        var pages = await PromtoolJudge.PagesAsync(histories, PrometheusRules.Write(Pipeline, new AlertOptions().LinkOf), history => [.. history.Tables.SelectMany(Scraped), .. Alive(history)], TestContext.Current.CancellationToken);

        Expect(seed, histories.Zip(pages, Judge.Of));
    }

    [Theory, MemberData(nameof(Seeds))]
    public void CloudWatch_pages_for_all_that_must_page_half_an_hour_before_and_for_nothing_else(int seed) =>
        Expect(seed, HistoryGenerator.All(seed, HistoryGenerator.OfEachClass).Select(history => Judge.Of(history, PagesOf(history))));

    private static void Expect(int seed, IEnumerable<Judgement> judged)
    {
        var totals = new Judge.Totals([.. judged]);
        TestContext.Current.TestOutputHelper!.WriteLine($"PIPELINE_SEED={seed}: {totals}");
        Assert.True(totals.Faults.Length == 0, $"PIPELINE_SEED={seed}\n{totals}\n{totals.Faults}");
    }

    /// <summary>The gauge as a node computes it: a process that starts knows nothing of the one before.</summary>
    private static IReadOnlyList<double> Breach(TableHistory table) => table.Derive(() =>
    {
        var forecast = new BreachForecast();
        return sample => forecast.Observe(TimeSpan.FromSeconds(sample.At), new TableSignals(TimeSpan.FromSeconds(sample.Freshness), TimeSpan.FromSeconds(table.Sla), Known(sample.Lag), Known(sample.Landed))).TotalSeconds;
    });

    private static double? Known(double value) => double.IsNaN(value) ? null : value;

    private static IEnumerable<PromtoolJudge.PromSeries> Scraped(TableHistory table)
    {
        var breach = Breach(table);
        const string labels = $"{PrometheusNames.PipelineLabel}=\"{Pipeline}\"";
        return
        [
            .. PromtoolJudge.Series(table, PrometheusNames.Metric(Alerts.TableSilent.Instrument), at => table.Samples[at].Freshness, labels),
            .. PromtoolJudge.Series(table, PrometheusNames.Metric(Alerts.TableLate.Instrument), at => breach[at], labels),
        ];
    }

    /// <summary>A node that tells of a table tells of itself.</summary>
    private static IEnumerable<PromtoolJudge.PromSeries> Alive(History history) =>
        PromtoolJudge.Series(history.Tables[0], PrometheusNames.Metric(Alerts.PipelineSilent.Instrument), _ => 1, $"{PrometheusNames.PipelineLabel}=\"{Pipeline}\"");

    /// <summary>Alarms are put when all is well: a node has told before the history begins.</summary>
    private static IReadOnlyList<Page> PagesOf(History history)
    {
        TableId[] tables = [.. history.Tables.Select(table => TableId.Parse(table.Table))];
        var alarms = new CloudWatchAlarms(Pipeline, Metrics, new AlertOptions()).Of(tables);
        // What is asked over all series by a query is of other instruments than these histories have.
        var silent = alarms.Metric.Where(alarm => alarm.Metrics is not null).Select(alarm => alarm.AlarmName).ToList();
        var composites = alarms.Composite.Select(alarm => alarm with { AlarmRule = silent.Aggregate(alarm.AlarmRule, (rule, name) => rule.Replace($"ALARM(\"{name}\")", "FALSE", StringComparison.Ordinal)) });
        var evaluator = new ClassicAlarmEvaluator(
            [.. history.Tables.Zip(tables).SelectMany(table => Pushed(table.First, table.Second)), Series(Alerts.PipelineSilent.Instrument, [], [(0, 0, 1), .. CloudWatchSeries.Gauge(history.Tables[0], _ => 1)])],
            alarms.Metric.Where(alarm => alarm.Metrics is null).Select(alarm => JsonSerializer.SerializeToElement(alarm, NoNulls)), composites.Select(alarm => JsonSerializer.SerializeToElement(alarm, NoNulls)));
        evaluator.Run(history.Length);
        return evaluator.PagesOf(alarms.Composite[^1].AlarmName);
    }

    private static IEnumerable<CloudWatchSeries> Pushed(TableHistory table, TableId id)
    {
        var breach = Breach(table);
        string[] tags = [id.ToString(), table.Layer];
        yield return Series(Alerts.TableSilent.Instrument, tags, [(0, 0, 1), .. CloudWatchSeries.Gauge(table, at => table.Samples[at].Freshness)]);
        yield return Series(Alerts.TableLate.Instrument, tags, CloudWatchSeries.Gauge(table, at => breach[at]));
    }

    private static CloudWatchSeries Series(InstrumentInfo instrument, IReadOnlyList<string> tags, IReadOnlyList<(double, double, double)> points) =>
        new(Metrics.Namespace, instrument.Name, Metrics.DimensionsOf(instrument, tags).ToDictionary(dimension => dimension.Name, dimension => dimension.Value, StringComparer.Ordinal), points);
}
