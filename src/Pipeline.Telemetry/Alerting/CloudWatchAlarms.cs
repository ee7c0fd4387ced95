using System.Security.Cryptography;
using System.Text;
using Pipeline.Aws.CloudWatch;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Telemetry.CloudWatch;

namespace Pipeline.Telemetry.Alerting;

/// <summary>The alarms of a pipeline in CloudWatch.</summary>
/// <param name="Metric">In the order of <see cref="Alerts.All"/>.</param>
/// <param name="Composite">Each behind those that it is made of; the last one pages.</param>
public sealed record AlarmSet(IReadOnlyList<MetricAlarm> Metric, IReadOnlyList<CompositeAlarm> Composite);

/// <summary>Makes the alarms of a pipeline from <see cref="Alerts"/>. All carry its name, in their names and in their tags.</summary>
/// <param name="pipeline">The pipeline's name.</param>
/// <param name="metrics">How its series are metrics.</param>
public sealed class CloudWatchAlarms(string pipeline, CloudWatchMetrics metrics, AlertOptions options)
{
    /// <summary>The tag that says whose an alarm is.</summary>
    public const string PipelineTag = "pipeline";

    private const int NameLengthMax = 255;
    private const int DescriptionLengthMax = 1_024;
    private const int HashLength = 12;
    private const int Minute = 60;

    /// <summary>What alarms of ours carry, and those of others do not.</summary>
    public IReadOnlyList<AwsTag> Tags { get; } = [new(PipelineTag, pipeline), new("managed-by", "pipeline alarms put")];

    /// <summary>What the names of this pipeline's alarms begin with; those of another may as well.</summary>
    public string Prefix { get; } = $"pipeline-{pipeline}-";

    /// <param name="tables">All that are configured.</param>
    public AlarmSet Of(IReadOnlyList<TableId> tables)
    {
        List<MetricAlarm> all = [];
        List<string> pages = [];
        foreach (var alert in Alerts.All)
        {
            var alarms = options.IsPromQl ? [ByQuery(alert)] : AlarmsOf(alert, tables).ToList();
            all.AddRange(alarms);
            if (alert.Urgency == Urgency.Page) pages.AddRange(alarms.Select(alarm => alarm.AlarmName));
        }

        return new AlarmSet(all, Composites(pages));
    }

    private IEnumerable<MetricAlarm> AlarmsOf(Alert alert, IReadOnlyList<TableId> tables) => alert.When switch
    {
        AlertCondition.Value { IsTable: true } value => tables.Select(table => Judging(value, OfTable(alert, table)) with { Statistic = StatisticOf(value.Comparison) }),
        AlertCondition.Value value =>
            [Judging(value, Begun(alert) with { Metrics = [OverAll(StatisticOf(value.Comparison)[..3].ToUpperInvariant(), alert.Instrument, Minute)] }) with { Period = null }],
        AlertCondition.Growth growth =>
        [
            Begun(alert) with
            {
                Metrics = [OverAll("SUM", alert.Instrument, growth.Minutes * Minute)], EvaluationPeriods = 1, DatapointsToAlarm = 1, Threshold = growth.Most,
                ComparisonOperator = "GreaterThanThreshold", TreatMissingData = "notBreaching",
            },
        ],
        // A series that ends is in no query: only an alarm of its own can name it, and costs what its share of a query would.
        AlertCondition.Silence { IsTable: true } silence => tables.Select(table => Missing(silence, OfTable(alert, table) with { Statistic = "SampleCount", Period = Minute }) with { Threshold = 1 }),
        AlertCondition.Silence silence =>
        [
            Missing(silence, Begun(alert) with { MetricName = alert.Instrument.Name, Namespace = metrics.Namespace, Dimensions = metrics.DimensionsOf(alert.Instrument, []), Statistic = "SampleCount", Period = Minute }) with { Threshold = 1 },
        ],
        _ => throw new InvalidOperationException($"There is no condition {alert.When}."),
    };

    /// <summary>A few bad minutes of many: what comes and goes is one alarm.</summary>
    private static MetricAlarm Judging(AlertCondition.Value value, MetricAlarm alarm) => alarm with
    {
        Period = Minute, EvaluationPeriods = value.Minutes, DatapointsToAlarm = value.Points, Threshold = value.Threshold,
        ComparisonOperator = value.Comparison switch { Comparison.Below => "LessThanThreshold", Comparison.Above => "GreaterThanThreshold", _ => "GreaterThanOrEqualToThreshold" },
        TreatMissingData = "notBreaching",
    };

    private static MetricAlarm Missing(AlertCondition.Silence silence, MetricAlarm alarm) => alarm with
    {
        EvaluationPeriods = silence.Minutes, DatapointsToAlarm = silence.Minutes, ComparisonOperator = "LessThanThreshold", TreatMissingData = "breaching",
    };

    private MetricAlarm ByQuery(Alert alert) => Begun(alert) with
    {
        EvaluationCriteria = new AlarmCriteria(new PromQlCriteria(PrometheusRules.QueryOf(alert, pipeline).Print(PromForm.Dots), PendingPeriod: 0, RecoveryPeriod: 0)),
        EvaluationInterval = Minute,
    };

    private MetricAlarm OfTable(Alert alert, TableId table) => Begun(alert, table) with
    {
        MetricName = alert.Instrument.Name,
        Namespace = metrics.Namespace,
        Dimensions = metrics.DimensionsOf(alert.Instrument, [.. alert.Instrument.Tags.Select(tag => tag switch
        {
            "table" => table.ToString(),
            "layer" => table.Layer.ToString().ToLowerInvariant(),
            _ => throw new InvalidOperationException($"{alert.Name} is asked of each table, and {alert.Instrument.Name} has the tag {tag} beside."),
        })]),
    };

    private MetricAlarm Begun(Alert alert, TableId? table = null) => new()
    {
        AlarmName = NameOf(alert.Name, table?.ToString()),
        AlarmDescription = Description($"{alert.Title}{(table is null ? "" : $": {table}")}. {alert.Meaning}", options.LinkOf(alert)),
        // Pages go out once, from the alarm that is made of them all.
        AlarmActions = alert.Urgency == Urgency.Page ? [] : options.TicketTopics,
        OKActions = alert.Urgency == Urgency.Page ? [] : options.OkTopics,
        Tags = Tags,
    };

    /// <summary>A figure over all series of an instrument, those included that begin tomorrow.</summary>
    private AlarmQuery OverAll(string function, InstrumentInfo instrument, int period) =>
        new("q", $"SELECT {function}(\"{instrument.Name}\") FROM \"{metrics.Namespace}\" WHERE {CloudWatchMetrics.PipelineDimension} = '{Dimension.Replace("'", "''", StringComparison.Ordinal)}'", period, ReturnData: true);

    private string Dimension => metrics.DimensionsOf(Instruments.BufferBytes, [])[0].Value;

    /// <summary>One alarm for all pages; where they are too many for one, over alarms that each stand for some.</summary>
    private List<CompositeAlarm> Composites(IReadOnlyList<string> children)
    {
        List<CompositeAlarm> all = [];
        var groups = Groups(children).ToList();
        if (groups.Count > 1)
        {
            foreach (var (group, i) in groups.Select((group, i) => (group, i + 1)))
                all.Add(new CompositeAlarm { AlarmName = NameOf($"pages-{i}"), AlarmDescription = $"Pages of pipeline {pipeline}, part {i} of {groups.Count}.", AlarmActions = [], OKActions = [], AlarmRule = Rule(group), Tags = Tags });
            groups = [[.. all.Select(alarm => alarm.AlarmName)]];
        }

        all.Add(new CompositeAlarm
        {
            AlarmName = NameOf("page"),
            AlarmDescription = Description($"Pipeline {pipeline} needs somebody now: {string.Join("; ", Alerts.All.Where(alert => alert.Urgency == Urgency.Page).Select(alert => alert.Title))}.", options.Runbook),
            AlarmActions = options.PageTopics, OKActions = options.OkTopics, AlarmRule = Rule(groups[0]), Tags = Tags,
        });
        return all;
    }

    private static IEnumerable<List<string>> Groups(IReadOnlyList<string> children)
    {
        List<string> group = [];
        foreach (var child in children)
        {
            if (group.Count == CompositeAlarm.ChildrenMax || Rule([.. group, child]).Length > CompositeAlarm.RuleLengthMax)
            {
                yield return group;
                group = [];
            }

            group.Add(child);
        }

        yield return group;
    }

    private static string Rule(IReadOnlyList<string> children) => string.Join(" OR ", children.Select(child => $"ALARM(\"{child.Replace("\"", "\\\"", StringComparison.Ordinal)}\")"));

    private static string StatisticOf(Comparison comparison) => comparison == Comparison.Below ? "Minimum" : "Maximum";

    private string NameOf(string what, string? table = null)
    {
        var name = $"{Prefix}{what}{(table is null ? "" : $"-{table}")}";
        // A name that is too long ends in what tells it from others.
        return name.Length <= NameLengthMax ? name : $"{name[..(NameLengthMax - HashLength - 1)]}~{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..HashLength]}";
    }

    private static string Description(string text, string link)
    {
        var room = DescriptionLengthMax - link.Length - 1;
        return $"{(text.Length <= room ? text : $"{text[..(room - 1)]}…")} {link}";
    }
}
