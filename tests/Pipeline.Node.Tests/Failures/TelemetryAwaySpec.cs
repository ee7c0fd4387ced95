using Pipeline.Ingest;
using Pipeline.Node.Tests.Http;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

/// <summary>A receiver of metrics that is away is nobody's business but telemetry's.</summary>
[Collection(HealthySources.Name)]
public sealed class TelemetryAwaySpec(HealthySources sources) : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-telemetry-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_node_without_its_CloudWatch_ingests_is_ready_and_counts_and_says_what_it_gives_up()
    {
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", "test");
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", "test");
        await using var node = await RunningNode.StartAsync(_directory, sources.Configuration, behind: $$"""
            name = shop
            telemetry {
              interval = 1s
              cloudwatch { region = eu-central-1, endpoint = "http://127.0.0.1:{{LoopbackPort.Free()}}" }
              spool { location = "{{Path.Combine(_directory, "spool")}}", bytes-max = 64 KiB }
              retry { backoff-min = 10ms, backoff-max = 50ms, attempts-max = 2 }
            }
            """);
        using var answers = new HealthAnswers(node.HttpAddress);

        await node.WaitForStateAsync("bronze/events/clicks", IngestState.Running);
        await node.WaitForRowsAsync("bronze/events/clicks", HealthySources.Rows);
        await node.WaitForRowsAsync("bronze/app/users", HealthySources.Rows);
        await node.WaitForLogAsync("Intervals of metrics for cloudwatch are given up, the oldest first");
        await answers.WaitUntilReadyAsync();

        using var http = new HttpClient { BaseAddress = node.HttpAddress };
        var measured = await MeasuredAsync();
        // What is counted is shown a moment after it was said.
        while (!measured.Any(line => line.StartsWith("pipeline_telemetry_failures_total{", StringComparison.Ordinal)) || ValueOf("pipeline_telemetry_failures_total") < 2) measured = await MeasuredAsync();
        Assert.True(ValueOf("pipeline_telemetry_dropped_total") >= 1);
        Assert.True(ValueOf("pipeline_telemetry_failures_total") >= 2);
        Assert.InRange(ValueOf("pipeline_telemetry_spool_bytes"), 0, 64 << 10);
        Assert.Single(node.Log, line => line.Contains("are given up", StringComparison.Ordinal));

        async Task<string[]> MeasuredAsync() => (await http.GetStringAsync("/metrics", TestContext.Current.CancellationToken)).Split('\n');

        double ValueOf(string metric) => double.Parse(Assert.Single(measured, line => line.StartsWith($"{metric}{{", StringComparison.Ordinal)).Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
    }
}
