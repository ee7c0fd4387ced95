namespace Pipeline.Sources.Kafka.Reading;

/// <summary>A record in the client's memory: valid only until the feed goes on to the next.</summary>
internal readonly ref struct KafkaRecord
{
    /// <summary>Kafka's own number for a record that has none.</summary>
    public const long NoTimestampMs = -1;

    /// <summary>The last millisecond of the year 9999: no table holds more.</summary>
    private const long TimestampMaxMs = 253_402_300_799_999;

    public required long Offset { get; init; }

    /// <summary>Milliseconds since the epoch, as whoever produced it has set it: any number.</summary>
    public required long TimestampMs { get; init; }

    /// <summary>Whether the timestamp is there and can be kept.</summary>
    public bool HasTimestamp => (ulong)TimestampMs <= TimestampMaxMs;

    /// <summary>The epoch of the leader that took it; negative where brokers do not say.</summary>
    public int LeaderEpoch { get; init; }

    public required bool HasKey { get; init; }

    public required ReadOnlySpan<byte> Key { get; init; }

    /// <summary>False for a tombstone.</summary>
    public required bool HasValue { get; init; }

    public required ReadOnlySpan<byte> Value { get; init; }

    /// <summary>All headers as a JSON object; empty when there are none.</summary>
    public required ReadOnlySpan<byte> HeadersJson { get; init; }
}
