using System.Text.Json;

namespace Pipeline.Telemetry.Tests.Alerting;

/// <summary>The evaluator does what CloudWatch's documents say, by the documents' own examples.</summary>
public sealed class ClassicAlarmEvaluatorSpec
{
    /// <summary>The tables of "How alarm state is evaluated when data is missing": 0 is well, X breaches, - is missing; null retains the state.</summary>
    [Theory]
    [InlineData(3, "0 - X - X", "Ok", "Ok", "Ok", "Ok")]
    [InlineData(3, "0 - - - -", "Ok", "Ok", "Ok", "Ok")]
    [InlineData(3, "- - - - -", "InsufficientData", null, "Alarm", "Ok")]
    [InlineData(3, "0 X X - X", "Alarm", "Alarm", "Alarm", "Alarm")]
    [InlineData(3, "- - - - X", "InsufficientData", null, "Alarm", "Ok")]
    [InlineData(3, "- - X - -", "Alarm", null, "Alarm", "Ok")]
    [InlineData(3, "X - - - -", "Alarm", null, "Alarm", "Ok")]
    [InlineData(2, "0 - X - X", "Alarm", "Alarm", "Alarm", "Alarm")]
    [InlineData(2, "0 0 X 0 X", "Alarm", "Alarm", "Alarm", "Alarm")]
    [InlineData(2, "0 - X - -", "Ok", "Ok", "Alarm", "Ok")]
    [InlineData(2, "- - - - 0", "Ok", "Ok", "Alarm", "Ok")]
    [InlineData(2, "- - - X -", "Alarm", null, "Alarm", "Ok")]
    public void Missing_data_is_treated_as_the_documents_tabulate(int datapointsToAlarm, string points, string missing, string? ignore, string breaching, string notBreaching)
    {
        var range = points.Split(' ').Select(point => point == "-" ? (bool?)null : point == "X").ToList();

        string? Decided(string treat) => ClassicAlarmEvaluator.Decide(range, 3, datapointsToAlarm, treat)?.ToString();

        Assert.Equal((missing, ignore, breaching, notBreaching), (Decided("missing"), Decided("ignore"), Decided("breaching"), Decided("notBreaching")));
    }

    [Theory]
    [InlineData("metric1 < metric2", "0 0 1 0")]
    [InlineData("metric1 >= 30", "1 0 0 0")]
    [InlineData("metric1 > 15 AND metric2 > 15", "1 0 0 0")]
    [InlineData("metric1 + metric2", "50 20 20 0")]
    [InlineData("metric1 / metric2", "1.5 - 0 -")]
    [InlineData("-metric1 * 2 + 0", "-60 -40 0 0")]
    [InlineData("FILL(metric2, 7)", "20 7 20 7")]
    [InlineData("FILL(metric2, REPEAT)", "20 20 20 20")]
    [InlineData("FILL(metric2, metric1) - 1", "19 19 19 -1")]
    [InlineData("IF(metric2, metric1, 5)", "30 - 0 -")]
    [InlineData("IF(metric1, metric2)", "20 0 - -")]
    [InlineData("IF(metric1 > 25, 1, 0)", "1 0 0 0")]
    [InlineData("MAX([metric1, metric2])", "30 20 20 0")]
    [InlineData("MIN(METRICS())", "20 20 0 0")]
    [InlineData("AVG(METRICS())", "25 10 10 0")]
    [InlineData("SUM(METRICS(\"2\"))", "20 - 20 -")]
    [InlineData("DIFF(metric2)", "- - 0 -")]
    [InlineData("RATE(metric1) * 60", "- -10 -20 0")]
    [InlineData("metric1 - MIN(metric2)", "10 0 -20 -20")]
    [InlineData("TIME_SERIES(3) ^ 2", "9 9 9 9")]
    [InlineData("(metric1 == 20 || metric2 == 20) && 1", "1 1 1 0")]
    public void Expressions_give_what_the_documents_say(string expression, string expected)
    {
        var metrics = new Dictionary<string, double[]> { ["metric1"] = [30, 20, 0, 0], ["metric2"] = [20, double.NaN, 20, double.NaN] };

        var value = MetricMath.Evaluate(expression, id => MetricMath.Value.Of(metrics[id]), part => MetricMath.Value.Of([.. metrics.Where(m => m.Key.Contains(part ?? "")).Select(m => m.Value)]), 60, 4);

        Assert.Equal(expected, string.Join(' ', Assert.Single(value.Series).Select(v => double.IsNaN(v) ? "-" : v.ToString())));
    }

    [Theory]
    [InlineData("SEARCH('x')")]
    [InlineData("metric1 +")]
    [InlineData("ANOMALY_DETECTION_BAND(metric1)")]
    [InlineData("(metric1")]
    public void An_expression_that_is_not_known_is_refused(string expression) =>
        Assert.Throws<FormatException>(() => MetricMath.Evaluate(expression, _ => MetricMath.Value.Of([1]), _ => throw new FormatException(), 60, 1));

    [Fact]
    public void Three_of_three_alarms_with_the_third_and_is_well_with_the_first_that_is()
    {
        var evaluator = Run("""{ "AlarmName": "a", "Namespace": "n", "MetricName": "m", "Statistic": "Maximum", "Period": 60, "EvaluationPeriods": 3, "Threshold": 3, "ComparisonOperator": "GreaterThanThreshold" }""",
            [1, 4, 4, 4, 4, 2, 4, 1, 1]);

        Assert.Equal([(60.0, AlarmState.Ok), (240.0, AlarmState.Alarm), (360.0, AlarmState.Ok)], evaluator.Changes.Select(c => (c.At, c.To)));
        Assert.Equal(new Page(240, 360), Assert.Single(evaluator.PagesOf("a")));
    }

    [Fact]
    public void A_period_of_five_minutes_slides_with_every_minute()
    {
        var evaluator = Run("""{ "AlarmName": "a", "Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 300, "EvaluationPeriods": 1, "Threshold": 10, "ComparisonOperator": "GreaterThanOrEqualToThreshold" }""",
            [1, 1, 1, 1, 1, 1, 6, 1, 1, 1, 1, 1, 1]);

        Assert.Equal(new Page(420, 720), Assert.Single(evaluator.PagesOf("a")));
    }

    [Fact]
    public void An_expression_over_metrics_alarms_like_a_metric()
    {
        var evaluator = Run("""
            { "AlarmName": "a", "EvaluationPeriods": 2, "DatapointsToAlarm": 2, "Threshold": 0, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching", "Metrics": [
              { "Id": "e", "Expression": "IF(f > s, 1, 0)" },
              { "Id": "f", "ReturnData": false, "MetricStat": { "Metric": { "Namespace": "n", "MetricName": "m" }, "Period": 60, "Stat": "Maximum" } },
              { "Id": "s", "ReturnData": false, "MetricStat": { "Metric": { "Namespace": "n", "MetricName": "sla", "Dimensions": [{ "Name": "table", "Value": "t" }] }, "Period": 60, "Stat": "Maximum" } } ] }
            """, [5, 50, 5, 50, 50, 50, 5], [("sla", new() { ["table"] = "t" }, [10, 10, 10, 10, 10, 10, 10])]);

        Assert.Equal(new Page(300, 420), Assert.Single(evaluator.PagesOf("a")));
    }

    [Fact]
    public void What_is_not_heard_of_breaches_only_when_the_evaluation_range_is_empty_enough()
    {
        var evaluator = Run("""{ "AlarmName": "a", "Namespace": "n", "MetricName": "m", "Statistic": "Maximum", "Period": 60, "EvaluationPeriods": 3, "Threshold": 3, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "breaching" }""",
            [1, 1, 1, double.NaN, double.NaN, double.NaN, double.NaN, double.NaN, double.NaN]);

        // The last point that was well leaves the five that are retrieved at minute 8.
        Assert.Equal(480, Assert.Single(evaluator.PagesOf("a")).Began);
    }

    [Theory]
    [InlineData("ALARM(\"a\") AND NOT ALARM(b)", 240)]
    [InlineData("(ALARM(a) OR ALARM(b)) AND OK(b)", 240)]
    [InlineData("ALARM(arn:aws:cloudwatch:eu-central-1:1:alarm:a) AND TRUE", 240)]
    [InlineData("ALARM(a) AND ALARM(b)", null)]
    [InlineData("INSUFFICIENT_DATA(b) OR FALSE", null)]
    public void A_composite_follows_its_rule(string rule, int? pagesAt)
    {
        var evaluator = Run(Over("a", 3), [1, 4, 4, 4, 1, 1], composite: $$"""{ "AlarmName": "c", "AlarmRule": {{JsonSerializer.Serialize(rule)}} }""", second: Over("b", 100));

        Assert.Equal(pagesAt, evaluator.PagesOf("c").Select(page => (int?)page.Began).SingleOrDefault());
    }

    [Theory]
    [InlineData(0, 0, 240)] // No wait: it acts before the suppressor is in ALARM.
    [InlineData(180, 120, 660)] // Suppressed within the wait, until the extension after the suppressor has gone (at 540).
    [InlineData(180, 600, null)] // The alarm is over before the extension is.
    public void Actions_wait_for_the_suppressor_and_the_extension_after_it(int wait, int extension, int? pagesAt)
    {
        var evaluator = Run(Over("a", 3), [1, 4, 4, 4, 4, 9, 9, 9, 4, 4, 4, 4, 1, 1],
            composite: $$"""{ "AlarmName": "c", "AlarmRule": "ALARM(a)", "ActionsSuppressor": "b", "ActionsSuppressorWaitPeriod": {{wait}}, "ActionsSuppressorExtensionPeriod": {{extension}} }""",
            second: """{ "AlarmName": "b", "Namespace": "n", "MetricName": "m", "Statistic": "Maximum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 8, "ComparisonOperator": "GreaterThanThreshold" }""");

        Assert.Equal(pagesAt, evaluator.PagesOf("c").Select(page => (int?)page.Began).SingleOrDefault());
    }

    [Fact]
    public void An_alarm_with_what_is_not_known_is_refused()
    {
        Assert.Throws<FormatException>(() => Run(Over("a", 3).Replace("\"Period\": 60", "\"Period\": 60, \"EvaluateLowSampleCountPercentile\": \"ignore\"", StringComparison.Ordinal), [1]));
        Assert.Throws<FormatException>(() => Run(Over("a", 3).Replace("\"EvaluationPeriods\": 3", "\"EvaluationPeriods\": 1500", StringComparison.Ordinal), [1]));
    }

    [Fact]
    public void The_threshold_on_freshness_as_an_alarm_is_judged_like_the_rule()
    {
        foreach (var history in new[] { HistoryClass.SlowDown, HistoryClass.SawTooth }.SelectMany(drawn => HistoryGenerator.Of(drawn, HistoryGenerator.Seeds[0], 3)))
        {
            var table = history.Tables[0];
            var series = new CloudWatchSeries("p", "pipeline.table.freshness", new Dictionary<string, string> { ["table"] = table.Table }, CloudWatchSeries.Gauge(table, at => table.Samples[at].Freshness));
            var alarm = JsonSerializer.SerializeToElement(new
            {
                AlarmName = "a", Namespace = "p", MetricName = "pipeline.table.freshness", Dimensions = new[] { new { Name = "table", Value = table.Table } }, Statistic = "Maximum",
                Period = 60, EvaluationPeriods = 3, Threshold = table.Sla, ComparisonOperator = "GreaterThanThreshold",
            });
            var evaluator = new ClassicAlarmEvaluator([series], [alarm], []);

            evaluator.Run(history.Length);

            var judgement = Judge.Of(history, evaluator.PagesOf("a"));
            Assert.Equal((false, 0), (judgement.IsMissed, judgement.FalsePages));
            Assert.True(history.Paging == Paging.MustNot || judgement.Forecast < 0, judgement.ToString());
        }
    }

    private static string Over(string name, double threshold) =>
        $$"""{ "AlarmName": "{{name}}", "Namespace": "n", "MetricName": "m", "Statistic": "Maximum", "Period": 60, "EvaluationPeriods": 3, "Threshold": {{threshold}}, "ComparisonOperator": "GreaterThanThreshold" }""";

    /// <summary>One value a minute, in its middle; NaN: none.</summary>
    private static ClassicAlarmEvaluator Run(string alarm, double[] values, (string Name, Dictionary<string, string> Dimensions, double[] Values)[]? more = null, string? composite = null, string? second = null)
    {
        var series = new List<CloudWatchSeries> { new("n", "m", new Dictionary<string, string>(), Points(values)) };
        series.AddRange((more ?? []).Select(one => new CloudWatchSeries("n", one.Name, one.Dimensions, Points(one.Values))));
        var evaluator = new ClassicAlarmEvaluator(series, [.. new[] { alarm, second }.OfType<string>().Select(Parsed)], composite is null ? [] : [Parsed(composite)]);
        evaluator.Run(values.Length * 60);
        return evaluator;

        static JsonElement Parsed(string json) => JsonSerializer.Deserialize<JsonElement>(json);
        static (double, double, double)[] Points(double[] values) => [.. values.Index().Where(v => !double.IsNaN(v.Item)).Select(v => ((v.Index * 60.0) + 30, (v.Index * 60.0) + 30, v.Item))];
    }
}
