using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Pipeline.Aws.CloudWatch;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Telemetry.Alerting;
using Pipeline.Telemetry.CloudWatch;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>What people are told of and shown is what is measured: in the dashboard, in alarms, in rules, in the document.</summary>
public sealed partial class ObservabilitySpec
{
    private static readonly string Document = Path.Combine(Repository.Root, "docs", "observability.md");
    private static readonly CloudWatchMetrics Metrics = new("shop", nameSpace: null);
    private static readonly HashSet<string> Listed = [.. Instruments.All.Select(instrument => instrument.Name)];

    /// <summary>With <c>GOLDEN=update</c> the alerts are written.</summary>
    [Fact]
    public void The_document_says_of_each_alert_what_it_means_and_what_to_do()
    {
        var text = File.ReadAllText(Document);
        var start = text.IndexOf("| alert |", StringComparison.Ordinal);
        if (Environment.GetEnvironmentVariable("GOLDEN") == "update") File.WriteAllText(Document, text[..start] + Sections());

        Assert.Equal(Sections(), File.ReadAllText(Document)[start..]);
    }

    [Fact]
    public void Each_alert_is_defined_once_and_its_anchor_leads_to_its_section()
    {
        Assert.Equal(typeof(Alerts).GetFields().Where(field => field.FieldType == typeof(Alert)).Select(field => (Alert)field.GetValue(null)!), Alerts.All);
        Assert.All(Alerts.All, alert => Assert.Contains($"\n### {alert.Name}\n", File.ReadAllText(Document), StringComparison.Ordinal));
        Assert.All(Alerts.All, alert => Assert.Equal($"docs/observability.md#{alert.Name.ToLowerInvariant()}", new AlertOptions().LinkOf(alert)));
    }

    [Fact]
    public void The_dashboard_shows_every_instrument_and_nothing_else()
    {
        var widgets = Widgets();

        var shown = widgets.SelectMany(widget => Named().Matches(widget.ToJsonString()).Select(match => match.Groups["name"].Value)).ToHashSet(StringComparer.Ordinal);
        Assert.Equal(Listed.Order(StringComparer.Ordinal), shown.Order(StringComparer.Ordinal));
        // CloudWatch's limits of a dashboard and of a widget.
        Assert.InRange(widgets.Count, 1, 500);
        Assert.All(widgets.Where(widget => (string)widget["type"]! == "metric"), widget => Assert.InRange(widget["properties"]!["metrics"]!.AsArray().Count, 1, 500));
        Assert.All(widgets, widget => Assert.InRange((int)widget["x"]! + (int)widget["width"]!, 1, 24));
        Assert.All(widgets, widget => Assert.Single(widgets, other => (int)other["x"]! == (int)widget["x"]! && (int)other["y"]! == (int)widget["y"]!));
    }

    [Theory, InlineData(1), InlineData(12), InlineData(300), InlineData(2_000)]
    public void Alarms_keep_within_CloudWatchs_limits_however_many_tables_there_are(int count)
    {
        TableId[] tables = [.. Enumerable.Range(0, count).Select(i => TableId.Bronze("warehouse_of_everything", $"{new string('t', i % 3 == 0 ? 230 : 10)}_{i:0000}"))];

        foreach (var isPromQl in (bool[])[false, true])
        {
            var options = new AlertOptions { IsPromQl = isPromQl, PageTopics = ["arn:aws:sns:eu-central-1:123456789012:page"] };
            var alarms = new CloudWatchAlarms("shop", Metrics, options).Of(tables);
            string[] names = [.. alarms.Metric.Select(alarm => alarm.AlarmName), .. alarms.Composite.Select(alarm => alarm.AlarmName)];

            Assert.Equal(names.Length, names.Distinct(StringComparer.Ordinal).Count());
            Assert.All(names, name => Assert.InRange(name.Length, 1, 255));
            Assert.All(names, name => Assert.StartsWith("pipeline-shop-", name, StringComparison.Ordinal));
            Assert.All(alarms.Metric, alarm => Assert.InRange(JsonSerializer.SerializeToUtf8Bytes(alarm).Length, 1, 120 << 10));
            Assert.All(alarms.Metric, alarm => Assert.InRange(alarm.AlarmDescription!.Length, 1, 1_024));
            Assert.All(alarms.Metric.Where(alarm => alarm.EvaluationCriteria is not null), alarm => Assert.InRange(alarm.EvaluationCriteria!.PromQLCriteria.Query.Length, 1, 10_000));
            Assert.All(alarms.Composite, alarm => Assert.InRange(alarm.AlarmRule.Length, 1, CompositeAlarm.RuleLengthMax));
            Assert.All(alarms.Composite, alarm => Assert.InRange(Child().Count(alarm.AlarmRule), 1, CompositeAlarm.ChildrenMax));
            // One pages, and everything that is to page is below it.
            Assert.Equal(options.PageTopics, Assert.Single(alarms.Composite, alarm => alarm.AlarmActions!.Count > 0).AlarmActions);
            var below = alarms.Composite.SelectMany(alarm => Child().Matches(alarm.AlarmRule)).Select(match => match.Groups["name"].Value).ToHashSet(StringComparer.Ordinal);
            Assert.All(alarms.Metric.Where(alarm => alarm.AlarmName.Contains("TableLate", StringComparison.Ordinal) || alarm.AlarmName.Contains("TableSilent", StringComparison.Ordinal)), alarm => Assert.Contains(alarm.AlarmName, below));
            Assert.All(alarms.Composite.SkipLast(1), alarm => Assert.Contains(alarm.AlarmName, below));
        }
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Each_alarm_says_where_it_is_written_what_to_do_and_tells_those_of_its_urgency_when_it_begins_and_ends(bool isPromQl)
    {
        string[] Topics(string name) => [$"arn:aws:sns:eu-central-1:123456789012:{name}"];
        var options = new AlertOptions { Runbook = "https://wiki/pipeline", PageTopics = Topics("page"), TicketTopics = Topics("ticket"), OkTopics = Topics("ok"), IsPromQl = isPromQl };

        var alarms = new CloudWatchAlarms("shop", Metrics, options).Of([TableId.Bronze("app", "users"), TableId.Silver("users")]);

        foreach (var alert in Alerts.All)
        {
            var mine = alarms.Metric.Where(alarm => alarm.AlarmName == $"pipeline-shop-{alert.Name}" || alarm.AlarmName.StartsWith($"pipeline-shop-{alert.Name}-", StringComparison.Ordinal)).ToList();
            Assert.NotEmpty(mine);
            Assert.All(mine, alarm => Assert.EndsWith($" https://wiki/pipeline#{alert.Name.ToLowerInvariant()}", alarm.AlarmDescription, StringComparison.Ordinal));
            // Pages go out from the one that is made of them all.
            Assert.All(mine, alarm => Assert.Equal(alert.Urgency == Urgency.Page ? [] : Topics("ticket"), alarm.AlarmActions!));
            Assert.All(mine, alarm => Assert.Equal(alert.Urgency == Urgency.Page ? [] : Topics("ok"), alarm.OKActions!));
        }

        var page = alarms.Composite[^1];
        Assert.Equal(Topics("page"), page.AlarmActions!);
        Assert.Equal(Topics("ok"), page.OKActions!);
        Assert.EndsWith(" https://wiki/pipeline", page.AlarmDescription, StringComparison.Ordinal);
    }

    private static IReadOnlyList<JsonNode> Widgets() =>
        [.. JsonNode.Parse(new CloudWatchDashboard("shop", Metrics, "eu-central-1", new AlertOptions()).Body())!["widgets"]!.AsArray().Select(widget => widget!)];

    private static string Sections()
    {
        var text = new StringBuilder("| alert | urgency | looks at | when |\n|---|---|---|---|\n");
        foreach (var alert in Alerts.All) text.Append(CultureInfo.InvariantCulture, $"| [{alert.Name}](#{alert.Anchor}) | {alert.Urgency.ToString().ToLowerInvariant()} | `{alert.Instrument.Name}` | {When(alert)} |\n");
        foreach (var alert in Alerts.All)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n### {alert.Name}\n\n**{alert.Title}.** {alert.Meaning}\n\n");
            foreach (var (step, i) in alert.ToDo.Select((step, i) => (step, i + 1))) text.Append(CultureInfo.InvariantCulture, $"{i}. {step}\n");
        }

        return text.ToString();
    }

    private static string When(Alert alert) => alert.When switch
    {
        AlertCondition.Value value => string.Create(CultureInfo.InvariantCulture,
            $"{(value.Comparison switch { Comparison.Below => "below", Comparison.Above => "above", _ => "at least" })} {value.Threshold:#,0.##} {alert.Instrument.Unit} in {value.Points} of {value.Minutes} minutes"),
        AlertCondition.Growth growth => string.Create(CultureInfo.InvariantCulture, $"grown by more than {growth.Most:0} within {growth.Minutes} minutes"),
        AlertCondition.Silence silence => $"no figure {(silence.IsTable ? "of a table " : "")}for {silence.Minutes} minutes",
        var other => throw new InvalidOperationException($"There is no condition {other}."),
    };

    [GeneratedRegex("MetricName=\\\\u0022(?<name>[^\\\\]+)\\\\u0022|MetricName=\\\\\"(?<name>[^\\\\]+)\\\\\"")]
    private static partial Regex Named();

    [GeneratedRegex("ALARM\\(\"(?<name>[^\"]+)\"\\)")]
    private static partial Regex Child();
}
