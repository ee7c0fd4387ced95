using System.Collections.Immutable;
using System.Globalization;
using Pipeline.Aws.Emr;
using Pipeline.Configuration;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>What an hour of a cluster costs, in whatever currency, with all its instances, and how many steps share it.</summary>
/// <param name="ClusterHour">Of EC2, of EMR and of the disks together.</param>
/// <param name="Steps">That run at once where there is work: 1 or more.</param>
public sealed record EmrClusterPrices(decimal ClusterHour, int Steps)
{
    /// <summary>The metric of a commit that names the cluster and the step that have executed its run.</summary>
    internal const string StepMetric = "step";

    /// <summary>The share of a step that has run for so long. What the cluster costs while nothing runs is nobody's run.</summary>
    public decimal Of(TimeSpan took) => ClusterHour * (decimal)Math.Max(0, took.TotalHours) / Steps;

    /// <summary>What is kept with a run, by the names of its commit's metrics.</summary>
    /// <param name="id">The cluster and the step.</param>
    public static ImmutableDictionary<string, string> Metrics(string id, EmrStep step, EmrClusterPrices? prices)
    {
        var metrics = ImmutableDictionary<string, string>.Empty.Add(StepMetric, id);
        if (prices is null) return metrics.Add(EmrServerlessPrices.CostMetric, "not known: EMR bills the cluster");
        return step is { StartedAt: { } started, EndedAt: { } ended } ? metrics.Add(EmrServerlessPrices.CostMetric, prices.Of(ended - started).ToString("0.######", CultureInfo.InvariantCulture)) : metrics;
    }

    /// <param name="steps">That the cluster takes at once, where it is the pipeline's own.</param>
    internal static EmrClusterPrices? Bind(SettingsReader emr, int? steps)
    {
        if (!emr.Has("prices")) return null;
        var settings = emr.Section("prices");
        var prices = new EmrClusterPrices(EmrServerlessPrices.Price(settings, "cluster-hour"), settings.Int("steps", steps ?? 1, 1, 256));
        settings.Complete();
        return prices;
    }
}
