using Pipeline.Aws.CloudWatch;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Telemetry.CloudWatch;
using Pipeline.Telemetry.Collecting;
using Pipeline.Testing;

namespace Pipeline.Telemetry.Tests.CloudWatch;

/// <summary>What is put is read by AWS's own model, and found again by AWS's own client.</summary>
public sealed class CloudWatchSinkSpec(CloudWatchServices aws)
{
    private static readonly InstrumentInfo Rows = new("Pipeline.Ingest", "rows", InstrumentKind.Counter, "{row}", ["table"], "");
    private static readonly InstrumentInfo Lag = new("Pipeline.Ingest", "lag", InstrumentKind.Gauge, "s", ["table", "partition"], "");
    private static readonly InstrumentInfo Duration = new("Pipeline.Ingest", "duration", InstrumentKind.Histogram, "s", ["table"], "");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_put_is_found_again_every_request_is_one_of_CloudWatchs_and_two_pipelines_in_one_namespace_share_no_metric()
    {
        await using var check = await aws.CheckAsync(Cancel);
        using var sales = CloudWatchServices.Sink("sales", check.Url, nameSpace: "Data/Shared");
        using var hr = CloudWatchServices.Sink("hr", check.Url, nameSpace: "Data/Shared");
        // So many that the request is compressed.
        var many = Enumerable.Range(0, 80).Select(table => new SeriesInterval(Rows, [$"bronze/crm/{table}"], table, table));
        var interval = Interval([new(Rows, ["bronze/crm/ö rders"], 17, 17), new(Rows, [""], 1, 1), new(Rows, ["none"], double.MaxValue, 1),
            new(Lag, ["orders", "0"], 5, 5), new(Lag, ["orders", "1"], 30, 30), Histogram("orders", Enumerable.Range(1, 400).Select(value => value / 10d)), .. many]);

        await sales.SendAsync(interval, Cancel);
        await hr.SendAsync(Interval(new SeriesInterval(Lag, ["orders", "0"], 1, 1)), Cancel);

        var verdicts = await check.EndAsync();
        Assert.Equal(2, verdicts.Count);
        Assert.All(verdicts, verdict => Assert.True(verdict is { Operation: "PutMetricData", Request.Count: 0, Service: "cloudwatch", Status: 200 }, verdict.ToString()));
        var found = await CloudWatchReader.ReadAsync(await aws.UrlAsync(Cancel), "Data/Shared", interval.From, Cancel);
        Assert.Equal(17, found.Single("rows", ("pipeline", "sales"), ("table", "bronze/crm/\\u00f6 rders")).Sum);
        Assert.Equal(1, found.Single("rows", ("pipeline", "sales"), ("table", "-")).Sum);
        var lag = found.Single("lag", ("pipeline", "sales"), ("table", "orders"));
        Assert.Equal((35, 30, 2), (lag.Sum, lag.Maximum, lag.Samples));
        Assert.Equal(1, found.Single("lag", ("pipeline", "hr"), ("table", "orders")).Sum);
        var duration = found.Single("duration", ("pipeline", "sales"), ("table", "orders"));
        Assert.Equal(400, duration.Samples);
        Assert.InRange(duration.Sum, 8020 * 0.95, 8020 * 1.05);
        Assert.Equal(85, found.Series.Count);
    }

    [Fact]
    public async Task Many_metrics_are_put_within_the_limits_of_a_request_and_what_was_taken_is_not_put_twice()
    {
        var scripted = new ScriptedCloudWatch { Answer = request => request is 2 or 3 ? ScriptedCloudWatch.Error(503, "ServiceUnavailable") : null };
        using var sink = CloudWatchServices.Sink("sales", transport: scripted);
        // Some fill a request by their number, the others by their bytes.
        var interval = Interval([.. Enumerable.Range(0, 2_500).Select(table => new SeriesInterval(Rows, [$"t{table}"], table, table)),
            .. Enumerable.Range(0, 900).Select(table => Histogram($"{new string('x', 900)}{table}", Enumerable.Range(0, 60).Select(value => Math.Pow(1.2, value))))]);

        await Assert.ThrowsAsync<PipelineException>(() => sink.SendAsync(interval, Cancel));
        Assert.Equal(1_000, Assert.Single(scripted.Taken).Metrics.Count);
        await sink.SendAsync(interval, Cancel);

        Assert.All(scripted.Taken, taken => Assert.True(taken.Json.Length <= 1_000_000 && taken.Metrics.Count <= 1_000, $"{taken.Json.Length} bytes, {taken.Metrics.Count} metrics"));
        Assert.Equal((3_400, 3_400), (scripted.Taken.Sum(taken => taken.Metrics.Count), scripted.Taken.SelectMany(taken => taken.Metrics.Select(metric => metric.ToJsonString())).Distinct(StringComparer.Ordinal).Count()));
        Assert.True(scripted.Taken.Count >= 5);
    }

    [Fact]
    public async Task A_metric_has_at_most_150_values_and_more_are_put_as_another_of_the_same_name()
    {
        var scripted = new ScriptedCloudWatch();
        using var sink = CloudWatchServices.Sink("sales", transport: scripted);

        await sink.SendAsync(Interval([.. Enumerable.Range(0, 400).Select(partition => new SeriesInterval(Lag, ["orders", $"{partition}"], partition, partition))]), Cancel);

        var metrics = Assert.Single(scripted.Taken).Metrics;
        Assert.Equal([150, 150, 100], metrics.Select(metric => metric["Values"]!.AsArray().Count));
        Assert.Equal(400, metrics.SelectMany(metric => metric["Values"]!.AsArray().Select(value => (double)value!)).Distinct().Count());
        Assert.Single(metrics.Select(metric => metric["Dimensions"]!.ToJsonString()).Distinct(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(400, "Throttling", FaultKind.Unreachable)]
    [InlineData(429, "ThrottlingException", FaultKind.Unreachable)]
    [InlineData(500, "InternalServiceFault", FaultKind.Unreachable)]
    [InlineData(403, "UnrecognizedClientException", FaultKind.NotAuthorised)]
    [InlineData(403, "AccessDeniedException", FaultKind.NotAuthorised)]
    [InlineData(400, "InvalidParameterValueException", FaultKind.Invalid)]
    [InlineData(400, "ValidationError", FaultKind.Invalid)]
    public async Task What_CloudWatch_refuses_is_of_the_kind_that_decides_what_follows_and_names_no_secret(int status, string code, FaultKind kind)
    {
        const string Secret = "wJalrXUtnFEMI/K7MDENG";
        var scripted = new ScriptedCloudWatch { Answer = _ => ScriptedCloudWatch.Error(status, code, $"signed with {Secret}") };
        using var sink = CloudWatchServices.Sink("sales", transport: scripted, secret: Secret);

        var fault = await Assert.ThrowsAsync<PipelineException>(() => sink.SendAsync(Interval(new SeriesInterval(Rows, ["orders"], 1, 1)), Cancel));

        Assert.Equal(kind, fault.Kind);
        Assert.DoesNotContain(Secret, fault.ToString(), StringComparison.Ordinal);
        if (code == "AccessDeniedException") Assert.Contains("cloudwatch:PutMetricData", fault.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_instrument_can_be_a_metric_and_none_of_a_table_tells_nodes_apart()
    {
        Assert.Equal("Seconds Bytes Count Percent None", string.Join(' ', new[] { "s", "By", "{row}", "%", "USD" }.Select(CloudWatchMetrics.UnitOf)));
        Assert.All(Instruments.All, info => Assert.True(info.Tags.Count < MetricDatum.DimensionsMax && info.Name.Length <= 255 && info.Name.All(char.IsAscii)));
        Assert.DoesNotContain(Instruments.All, info => info.Tags.Contains("table") && info.Tags.Contains("node"));
    }

    [Theory]
    [InlineData("sales", "Pipeline/sales")]
    [InlineData("sälés:1 x", "Pipeline/s_l_s_1_x")]
    public void The_namespace_carries_the_pipelines_name(string pipeline, string nameSpace) => Assert.Equal(nameSpace, new CloudWatchMetrics(pipeline, nameSpace: null).Namespace);

    private static MetricInterval Interval(params SeriesInterval[] series)
    {
        var now = TimeProvider.System.GetUtcNow();
        return new MetricInterval("127.0.0.1:1", now.AddHours(-1), now.AddMinutes(-1), now, series);
    }

    private static SeriesInterval Histogram(string table, IEnumerable<double> values)
    {
        var buckets = new SpreadBuckets();
        var sum = 0d;
        foreach (var value in values)
        {
            buckets.Add(value);
            sum += value;
        }

        return new SeriesInterval(Duration, [table], sum, sum, buckets.ToSpread(), buckets.ToSpread());
    }
}
