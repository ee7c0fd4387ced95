using Confluent.Kafka;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>Takes records from a client and gives each to its partition. For one thread, but for <see cref="Wake"/>.</summary>
internal abstract class RecordFeed(IReadOnlyList<PartitionReading> partitions) : IDisposable
{
    private readonly Dictionary<(string Topic, int Partition), PartitionReading> _partitions =
        partitions.ToDictionary(partition => (partition.Topic, partition.Partition));

    /// <summary>Gets events other than records: partition (null: the whole client), code and librdkafka's text.</summary>
    public Action<PartitionReading?, ErrorCode, string> OnError { get; set; } = static (_, _, _) => { };

    /// <summary>
    /// Delivers up to <paramref name="countMax"/> records or events, waiting at most so long for the first; returns how
    /// many there were.
    /// </summary>
    public abstract int Take(int waitMs, int countMax);

    /// <summary>Ends a wait early, from another thread.</summary>
    public abstract void Wake();

    public abstract void Dispose();

    /// <summary>Null for a partition that is not being read (any more).</summary>
    protected PartitionReading? Find(string topic, int partition) => _partitions.GetValueOrDefault((topic, partition));
}
