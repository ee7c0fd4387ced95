using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>The schemas that a source's records refer to, by language; shared by all its readings.</summary>
internal sealed class SourceSchemas(SchemaRegistry registry, TimeProvider time) : IDisposable
{
    public RegisteredSchemas<AvroType> Avro { get; } = new(registry, "AVRO", AvroSchemaParser.Parse, time);

    public RegisteredSchemas<ProtobufFile> Protobuf { get; } = new(registry, "PROTOBUF", ProtobufSchemaParser.Parse, time);

    public string Thing => registry.Thing;

    /// <summary>Asks for any schema, as reading does. Null: it answers, be it that there is none. Blocks.</summary>
    public PipelineException? Try(CancellationToken cancellationToken)
    {
        try
        {
            registry.Get("schemas/ids/1", cancellationToken);
            return null;
        }
        catch (PipelineException fault)
        {
            return fault;
        }
    }

    public void Dispose() => registry.Dispose();
}
