using System.Text.Json;
using System.Text.Json.Nodes;
using Pipeline.Aws.CloudWatch;
using Pipeline.Core;
using Pipeline.Operations.Options;
using Pipeline.Telemetry.Alerting;

namespace Pipeline.Operations.Alerting;

public enum PlannedAlarmKind
{
    /// <summary>It is there as it should be.</summary>
    Stay,

    Create,

    Change,

    /// <summary>It was made for this pipeline, which has no use for it any more.</summary>
    Delete,

    /// <summary>Somebody else made one of this name: it is not touched, and nothing is put while it is there.</summary>
    Foreign,
}

/// <param name="Fields">What is not as it should be.</param>
public sealed record PlannedAlarm(string Name, PlannedAlarmKind Kind, IReadOnlyList<string> Fields);

/// <param name="Alarms">All that the pipeline should have, and what else was made for it.</param>
public sealed record AlarmPlan(IReadOnlyList<PlannedAlarm> Alarms)
{
    public bool HasChanges => Alarms.Any(alarm => alarm.Kind != PlannedAlarmKind.Stay);

    internal AlarmSet Wanted { get; init; } = new([], []);

    /// <summary>Of those to be deleted: each by itself, and before what they are made of.</summary>
    internal IReadOnlyList<string> ObsoleteComposites { get; init; } = [];
}

/// <summary>Compares the alarms that a pipeline should have with those that CloudWatch has. Asks, and changes nothing.</summary>
public static class PlanAlarms
{
    /// <exception cref="PipelineException">No CloudWatch is configured, it refuses, or it is away.</exception>
    public static async Task<AlarmPlan> RunAsync(PipelineOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        using var client = CloudWatchOf.Client(options, time);
        return await CompareAsync(options, client, cancellationToken);
    }

    internal static async Task<AlarmPlan> CompareAsync(PipelineOptions options, CloudWatchClient client, CancellationToken cancellationToken)
    {
        var alarms = CloudWatchOf.Alarms(options);
        var wanted = alarms.Of(CloudWatchOf.Tables(options));
        var found = await client.AlarmsAsync(alarms.Prefix, cancellationToken);
        var there = found.Metric.Select(alarm => (alarm.AlarmName, Arn: alarm.AlarmArn, Fields: FieldsOf(alarm)))
            .Concat(found.Composite.Select(alarm => (alarm.AlarmName, Arn: alarm.AlarmArn, Fields: FieldsOf(alarm)))).ToDictionary(alarm => alarm.AlarmName, StringComparer.Ordinal);
        List<PlannedAlarm> planned = [];
        foreach (var (name, fields) in wanted.Metric.Select(alarm => (alarm.AlarmName, FieldsOf(alarm))).Concat(wanted.Composite.Select(alarm => (alarm.AlarmName, FieldsOf(alarm)))))
        {
            if (!there.Remove(name, out var present)) planned.Add(new PlannedAlarm(name, PlannedAlarmKind.Create, []));
            else if (!await IsOursAsync(present.Arn)) planned.Add(new PlannedAlarm(name, PlannedAlarmKind.Foreign, []));
            else
            {
                string[] other = [.. fields.Keys.Union(present.Fields.Keys).Where(field => fields.GetValueOrDefault(field) != present.Fields.GetValueOrDefault(field)).Order(StringComparer.Ordinal)];
                planned.Add(new PlannedAlarm(name, other.Length == 0 ? PlannedAlarmKind.Stay : PlannedAlarmKind.Change, other));
            }
        }

        // What begins with the same letters may be another pipeline's.
        foreach (var (name, arn, _) in there.Values)
            if (await IsOursAsync(arn)) planned.Add(new PlannedAlarm(name, PlannedAlarmKind.Delete, []));
        var composites = found.Composite.Select(alarm => alarm.AlarmName).ToHashSet(StringComparer.Ordinal);
        return new AlarmPlan(planned) { Wanted = wanted, ObsoleteComposites = [.. planned.Where(alarm => alarm.Kind == PlannedAlarmKind.Delete && composites.Contains(alarm.Name)).Select(alarm => alarm.Name)] };

        async Task<bool> IsOursAsync(string? arn) => arn is not null && await client.TagsOfAsync(arn, cancellationToken) is var tags && alarms.Tags.All(tags.Contains);
    }

    /// <summary>What makes an alarm what it is: not who it is, nor what is empty.</summary>
    private static Dictionary<string, string> FieldsOf<T>(T alarm) =>
        JsonSerializer.SerializeToNode(alarm)!.AsObject()
            .Where(field => field.Key is not (nameof(MetricAlarm.AlarmName) or nameof(MetricAlarm.AlarmArn) or nameof(MetricAlarm.Tags)) && field.Value is not (null or JsonArray { Count: 0 }))
            .ToDictionary(field => field.Key, field => Sorted(field.Value!), StringComparer.Ordinal);

    /// <summary>Dimensions and topics come back in any order.</summary>
    private static string Sorted(JsonNode value) => value is JsonArray items ? string.Join(',', items.Select(item => item!.ToJsonString()).Order(StringComparer.Ordinal)) : value.ToJsonString();
}
