using Pipeline.Core;

namespace Pipeline.Aws.CloudWatch;

public sealed partial class CloudWatchClient
{
    private const int DeletesMax = 100;

    /// <summary>All alarms whose names begin with <paramref name="prefix"/>, whoever made them.</summary>
    /// <exception cref="PipelineException">It is refused, or CloudWatch is away.</exception>
    public async Task<FoundAlarms> AlarmsAsync(string prefix, CancellationToken cancellationToken)
    {
        var (metric, composite) = (new List<MetricAlarm>(), new List<CompositeAlarm>());
        string? next = null;
        do
        {
            var page = await AskAsync<CloudWatchWire.DescribeAlarms, CloudWatchWire.AlarmsDescribed>($"Alarms {prefix}*", "DescribeAlarms",
                new CloudWatchWire.DescribeAlarms(prefix, ["MetricAlarm", "CompositeAlarm"], next), cancellationToken);
            metric.AddRange(page.MetricAlarms ?? []);
            composite.AddRange(page.CompositeAlarms ?? []);
            next = page.NextToken;
        }
        while (!string.IsNullOrEmpty(next));
        return new FoundAlarms(metric, composite);
    }

    /// <exception cref="PipelineException">It is refused, or CloudWatch is away.</exception>
    public async Task<IReadOnlyList<AwsTag>> TagsOfAsync(string arn, CancellationToken cancellationToken) =>
        (await AskAsync<CloudWatchWire.ListTagsForResource, CloudWatchWire.TagsListed>(arn, "ListTagsForResource", new CloudWatchWire.ListTagsForResource(arn), cancellationToken)).Tags ?? [];

    /// <summary>Makes the alarm, or makes it so.</summary>
    /// <exception cref="PipelineException">It is refused, or CloudWatch is away.</exception>
    public Task PutAlarmAsync(MetricAlarm alarm, CancellationToken cancellationToken) =>
        AskAsync<MetricAlarm, CloudWatchWire.Nothing>($"Alarm {alarm.AlarmName}", "PutMetricAlarm", alarm with { AlarmArn = null }, cancellationToken);

    /// <inheritdoc cref="PutAlarmAsync(MetricAlarm, CancellationToken)"/>
    public Task PutAlarmAsync(CompositeAlarm alarm, CancellationToken cancellationToken) =>
        AskAsync<CompositeAlarm, CloudWatchWire.Nothing>($"Alarm {alarm.AlarmName}", "PutCompositeAlarm", alarm with { AlarmArn = null }, cancellationToken);

    /// <summary>Takes alarms away; those that are not there are passed over. A composite alarm is taken away by itself.</summary>
    /// <exception cref="PipelineException">It is refused, or CloudWatch is away.</exception>
    public async Task DeleteAlarmsAsync(IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        foreach (var some in names.Chunk(DeletesMax))
            await AskAsync<CloudWatchWire.DeleteAlarms, CloudWatchWire.Nothing>($"Alarm {some[0]}{(some.Length > 1 ? $" and {some.Length - 1} others" : "")}", "DeleteAlarms", new CloudWatchWire.DeleteAlarms(some), cancellationToken);
    }

    /// <summary>A dashboard's body; null: there is none of that name.</summary>
    /// <exception cref="PipelineException">It is refused, or CloudWatch is away.</exception>
    public async Task<string?> DashboardAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            return (await AskAsync<CloudWatchWire.GetDashboard, CloudWatchWire.DashboardGot>($"Dashboard {name}", "GetDashboard", new CloudWatchWire.GetDashboard(name), cancellationToken)).DashboardBody;
        }
        catch (PipelineException e) when (e.Kind == FaultKind.Missing)
        {
            return null;
        }
    }

    /// <summary>Makes the dashboard, or makes it so.</summary>
    /// <param name="name">Letters, digits, <c>-</c> and <c>_</c>, at most 255.</param>
    /// <returns>What CloudWatch has to say against it; it is put nevertheless.</returns>
    /// <exception cref="PipelineException">It is refused, or CloudWatch is away.</exception>
    public async Task<IReadOnlyList<string>> PutDashboardAsync(string name, string body, CancellationToken cancellationToken)
    {
        var put = await AskAsync<CloudWatchWire.PutDashboard, CloudWatchWire.DashboardPut>($"Dashboard {name}", "PutDashboard", new CloudWatchWire.PutDashboard(name, body), cancellationToken);
        return [.. (put.DashboardValidationMessages ?? []).Select(message => $"{message.DataPath}: {message.Message}")];
    }

    private Task<TAnswer> AskAsync<TRequest, TAnswer>(string thing, string operation, TRequest body, CancellationToken cancellationToken) =>
        _call.RepeatableAsync<TAnswer>(AwsRequest.Json10($"{thing} in CloudWatch in {_settings.Region}", TargetPrefix, operation, body), cancellationToken);
}
