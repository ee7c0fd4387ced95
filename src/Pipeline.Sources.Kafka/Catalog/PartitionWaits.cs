using System.Collections.Concurrent;
using Confluent.Kafka;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Catalog;

/// <summary>What keeps partitions from being read although no error says so. Safe to use from several threads.</summary>
internal sealed class PartitionWaits(KafkaSourceOptions options, WaitWatch waits) : IDisposable
{
    private readonly ConcurrentDictionary<TopicPartition, PartitionWait> _partitions = [];

    public PartitionWait Of(TopicPartition place) =>
        _partitions.GetOrAdd(place, made => new PartitionWait(waits.Open($"{options.ThingOf(made.Topic)}, partition {made.Partition.Value}")));

    /// <summary>A listing tells which partitions nobody leads: of these a client tells nothing at all.</summary>
    public void See(KafkaTopic topic)
    {
        foreach (var partition in topic.Leaderless) Of(new TopicPartition(topic.Name, partition)).IsLeaderless = true;
        foreach (var (place, wait) in _partitions)
            if (place.Topic == topic.Name && !topic.Leaderless.Contains(place.Partition.Value)) wait.IsLeaderless = false;
    }

    public void Dispose()
    {
        foreach (var wait in _partitions.Values) wait.Dispose();
    }
}

/// <summary>What one partition waits for.</summary>
internal sealed class PartitionWait(Wait wait) : IDisposable
{
    private static readonly WaitReason Leaderless = new("nobody leads it, so its records wait and those of other partitions are read. Start the broker that holds it");

    private readonly Lock _gate = new();
    private WaitReason? _held;
    private bool _isLeaderless;

    /// <summary>Nobody leads it.</summary>
    public bool IsLeaderless
    {
        set
        {
            lock (_gate)
            {
                _isLeaderless = value;
                Tell();
            }
        }
    }

    /// <summary>Why the records that it has are not read; null: they are, or there are none.</summary>
    public WaitReason? Held
    {
        set
        {
            lock (_gate)
            {
                _held = value;
                Tell();
            }
        }
    }

    public void Dispose() => wait.Dispose();

    private void Tell()
    {
        if ((_isLeaderless ? Leaderless : _held) is { } reason) wait.Begin(reason);
        else wait.End();
    }
}
