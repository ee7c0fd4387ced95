using Pipeline.Configuration;

namespace Pipeline.Sources.Kafka;

/// <summary>What a topic's record values are.</summary>
public enum KafkaFormat
{
    /// <summary>UTF-8 text, by convention JSON. Whether it is well-formed JSON is Silver's matter.</summary>
    Json,

    /// <summary>Anything: column <c>value</c> is binary.</summary>
    Bytes,

    /// <summary>
    /// Avro in Confluent's wire format: column <c>value</c> is JSON text, column <c>_schema_id</c> the schema's number in the
    /// registry. Each record is read by the schema it was written with.
    /// </summary>
    Avro,

    /// <summary>
    /// Protobuf in Confluent's wire format: columns as for <see cref="Avro"/>. JSON is the language's own mapping: names in
    /// lowerCamelCase, 64-bit integers as text, fields without presence also at their default.
    /// </summary>
    Protobuf,

    /// <summary>
    /// JSON text in Confluent's wire format: columns as for <see cref="Avro"/>. The text says all itself, so the registry is not
    /// asked, and whether it is well-formed and of its schema is Silver's matter.
    /// </summary>
    JsonSchema,
}

/// <summary>What a topic's keys are. In the table each is text.</summary>
public enum KafkaKeyFormat
{
    /// <summary>UTF-8.</summary>
    Text,

    /// <summary>UTF-8 that is JSON: whether it is well-formed is Silver's matter.</summary>
    Json,

    /// <summary>Anything: two hexadecimal digits a byte, with capital letters.</summary>
    Bytes,

    /// <summary>Eight bytes, the highest first, as Java's serializer writes a long: a number.</summary>
    Long,

    /// <summary>Sixteen bytes, in the order of the text: <c>6f9619ff-8b86-d011-b42d-00c04fc964ff</c>.</summary>
    Uuid,

    /// <summary>Avro in Confluent's wire format: JSON text of the value; one that is a text is that text.</summary>
    Avro,

    /// <summary>Protobuf in Confluent's wire format: as <see cref="Avro"/>.</summary>
    Protobuf,

    /// <summary>JSON text in Confluent's wire format: that text.</summary>
    JsonSchema,
}

/// <summary>What a topic's records say of the rows that they are about.</summary>
public enum KafkaEnvelope
{
    /// <summary>Nothing: each is a row, also one without a value.</summary>
    None,

    /// <summary>
    /// A record without a value deletes the row of its key, as in topics that are compacted. One that has no key either says
    /// nothing and is a row without a value.
    /// </summary>
    Tombstone,

    /// <summary>
    /// Each is a change of a row as Debezium writes it: <c>op</c>, the row before and the row after, which is the column <c>value</c>.
    /// A record without a value deletes, as with <see cref="Tombstone"/>; what is neither is a dead letter.
    /// </summary>
    Debezium,
}

/// <summary>One topic and the table it feeds.</summary>
public sealed record KafkaTableOptions
{
    private static readonly KafkaTableOptions Defaults = new() { Name = "", Topic = "" };

    /// <summary>The name in the lake.</summary>
    public required string Name { get; init; }

    /// <summary>The topic's name. Default: the table's.</summary>
    public required string Topic { get; init; }

    /// <summary>What the topic's values are. Default <c>json</c>.</summary>
    public KafkaFormat Format { get; init; } = KafkaFormat.Json;

    /// <summary>What the topic's keys are. Default <c>text</c>, with <c>envelope = debezium</c> what its values are. A key that is not is a dead letter.</summary>
    public KafkaKeyFormat KeyFormat { get; init; } = KafkaKeyFormat.Text;

    /// <summary>What records say of rows. Default <c>none</c>.</summary>
    public KafkaEnvelope Envelope { get; init; } = KafkaEnvelope.None;

    /// <summary>Whether a value cannot be read without its schema.</summary>
    internal bool HasSchemas => Format is KafkaFormat.Avro or KafkaFormat.Protobuf;

    /// <summary>Whether a key cannot be read without its schema.</summary>
    internal bool HasKeySchemas => KeyFormat is KafkaKeyFormat.Avro or KafkaKeyFormat.Protobuf;

    /// <summary>
    /// Ingest workers that share the topic's partitions. Default 1, 1 to 256. More use more cores and nodes, and make more,
    /// smaller files.
    /// </summary>
    public int Workers { get; init; } = 1;

    /// <summary>
    /// Bytes of key and value above which a record goes to the dead letters instead of the table. Default 1 MiB, 1 B to 256 MiB.
    /// A larger limit lets a single record take more memory than a chunk.
    /// </summary>
    public long RecordBytesMax { get; init; } = 1L << 20;

    /// <summary>Words by which it is chosen, with others. Default: none.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    internal static KafkaTableOptions Bind(string name, SettingsReader settings)
    {
        var format = settings.Choice<KafkaFormat>("format", Defaults.Format);
        var envelope = settings.Choice<KafkaEnvelope>("envelope", Defaults.Envelope);
        var options = new KafkaTableOptions
        {
            Name = name,
            Topic = settings.String("topic", name),
            Format = format,
            KeyFormat = settings.Choice<KafkaKeyFormat>("key-format", envelope == KafkaEnvelope.Debezium ? AsValues(format) : Defaults.KeyFormat),
            Envelope = envelope,
            Workers = settings.Int("workers", Defaults.Workers, min: 1, max: 256),
            RecordBytesMax = settings.Bytes("record-bytes-max", Defaults.RecordBytesMax, min: 1, max: 256L << 20),
            Tags = settings.Tags(),
        };
        if (format == KafkaFormat.Bytes && envelope == KafkaEnvelope.Debezium)
            settings.Report("envelope", "debezium is of values that can be read. Write format = json, avro, protobuf or json-schema");
        settings.Complete();
        return options;
    }

    /// <summary>One converter writes both, unless it is told otherwise.</summary>
    private static KafkaKeyFormat AsValues(KafkaFormat format) => format switch
    {
        KafkaFormat.Json => KafkaKeyFormat.Json,
        KafkaFormat.Avro => KafkaKeyFormat.Avro,
        KafkaFormat.Protobuf => KafkaKeyFormat.Protobuf,
        KafkaFormat.JsonSchema => KafkaKeyFormat.JsonSchema,
        _ => Defaults.KeyFormat,
    };
}
