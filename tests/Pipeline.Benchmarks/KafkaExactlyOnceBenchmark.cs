namespace Pipeline.Benchmarks;

/// <summary>
/// What exactly-once costs: a topic of many partitions into Bronze with each partition's position in the commits, beside
/// the same path with the positions left out, in turns.
/// </summary>
public sealed class KafkaExactlyOnceBenchmark : IBenchmark
{
    private const int Partitions = 120;
    private const int RecordsPerPartition = 20_000;
    private const int Rounds = 15;

    public string Name => "kafka-exactly-once";

    public async Task<IReadOnlyList<Verdict>> RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        await using var broker = await KafkaBroker.StartAsync(Partitions, RecordsPerPartition, cancellationToken);
        var alternation = new Alternation("records", broker.Records, "no positions", "exactly once");
        for (var round = 0; round <= Rounds; round++)
        {
            await alternation.RoundAsync(
                () => KafkaToBronzeBenchmark.IngestAsync(broker, workers: 1, cancellationToken, withPositions: false),
                () => KafkaToBronzeBenchmark.IngestAsync(broker, workers: 1, cancellationToken));
        }

        await alternation.PrintAsync(output);
        return [Goal.AtLeast(Name, 0.95).Judge(alternation.Rate("exactly once").Median)];
    }
}
