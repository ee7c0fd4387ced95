using Pipeline.Core;
using Pipeline.Operations.Alerting;

namespace Pipeline.Node.Cli;

/// <summary>What is to be done with alarms, or was.</summary>
internal static class AlarmText
{
    /// <summary>Of alarms that stay as they are only programs want to know.</summary>
    public static void Print(Invocation invocation, AlarmPlan plan)
    {
        var listing = new Listing("alarm", "change", "fields");
        foreach (var alarm in plan.Alarms.Where(alarm => alarm.Kind != PlannedAlarmKind.Stay || invocation.Format != OutputFormat.Table))
            listing.Add(alarm.Name, alarm.Kind.ToString().ToLowerInvariant(), Cell.List(alarm.Fields));
        if (!plan.HasChanges) invocation.Context.Messages.WriteLine($"CloudWatch has {Plural.Of(plan.Alarms.Count, "alarm")}, as it should.");
        invocation.Print(listing);
    }
}
