using Pipeline.Configuration;

namespace Pipeline.Sources.Kafka;

/// <summary><c>type = kafka</c>: topics of a Kafka cluster, read by partition and offset, without a consumer group.</summary>
public sealed class KafkaSourceKind : ISourceKind
{
    public string Kind => "kafka";

    public ISourceDefinition Bind(string name, SettingsReader settings) => new KafkaSourceDefinition(KafkaSourceOptions.Bind(name, settings));
}
