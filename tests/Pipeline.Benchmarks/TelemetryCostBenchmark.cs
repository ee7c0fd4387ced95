using System.Globalization;

namespace Pipeline.Benchmarks;

/// <summary>
/// What measuring costs: a topic into Bronze at full speed while a node's telemetry listens, aggregates and sends, twelve times as often as by
/// default, beside the same with nobody listening, in turns.
/// </summary>
public sealed class TelemetryCostBenchmark : IBenchmark
{
    private const int Partitions = 120;
    private const int RecordsPerPartition = 20_000;
    private const int Rounds = 20;

    // A reading takes little more than a second, and its processor time varies by more than what is asked for: a round reads the topic so often a side.
    private const int Readings = 4;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private int _taken;

    public string Name => "telemetry-cost";

    public async Task<IReadOnlyList<Verdict>> RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        await using var broker = await KafkaBroker.StartAsync(Partitions, RecordsPerPartition, cancellationToken);
        var alternation = new Alternation("records", Readings * broker.Records, "unmeasured", "measured");
        for (var round = 0; round <= Rounds; round++)
        {
            await alternation.RoundAsync(
                () => RepeatedAsync(() => KafkaToBronzeBenchmark.IngestAsync(broker, workers: 1, cancellationToken)),
                () => RepeatedAsync(() => MeasuredAsync(broker, cancellationToken)));
        }

        if (_taken == 0) throw new InvalidOperationException("Nothing was sent: what it costs was not measured.");
        await alternation.PrintAsync(output);
        var (from, to) = alternation.Cost("measured").CentreInterval;
        await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"CPU-seconds measured over unmeasured, median, and 95 % interval of the centre: {alternation.Cost("measured").Median:0.000} ({from:0.000} to {to:0.000})"));
        return [Goal.AtMost(Name, 1.03).Judge(to)];
    }

    private static async Task<Usage> RepeatedAsync(Func<Task<Usage>> reading)
    {
        var sum = await reading();
        for (var i = 1; i < Readings; i++)
        {
            var next = await reading();
            sum = new Usage(sum.Elapsed + next.Elapsed, sum.Processor + next.Processor, Math.Max(sum.PeakBytes, next.PeakBytes));
        }

        return sum;
    }

    private async Task<Usage> MeasuredAsync(KafkaBroker broker, CancellationToken cancellationToken)
    {
        using var node = new MeasuredNode(Interval);
        var usage = await KafkaToBronzeBenchmark.IngestAsync(broker, workers: 1, cancellationToken, telemetry: node.Telemetry);
        _taken += node.Taken;
        return usage;
    }
}
