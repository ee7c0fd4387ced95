using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>The schemas that a source's records refer to, by language; shared by all its readings.</summary>
internal sealed class SourceSchemas(SchemaRegistry registry, TimeProvider time) : IDisposable
{
    private const string KeyColumn = "_key";

    /// <summary>Records of older ones may be in a topic still.</summary>
    private const int VersionsMax = 10;

    public RegisteredSchemas<AvroType> Avro { get; } = new(registry, "AVRO", AvroSchemaParser.Parse, time);

    public RegisteredSchemas<ProtobufFile> Protobuf { get; } = new(registry, "PROTOBUF", ProtobufSchemaParser.Parse, time);

    private RegisteredSchemas<DocumentShape> Json { get; } = new(registry, "JSON", JsonSchemaShapes.Parse, time);

    public string Thing => registry.Thing;

    /// <summary>Subjects, as producers call them unless they are told otherwise, of which the registry has none. Blocks.</summary>
    /// <exception cref="PipelineException">The registry does not answer or refuses us.</exception>
    public IReadOnlyList<string> MissingOf(KafkaTableOptions table, CancellationToken cancellationToken) =>
        [.. SubjectsOf(table).Where(subject => registry.VersionsOf(subject.Name, cancellationToken) is null).Select(subject => subject.Name)];

    /// <summary>What a table's documents hold, by the versions of its topic's subjects, the newest first. Blocks.</summary>
    /// <exception cref="PipelineException">The registry does not answer or refuses us.</exception>
    public IReadOnlyList<SourceDocument> DocumentsOf(KafkaTableOptions table, CancellationToken cancellationToken)
    {
        var found = new List<SourceDocument>();
        foreach (var (column, subject, format) in SubjectsOf(table))
            foreach (var version in (registry.VersionsOf(subject, cancellationToken) ?? []).Take(VersionsMax))
                if (ShapeOf(format, subject, version, cancellationToken) is { } shape && (column == KeyColumn || table.Envelope != KafkaEnvelope.Debezium ? shape : InEnvelope(shape)) is { } document)
                    found.Add(new SourceDocument(column, $"version {version} of {subject}", document));
        return found;
    }

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

    private static IEnumerable<(string Column, string Name, KafkaFormat Format)> SubjectsOf(KafkaTableOptions table)
    {
        if (table.Format is KafkaFormat.Avro or KafkaFormat.Protobuf or KafkaFormat.JsonSchema) yield return ("value", $"{table.Topic}-value", table.Format);
        var keys = table.KeyFormat switch
        {
            KafkaKeyFormat.Avro => KafkaFormat.Avro,
            KafkaKeyFormat.Protobuf => KafkaFormat.Protobuf,
            KafkaKeyFormat.JsonSchema => KafkaFormat.JsonSchema,
            _ => KafkaFormat.Bytes,
        };
        if (keys != KafkaFormat.Bytes) yield return (KeyColumn, $"{table.Topic}-key", keys);
    }

    private DocumentShape? ShapeOf(KafkaFormat format, string subject, int version, CancellationToken cancellationToken) => format switch
    {
        KafkaFormat.Avro => Avro.TryRead(subject, version, cancellationToken) is { } type ? AvroShapes.Of(type) : null,
        KafkaFormat.Protobuf => Protobuf.TryRead(subject, version, cancellationToken) is { } file ? ProtobufShapes.Of(file) : null,
        _ => Json.TryRead(subject, version, cancellationToken),
    };

    /// <summary>The row of a change; null: the schema is of no envelope.</summary>
    private static DocumentShape? InEnvelope(DocumentShape envelope) =>
        envelope.Members.TryGetValue("after", out var after) ? envelope.Members.TryGetValue("before", out var before) ? DocumentShape.Either([after, before]) : after : null;
}
