namespace Pipeline.Benchmarks;

/// <summary>
/// What exactly-once costs: a topic of many partitions into Bronze with each partition's position in the commits, beside
/// the same path with the positions left out, in turns.
/// </summary>
public sealed class KafkaExactlyOnceBenchmark : IBenchmark
{
    private const int Partitions = 120;
    private const int RecordsPerPartition = 20_000;
    private const int Rounds = 7;

    public string Name => "kafka-exactly-once";

    public async Task RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        await using var broker = await KafkaBroker.StartAsync(Partitions, RecordsPerPartition, cancellationToken);
        var (with, without) = (new List<Usage>(), new List<Usage>());
        for (var round = 0; round <= Rounds; round++)
        {
            var withRound = await KafkaToBronzeBenchmark.IngestAsync(broker, workers: 1, cancellationToken);
            var withoutRound = await KafkaToBronzeBenchmark.IngestAsync(broker, workers: 1, cancellationToken, withPositions: false);
            // The first round warms up the broker, the compiler and the pools.
            if (round == 0) continue;
            with.Add(withRound);
            without.Add(withoutRound);
        }

        var withoutRate = KafkaConsumerBenchmark.Print(output, "no positions", broker, without);
        var withRate = KafkaConsumerBenchmark.Print(output, "exactly once", broker, with);
        await output.WriteLineAsync($"ratio          {withRate / withoutRate:0.00} of the records/s without positions in the commit (medians of {Rounds} alternating rounds)");
    }
}
