namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>Bytes that may be missing, which is not the same as empty.</summary>
internal readonly ref struct OptionalBytes(bool isThere, ReadOnlySpan<byte> bytes)
{
    public bool IsThere { get; } = isThere;

    public ReadOnlySpan<byte> Bytes { get; } = bytes;

    public static implicit operator OptionalBytes(ReadOnlySpan<byte> bytes) => new(isThere: true, bytes);
}
