using System.Net;
using System.Net.Sockets;
using Pipeline.Ingest;

namespace Pipeline.Benchmarks;

/// <summary>
/// What it costs ingest that CloudWatch does not answer: produced to committed with a receiver that takes connections and says nothing, beside the
/// same with nobody listening, in turns.
/// </summary>
public sealed class TelemetryAwayBenchmark : IBenchmark
{
    private const int Rounds = 5;

    public string Name => "telemetry-away";

    public async Task<IReadOnlyList<Verdict>> RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        // Never accepted: the system completes the connection, and nobody reads.
        using var silent = new TcpListener(IPAddress.Loopback, port: 0);
        silent.Start();
        var endpoint = new Uri($"http://{silent.LocalEndpoint}");
        List<double> ratios = [];
        for (var round = 0; round < Rounds; round++)
        {
            var isBackwards = round % 2 == 1;
            var first = await P99Async(isBackwards ? endpoint : null, output, cancellationToken);
            var second = await P99Async(isBackwards ? null : endpoint, output, cancellationToken);
            ratios.Add(isBackwards ? first / second : second / first);
        }

        var ratio = new Spread(ratios);
        await output.WriteLineAsync($"p99 with CloudWatch away over p99 without telemetry: {ratio.Text("0.00")}");
        return [Goal.AtMost($"{Name}-p99", 1.10).Judge(ratio.Median)];
    }

    /// <param name="endpoint">Null: nobody listens.</param>
    private static async Task<double> P99Async(Uri? endpoint, TextWriter output, CancellationToken cancellationToken)
    {
        using var node = endpoint is null ? null : new MeasuredNode(TimeSpan.FromSeconds(1), endpoint);
        await output.WriteLineAsync(endpoint is null ? "without telemetry" : "CloudWatch away");
        return (await KafkaLatencyBenchmark.RunAsync(IngestProfile.Balanced, output, cancellationToken, node?.Telemetry)).P99;
    }
}
