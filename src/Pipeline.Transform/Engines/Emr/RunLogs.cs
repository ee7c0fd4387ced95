using System.Collections.Immutable;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>Where services put the logs of runs.</summary>
public static class RunLogs
{
    /// <param name="metrics">Of the run's commit, which name its execution.</param>
    /// <returns>Null: it ran in process, or nobody has said where logs are kept.</returns>
    public static string? PlaceOf(JobPins pins, ImmutableDictionary<string, string> metrics, TransformOptions options)
    {
        if (pins.Engine == EngineKind.EmrServerless.NameOf() && options.EmrServerless is { LogUri: { } kept, ApplicationId: var application } && metrics.TryGetValue(EmrServerlessPrices.JobMetric, out var job))
            return kept + JobLogs.DirectoryOfJob(application, job);
        return pins.Engine == EngineKind.Emr.NameOf() && options.Emr?.LogUri is { } uri && metrics.TryGetValue(EmrClusterPrices.StepMetric, out var step) && step.Split('/') is [var cluster, var id]
            ? uri + JobLogs.DirectoryOfStep(cluster, id) : null;
    }
}
