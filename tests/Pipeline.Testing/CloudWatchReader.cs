using System.Text.Json.Nodes;
using Xunit;

namespace Pipeline.Testing;

/// <summary>What AWS's own command line finds in CloudWatch.</summary>
public sealed class CloudWatchReader
{
    private const string Region = "eu-central-1";

    /// <summary>Queries that one call takes.</summary>
    private const int QueriesMax = 500;

    private const string Samples = "SampleCount";

    private static readonly Dictionary<string, string> Credentials = new(StringComparer.Ordinal)
        { ["AWS_ACCESS_KEY_ID"] = "test", ["AWS_SECRET_ACCESS_KEY"] = "test", ["AWS_PAGER"] = "", ["AWS_EC2_METADATA_DISABLED"] = "true" };

    private CloudWatchReader(IReadOnlyList<CloudWatchSeries> series) => Series = series;

    /// <summary>Every metric of the namespace for which there are values.</summary>
    public IReadOnlyList<CloudWatchSeries> Series { get; }

    /// <summary>By <c>aws cloudwatch list-metrics</c> and <c>get-metric-data</c>, of the hour before and after. The test is skipped where there is no <c>aws</c>.</summary>
    /// <param name="isCounted">Whether only how many values there are is asked for.</param>
    public static async Task<CloudWatchReader> ReadAsync(Uri endpoint, string nameSpace, DateTimeOffset at, CancellationToken cancellationToken, bool isCounted = false)
    {
        string[] statistics = isCounted ? [Samples] : [Samples, "Sum", "Maximum"];
        var metrics = (await RunAsync(endpoint, cancellationToken, "list-metrics", "--namespace", nameSpace))["Metrics"]!.AsArray()
            // moto lists one for each request that put it.
            .DistinctBy(metric => metric!.ToJsonString()).ToList();
        var queries = metrics.SelectMany((metric, i) => statistics.Select(statistic => (JsonNode)new JsonObject
        {
            ["Id"] = $"m{i}_{statistic}",
            ["MetricStat"] = new JsonObject { ["Metric"] = metric!.DeepClone(), ["Period"] = 60, ["Stat"] = statistic },
        })).ToList();
        var values = new Dictionary<string, double[]>(StringComparer.Ordinal);
        using var directory = new ScratchDirectory("pipeline-queries-");
        // An argument has no room for so many.
        var file = Path.Combine(directory, "queries.json");
        foreach (var chunk in queries.Chunk(QueriesMax))
        {
            await File.WriteAllTextAsync(file, new JsonArray(chunk).ToJsonString(), cancellationToken);
            var results = await RunAsync(endpoint, cancellationToken, "get-metric-data", "--start-time", $"{at.AddHours(-1):O}", "--end-time", $"{at.AddHours(1):O}", "--metric-data-queries", $"file://{file}");
            foreach (var result in results["MetricDataResults"]!.AsArray()) values[(string)result!["Id"]!] = [.. result["Values"]!.AsArray().Select(value => (double)value!)];
        }

        return new CloudWatchReader([.. metrics.Select((metric, i) => new CloudWatchSeries((string)metric!["MetricName"]!,
            metric["Dimensions"]!.AsArray().ToDictionary(dimension => (string)dimension!["Name"]!, dimension => (string)dimension!["Value"]!, StringComparer.Ordinal),
            values.GetValueOrDefault($"m{i}_Sum", []).Sum(), values.GetValueOrDefault($"m{i}_Maximum", []).DefaultIfEmpty(double.NaN).Max(), (long)values[$"m{i}_{Samples}"].Sum())).Where(series => series.Samples > 0)]);
    }

    public CloudWatchSeries Single(string name, params (string Name, string Value)[] dimensions) =>
        Assert.Single(Series, series => series.Name == name && series.Dimensions.OrderBy(dimension => dimension.Key, StringComparer.Ordinal).Select(dimension => (dimension.Key, dimension.Value)).SequenceEqual(dimensions));

    private static async Task<JsonNode> RunAsync(Uri endpoint, CancellationToken cancellationToken, params string[] arguments)
    {
        // Of a machine that is busy an answer may take longer than the minute that aws waits by itself.
        await using var program = OutsideProgram.TryStart("aws", ["--endpoint-url", endpoint.ToString().TrimEnd('/'), "--region", Region, "--output", "json", "--cli-read-timeout", "0", "cloudwatch", .. arguments], Credentials);
        Assert.SkipWhen(program is null, "There is no aws (AWS CLI).");
        var (exit, lines) = await program.WaitForExitAsync(cancellationToken);
        Assert.True(exit == 0, string.Join('\n', lines));
        return JsonNode.Parse(string.Join('\n', lines))!;
    }
}

/// <summary>One metric, and what there is of it.</summary>
public sealed record CloudWatchSeries(string Name, IReadOnlyDictionary<string, string> Dimensions, double Sum, double Maximum, long Samples);
