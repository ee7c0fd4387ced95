using Pipeline.Core.Metrics;
using Pipeline.Telemetry.Tests.Sending;
using Pipeline.Testing;

namespace Pipeline.Telemetry.Tests.CloudWatch;

/// <summary>A node's telemetry as it is, before a CloudWatch that does as it is told, and time that only the test moves.</summary>
public sealed class CloudWatchAwaySpec
{
    private static readonly TimeSpan Phase = TimeSpan.FromMinutes(20);

    [Fact]
    public async Task An_hour_away_throttled_and_refusing_costs_no_minute_which_all_come_once_and_in_order()
    {
        const string Secret = "wJalrXUtnFEMI/K7MDENG";
        var cloudWatch = new ScriptedCloudWatch();
        await using var scene = new SinkScene();
        using var measured = new Measurements("sink", scene.Sink.Name);
        using var sink = CloudWatchServices.Sink("sales", transport: cloudWatch, time: scene.Time, secret: Secret);
        using var meter = new PipelineMeter(Instruments.IngestMeter);
        meter.Gauge<long>(Instruments.BufferBytes, () => [(1 << 20, [])]);
        scene.Sink.Behind = sink;
        scene.Start();

        cloudWatch.Answer = _ => throw new HttpRequestException("Connection refused");
        await scene.PassAsync(Phase);
        cloudWatch.Answer = _ => ScriptedCloudWatch.Error(400, "Throttling", "Rate exceeded");
        await scene.PassAsync(Phase);
        cloudWatch.Answer = _ => ScriptedCloudWatch.Error(403, "UnrecognizedClientException", $"The token {Secret} is invalid");
        await scene.PassAsync(Phase);
        cloudWatch.Answer = _ => null;
        await scene.PassUntilAsync(() => scene.SpoolBytes == 0);

        var start = scene.Time.Start.ToUnixTimeSeconds();
        var minutes = cloudWatch.Taken.Select(taken => ((double)Assert.Single(taken.Metrics)["Timestamp"]! - start) / 60).ToList();
        Assert.True(minutes.Count >= 60);
        Assert.Equal(Enumerable.Range(0, minutes.Count).Select(minute => (double)minute), minutes);
        Assert.Equal(0, measured.Sum(Instruments.TelemetryDropped));
        Assert.Contains(scene.Said, notice => notice.Thing.StartsWith("CloudWatch at", StringComparison.Ordinal));
        Assert.Single(scene.Log, line => line.Contains("UnrecognizedClientException", StringComparison.Ordinal) || line.Contains("is invalid", StringComparison.Ordinal));
        Assert.DoesNotContain(Secret, string.Join('\n', scene.Log.Concat(scene.Said.Select(notice => notice.ToString()))), StringComparison.Ordinal);
    }
}
