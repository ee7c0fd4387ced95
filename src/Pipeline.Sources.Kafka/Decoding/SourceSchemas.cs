namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>The schemas that a source's records refer to, by language; shared by all its readings.</summary>
internal sealed class SourceSchemas(SchemaRegistry registry, TimeProvider time) : IDisposable
{
    public RegisteredSchemas<AvroType> Avro { get; } = new(registry, "AVRO", AvroSchemaParser.Parse, time);

    public RegisteredSchemas<ProtobufFile> Protobuf { get; } = new(registry, "PROTOBUF", ProtobufSchemaParser.Parse, time);

    public void Dispose() => registry.Dispose();
}
