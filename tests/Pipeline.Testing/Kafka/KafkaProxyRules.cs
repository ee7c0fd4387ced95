using System.Collections.Immutable;

namespace Pipeline.Testing.Kafka;

/// <summary>What a <see cref="KafkaProxy"/> tells of one partition instead of the truth.</summary>
internal sealed record PartitionRules
{
    public static readonly PartitionRules None = new();

    public bool IsLeaderless { get; init; }

    /// <summary>The leader's epoch; null: the broker's own.</summary>
    public int? Epoch { get; init; }

    /// <summary>Where the epoch began, and all of those before it ended.</summary>
    public long EpochFrom { get; init; }

    /// <summary>Where the log ends; null: where it does.</summary>
    public long? End { get; init; }

    /// <summary>Where the first transaction that is open begins: nothing from there on is handed out to who reads what is committed. Null: none is.</summary>
    public long? OpenFrom { get; init; }

    /// <summary>Offsets in whose batches a byte is not what was sent.</summary>
    public ImmutableHashSet<long> Damaged { get; init; } = [];

    /// <summary>Timestamps of first records of batches, in milliseconds.</summary>
    public ImmutableDictionary<long, long> Timestamps { get; init; } = ImmutableDictionary<long, long>.Empty;

    public int EpochOf(long offset, int byDefault) => Epoch is not { } epoch ? byDefault : offset >= EpochFrom ? epoch : Math.Min(byDefault < 0 ? 0 : byDefault, epoch - 1);
}

/// <summary>What a <see cref="KafkaProxy"/> tells instead of the truth.</summary>
internal sealed record KafkaProxyRules
{
    /// <summary>By request and topic; the empty topic: all of them.</summary>
    public ImmutableDictionary<(KafkaApi Api, string Topic), KafkaError> Errors { get; init; } = ImmutableDictionary<(KafkaApi, string), KafkaError>.Empty;

    public ImmutableDictionary<(string Topic, int Partition), PartitionRules> Partitions { get; init; } = ImmutableDictionary<(string, int), PartitionRules>.Empty;

    public ImmutableDictionary<string, Guid> TopicIds { get; init; } = ImmutableDictionary.Create<string, Guid>(StringComparer.Ordinal);

    /// <summary>Requests whose answers wait.</summary>
    public ImmutableHashSet<KafkaApi> Held { get; init; } = [];

    public KafkaError ErrorOf(KafkaApi api, string topic = "") =>
        Errors.TryGetValue((api, topic), out var error) || Errors.TryGetValue((api, ""), out error) ? error : KafkaError.None;

    public PartitionRules Of(string topic, int partition) => Partitions.GetValueOrDefault((topic, partition), PartitionRules.None);
}
