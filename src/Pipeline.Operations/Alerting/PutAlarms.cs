using Pipeline.Core;
using Pipeline.Operations.Options;

namespace Pipeline.Operations.Alerting;

/// <summary>Makes CloudWatch have the alarms that a pipeline should have, and no others that were made for it.</summary>
public static class PutAlarms
{
    /// <returns>What was to be done, and is.</returns>
    /// <exception cref="PipelineException">No CloudWatch is configured, it refuses or is away, or somebody else has alarms of these names: then nothing is put.</exception>
    public static async Task<AlarmPlan> RunAsync(PipelineOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        using var client = CloudWatchOf.Client(options, time);
        var plan = await PlanAlarms.CompareAsync(options, client, cancellationToken);
        if (plan.Alarms.FirstOrDefault(alarm => alarm.Kind == PlannedAlarmKind.Foreign) is { } foreign)
            throw new PipelineException(FaultKind.Invalid, $"Alarm {foreign.Name}", "it is there and lacks the tags of those that were made for this pipeline", "Delete or rename it if nobody needs it; else give this pipeline another name.");

        var of = plan.Alarms.ToLookup(alarm => alarm.Kind, alarm => alarm.Name);
        var toPut = of[PlannedAlarmKind.Create].Concat(of[PlannedAlarmKind.Change]).ToHashSet(StringComparer.Ordinal);
        var isNew = of[PlannedAlarmKind.Create].ToHashSet(StringComparer.Ordinal);
        // Alarms before those that are made of them, and away in the other order.
        foreach (var alarm in plan.Wanted.Metric.Where(alarm => toPut.Contains(alarm.AlarmName)))
            await client.PutAlarmAsync(isNew.Contains(alarm.AlarmName) ? alarm : alarm with { Tags = null }, cancellationToken);
        foreach (var alarm in plan.Wanted.Composite.Where(alarm => toPut.Contains(alarm.AlarmName)))
            await client.PutAlarmAsync(isNew.Contains(alarm.AlarmName) ? alarm : alarm with { Tags = null }, cancellationToken);
        var composite = plan.ObsoleteComposites.ToHashSet(StringComparer.Ordinal);
        foreach (var alarm in plan.ObsoleteComposites) await client.DeleteAlarmsAsync([alarm], cancellationToken);
        await client.DeleteAlarmsAsync([.. of[PlannedAlarmKind.Delete].Where(alarm => !composite.Contains(alarm))], cancellationToken);
        return plan;
    }
}
