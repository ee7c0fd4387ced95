using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Telemetry.Alerting;

/// <summary>Whom alarms tell, and what they link to: the section <c>telemetry.alarms</c> of the configuration.</summary>
public sealed record AlertOptions
{
    private const int ActionsMax = 5;

    /// <summary>The address of <c>docs/observability.md</c> as the people on call can open it: what to do is behind <c>#</c> and the alert's name. Default: the file's path.</summary>
    public string Runbook { get; init; } = "docs/observability.md";

    /// <summary>Topics of SNS that are told of pages. Default none; at most 5.</summary>
    public IReadOnlyList<string> PageTopics { get; init; } = [];

    /// <summary>Topics of SNS that are told of tickets. Default none; at most 5.</summary>
    public IReadOnlyList<string> TicketTopics { get; init; } = [];

    /// <summary>Topics of SNS that are told when either is over. Default none; at most 5.</summary>
    public IReadOnlyList<string> OkTopics { get; init; } = [];

    /// <summary>Whether alarms in CloudWatch are queries in PromQL over what OTLP has brought, one for all tables. Default false: over the metrics of <c>telemetry.cloudwatch</c>, one for each table.</summary>
    public bool IsPromQl { get; init; }

    /// <summary>Where it is said what to do.</summary>
    public string LinkOf(Alert alert) => $"{Runbook}#{alert.Anchor}";

    public static AlertOptions Bind(SettingsReader settings)
    {
        var defaults = new AlertOptions();
        var options = new AlertOptions
        {
            Runbook = settings.String("runbook", defaults.Runbook),
            PageTopics = Topics(settings, "page-topics"),
            TicketTopics = Topics(settings, "ticket-topics"),
            OkTopics = Topics(settings, "ok-topics"),
            IsPromQl = settings.Bool("promql", defaults.IsPromQl),
        };
        settings.Complete();
        return options;
    }

    private static IReadOnlyList<string> Topics(SettingsReader settings, string key)
    {
        var topics = settings.Strings(key);
        if (topics.Count > ActionsMax) settings.Report(key, $"has {Plural.Of(topics.Count, "topic")}, and an alarm tells at most {ActionsMax}");
        if (topics.FirstOrDefault(topic => !IsTopic(topic)) is { } wrong) settings.Report(key, $"'{wrong}' is no topic of SNS. Write its ARN: arn:aws:sns:REGION:ACCOUNT:NAME");
        return topics;
    }

    private static bool IsTopic(string arn) => arn.Split(':') is ["arn", _, "sns", { Length: > 0 }, { Length: > 0 }, { Length: > 0 }];
}
