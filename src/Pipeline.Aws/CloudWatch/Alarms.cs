namespace Pipeline.Aws.CloudWatch;

/// <summary>An alarm on metrics as CloudWatch keeps it. Names, ranges and meanings are those of <c>PutMetricAlarm</c>; null and an empty list are not there.</summary>
public sealed record MetricAlarm
{
    /// <summary>1 to 255 characters.</summary>
    public required string AlarmName { get; init; }

    /// <summary>At most 1,024 characters.</summary>
    public string? AlarmDescription { get; init; }

    public IReadOnlyList<string>? AlarmActions { get; init; }

    public IReadOnlyList<string>? OKActions { get; init; }

    public string? MetricName { get; init; }

    public string? Namespace { get; init; }

    public string? Statistic { get; init; }

    public IReadOnlyList<MetricDimension>? Dimensions { get; init; }

    /// <summary>Seconds.</summary>
    public int? Period { get; init; }

    public int? EvaluationPeriods { get; init; }

    public int? DatapointsToAlarm { get; init; }

    public double? Threshold { get; init; }

    public string? ComparisonOperator { get; init; }

    public string? TreatMissingData { get; init; }

    public IReadOnlyList<AlarmQuery>? Metrics { get; init; }

    public AlarmCriteria? EvaluationCriteria { get; init; }

    /// <summary>Seconds: 10, 20, 30 or a number of minutes; only with <see cref="EvaluationCriteria"/>.</summary>
    public int? EvaluationInterval { get; init; }

    /// <summary>Only put with one that is not there yet.</summary>
    public IReadOnlyList<AwsTag>? Tags { get; init; }

    /// <summary>Given by CloudWatch.</summary>
    public string? AlarmArn { get; init; }
}

/// <summary>A figure that an alarm is made of.</summary>
/// <param name="Expression">Such as a query of Metrics Insights, at most 2,048 characters.</param>
/// <param name="Period">Seconds.</param>
public sealed record AlarmQuery(string Id, string Expression, int Period, bool ReturnData);

public sealed record AlarmCriteria(PromQlCriteria PromQLCriteria);

/// <param name="Query">At most 10,000 characters. Each series of its result is an alarm of its own.</param>
/// <param name="PendingPeriod">Seconds until it alarms.</param>
/// <param name="RecoveryPeriod">Seconds until it is over.</param>
public sealed record PromQlCriteria(string Query, int PendingPeriod, int RecoveryPeriod);

/// <summary>An alarm on alarms. Names, ranges and meanings are those of <c>PutCompositeAlarm</c>.</summary>
public sealed record CompositeAlarm
{
    public const int ChildrenMax = 100;

    public const int RuleLengthMax = 10_240;

    public required string AlarmName { get; init; }

    public string? AlarmDescription { get; init; }

    public IReadOnlyList<string>? AlarmActions { get; init; }

    public IReadOnlyList<string>? OKActions { get; init; }

    public required string AlarmRule { get; init; }

    /// <summary>Only put with one that is not there yet.</summary>
    public IReadOnlyList<AwsTag>? Tags { get; init; }

    /// <summary>Given by CloudWatch.</summary>
    public string? AlarmArn { get; init; }
}

public sealed record AwsTag(string Key, string Value);

/// <summary>What CloudWatch has of alarms under a prefix of names.</summary>
public sealed record FoundAlarms(IReadOnlyList<MetricAlarm> Metric, IReadOnlyList<CompositeAlarm> Composite);
