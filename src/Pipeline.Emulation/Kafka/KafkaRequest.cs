namespace Pipeline.Emulation.Kafka;

/// <summary>Requests of the Kafka protocol that can be made to fail, by their API key.</summary>
public enum KafkaRequest : short
{
    Produce = 0,
    Fetch = 1,
    ListOffsets = 2,
    Metadata = 3,
    OffsetCommit = 8,
    OffsetFetch = 9,
    FindCoordinator = 10,
    InitProducerId = 22,
}
