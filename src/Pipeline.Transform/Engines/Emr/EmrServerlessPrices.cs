using System.Collections.Immutable;
using System.Globalization;
using Pipeline.Aws.EmrServerless;
using Pipeline.Configuration;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>What an hour costs, in whatever currency: AWS's price list of the region, or what was agreed.</summary>
/// <param name="VcpuHour">Of a virtual CPU.</param>
/// <param name="GbHour">Of a gigabyte of memory.</param>
/// <param name="StorageGbHour">Of a gigabyte of disk beyond those that each worker has for nothing.</param>
public sealed record EmrServerlessPrices(decimal VcpuHour, decimal GbHour, decimal StorageGbHour)
{
    /// <summary>The metric of a commit that names the job that has executed its run.</summary>
    internal const string JobMetric = "jobRun";

    /// <summary>The metric of a commit that says what its run has cost.</summary>
    public const string CostMetric = "cost";

    /// <summary>A job's share: what was billed for it, times the prices. Workers that stand by for the whole application are not in it.</summary>
    public decimal Of(EmrResources billed) =>
        ((decimal)billed.VcpuHours * VcpuHour) + ((decimal)billed.MemoryGbHours * GbHour) + ((decimal)billed.StorageGbHours * StorageGbHour);

    /// <summary>What is kept with a run, by the names of its commit's metrics.</summary>
    public static ImmutableDictionary<string, string> Metrics(EmrJobRun run, EmrServerlessPrices? prices)
    {
        var metrics = ImmutableDictionary<string, string>.Empty.Add(JobMetric, run.Id);
        if (run.Billed is not { } billed) return metrics;
        metrics = metrics.Add("billedVcpuHours", Text(billed.VcpuHours)).Add("billedMemoryGbHours", Text(billed.MemoryGbHours)).Add("billedStorageGbHours", Text(billed.StorageGbHours));
        if (run.Used is { } used) metrics = metrics.Add("usedVcpuHours", Text(used.VcpuHours)).Add("usedMemoryGbHours", Text(used.MemoryGbHours));
        return prices is null ? metrics : metrics.Add(CostMetric, prices.Of(billed).ToString("0.######", CultureInfo.InvariantCulture));
    }

    internal static EmrServerlessPrices? Bind(SettingsReader serverless)
    {
        if (!serverless.Has("prices")) return null;
        var settings = serverless.Section("prices");
        var prices = new EmrServerlessPrices(Price(settings, "vcpu-hour"), Price(settings, "gb-hour"), Price(settings, "storage-gb-hour"));
        settings.Complete();
        return prices;
    }

    internal static decimal Price(SettingsReader settings, string key)
    {
        var text = settings.String(key);
        if (decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var price)) return price;
        if (text.Length > 0) settings.Report(key, $"'{text}' is not a price. Write a number such as 0.0526");
        return 0;
    }

    private static string Text(double value) => value.ToString("0.######", CultureInfo.InvariantCulture);
}
