using System.Globalization;

namespace Pipeline.Benchmarks;

/// <summary>
/// What measuring costs: a topic into Bronze at full speed while a node's telemetry listens, aggregates and sends every second, beside
/// the same with nobody listening, in turns.
/// </summary>
public sealed class TelemetryCostBenchmark : IBenchmark
{
    private const int Partitions = 120;
    private const int RecordsPerPartition = 20_000;
    private const int Rounds = 20;

    public string Name => "telemetry-cost";

    public async Task<IReadOnlyList<Verdict>> RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        await using var broker = await KafkaBroker.StartAsync(Partitions, RecordsPerPartition, cancellationToken);
        var alternation = new Alternation("records", broker.Records, "unmeasured", "measured");
        for (var round = 0; round <= Rounds; round++)
        {
            await alternation.RoundAsync(
                () => KafkaToBronzeBenchmark.IngestAsync(broker, workers: 1, cancellationToken),
                () => MeasuredAsync(broker, cancellationToken));
        }

        await alternation.PrintAsync(output);
        var (from, to) = alternation.Cost("measured").MedianInterval;
        await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"CPU-seconds measured over unmeasured, median with its 95 % interval: {alternation.Cost("measured").Median:0.000} ({from:0.000} to {to:0.000})"));
        return [Goal.AtMost(Name, 1.03).Judge(to)];
    }

    private static async Task<Usage> MeasuredAsync(KafkaBroker broker, CancellationToken cancellationToken)
    {
        using var node = new MeasuredNode();
        var usage = await KafkaToBronzeBenchmark.IngestAsync(broker, workers: 1, cancellationToken, telemetry: node.Telemetry);
        if (node.Taken == 0) throw new InvalidOperationException("Nothing was sent: what it costs was not measured.");
        return usage;
    }
}
