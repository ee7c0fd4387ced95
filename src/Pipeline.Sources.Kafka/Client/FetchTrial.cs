using System.Diagnostics;
using Confluent.Kafka;

namespace Pipeline.Sources.Kafka.Client;

/// <summary>Fetches once, as reading does: that needs another right than describing a topic.</summary>
internal static class FetchTrial
{
    private static readonly TimeSpan Turn = TimeSpan.FromMilliseconds(100);

    /// <summary>Blocks until a fetch of each partition has been answered, or the time is over.</summary>
    /// <returns>The partitions that cannot be fetched from, and why.</returns>
    public static IReadOnlyDictionary<TopicPartition, Error> Run(KafkaClients clients, ClientConfig config, IReadOnlyCollection<TopicPartition> partitions, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var consumerConfig = new ConsumerConfig(config)
        {
            GroupId = "pipeline",
            EnableAutoCommit = false,
            EnablePartitionEof = true,
            FetchWaitMaxMs = (int)Turn.TotalMilliseconds,
        };
        // What the client as a whole complains of, it gets over, or nothing is answered.
        using var consumer = clients.Build(() => new ConsumerBuilder<Ignore, Ignore>(consumerConfig).SetErrorHandler((_, _) => { }).SetLogHandler((_, _) => { }).Build());
        consumer.Assign(partitions.Select(partition => new TopicPartitionOffset(partition, Offset.End)));
        var (waiting, failed, since) = (partitions.ToHashSet(), new Dictionary<TopicPartition, Error>(), Stopwatch.GetTimestamp());
        while (waiting.Count > 0 && Stopwatch.GetElapsedTime(since) < timeout)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                if (consumer.Consume(Turn) is { } answer) waiting.Remove(answer.TopicPartition);
            }
            catch (ConsumeException e) when (e.ConsumerRecord?.TopicPartition is { } partition && partitions.Contains(partition))
            {
                if (KafkaFaults.IsPassing(e.Error.Code)) continue;
                failed[partition] = e.Error;
                waiting.Remove(partition);
            }
        }

        foreach (var partition in waiting) failed[partition] = new Error(ErrorCode.Local_TimedOut, $"no answer to a fetch within {timeout.TotalSeconds:0.#} s");
        return failed;
    }
}
