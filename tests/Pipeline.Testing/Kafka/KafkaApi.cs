namespace Pipeline.Testing.Kafka;

/// <summary>Requests of Kafka's protocol that a <see cref="KafkaProxy"/> reads, by their key.</summary>
public enum KafkaApi : short
{
    Fetch = 1,
    ListOffsets = 2,
    Metadata = 3,
    FindCoordinator = 10,
    SaslHandshake = 17,
    ApiVersions = 18,
    OffsetForLeaderEpoch = 23,
    SaslAuthenticate = 36,
}

/// <summary>Brokers' error codes, as far as tests name them; every other number will do too.</summary>
public enum KafkaError : short
{
    None = 0,
    OffsetOutOfRange = 1,
    UnknownTopicOrPartition = 3,
    LeaderNotAvailable = 5,
    NotLeaderOrFollower = 6,
    CoordinatorNotAvailable = 15,
    TopicAuthorizationFailed = 29,
    GroupAuthorizationFailed = 30,
    ClusterAuthorizationFailed = 31,
    UnsupportedSaslMechanism = 33,
    SaslAuthenticationFailed = 58,
}
