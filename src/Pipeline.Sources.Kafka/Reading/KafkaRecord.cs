namespace Pipeline.Sources.Kafka.Reading;

/// <summary>A record in the client's memory: valid only until the feed goes on to the next.</summary>
internal readonly ref struct KafkaRecord
{
    public required long Offset { get; init; }

    /// <summary>Milliseconds since the epoch; negative when unknown.</summary>
    public required long TimestampMs { get; init; }

    public required bool HasKey { get; init; }

    public required ReadOnlySpan<byte> Key { get; init; }

    /// <summary>False for a tombstone.</summary>
    public required bool HasValue { get; init; }

    public required ReadOnlySpan<byte> Value { get; init; }

    /// <summary>All headers as a JSON object; empty when there are none.</summary>
    public required ReadOnlySpan<byte> HeadersJson { get; init; }
}
