using Pipeline.Configuration;
using Pipeline.Sources.Kafka.Formats;

namespace Pipeline.Sources.Kafka;

/// <summary>A Kafka source as configured. Defaults suit a live flow; for bulk loads raise the sizes.</summary>
public sealed record KafkaSourceOptions
{
    /// <summary>Brokers to begin with: <c>host:port</c>, separated by commas.</summary>
    public required string Bootstrap { get; init; }

    public KafkaSecurityOptions Security { get; init; } = new();

    /// <summary>
    /// The consumer group under which durable positions are committed, so that lag tools see them. Never read back:
    /// positions live in the lake. Null: nothing is committed, and no right on a group is needed beyond its name.
    /// </summary>
    public string? Group { get; init; }

    /// <summary>
    /// Bytes that the source's workers may hold together, each an equal share of at least 4 MiB: half of it records the
    /// client has fetched, the rest chunks that wait or are being filled. The client needs about as much again for its
    /// bookkeeping of small records. More makes bulk loads smoother over slow networks.
    /// </summary>
    public long BufferBytesMax { get; init; } = 64L << 20;

    /// <summary>Bytes after which a chunk is handed on.</summary>
    public long ChunkBytesMax { get; init; } = 4L << 20;

    /// <summary>Time after which a chunk is handed on, however small: the source's share of latency.</summary>
    public TimeSpan ChunkAgeMax { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// How long a broker holds a fetch request when it has nothing new: it answers as soon as a record arrives, so a longer
    /// wait costs no latency. While a reading has a backlog it is 20 ms at most.
    /// </summary>
    public TimeSpan FetchWaitMax { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long to wait for an answer to a question about topics or offsets.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Where schemas are; needed for the formats <c>avro</c> and <c>protobuf</c>.</summary>
    public SchemaRegistryOptions? Registry { get; init; }

    public required IReadOnlyList<KafkaTableOptions> Tables { get; init; }

    /// <summary>One worker's share of <see cref="BufferBytesMax"/>.</summary>
    internal long ReadingBytesMax => Math.Max(4L << 20, BufferBytesMax / Tables.Sum(table => table.Workers));

    public static KafkaSourceOptions Bind(string name, SettingsReader settings)
    {
        settings.String("type", "kafka");
        var options = new KafkaSourceOptions
        {
            Bootstrap = settings.String("bootstrap"),
            Security = KafkaSecurityOptions.Bind(settings.Section("security")),
            Group = settings.Bool("commit-group-offsets", byDefault: true) ? settings.String("group", $"pipeline-{name}") : null,
            BufferBytesMax = settings.Bytes("buffer-bytes-max", 64L << 20, min: 4L << 20, max: 1L << 30),
            ChunkBytesMax = settings.Bytes("chunk-bytes-max", 4L << 20, min: 4L << 10, max: 256L << 20),
            ChunkAgeMax = settings.Duration("chunk-age-max", TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(1)),
            FetchWaitMax = settings.Duration("fetch-wait-max", TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(30)),
            RequestTimeout = settings.Duration("request-timeout", TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5)),
            Registry = settings.Has("registry") ? SchemaRegistryOptions.Bind(settings.Section("registry")) : null,
            Tables = [.. settings.Section("tables").Children().Select(table => KafkaTableOptions.Bind(table.Name, table.Settings))],
        };

        if (options.Tables.Count == 0) settings.Report("tables", "has no table. Write tables { NAME { topic = TOPIC } }");
        if (options.Registry is null && options.Tables.FirstOrDefault(table => table.HasSchemas) is { } registered)
            settings.Report("registry", $"is required: table {registered.Name} has the format {registered.Format.ToString().ToLowerInvariant()}. Write registry {{ url = \"http://HOST:PORT\" }}");
        foreach (var shared in options.Tables.GroupBy(table => table.Topic, StringComparer.Ordinal).Where(tables => tables.Count() > 1))
            settings.Report("tables", $"topic {shared.Key} feeds {string.Join(" and ", shared.Select(table => table.Name))}. One table a topic");
        if (options.ChunkBytesMax > options.BufferBytesMax / 4)
            settings.Report("chunk-bytes-max", "is more than a quarter of buffer-bytes-max");
        settings.Complete();
        return options;
    }
}

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
}

/// <summary>One topic and the table it feeds.</summary>
public sealed record KafkaTableOptions
{
    public required string Name { get; init; }

    /// <summary>The topic's name; the table's by default.</summary>
    public required string Topic { get; init; }

    public KafkaFormat Format { get; init; } = KafkaFormat.Json;

    /// <summary>Whether each value names a schema in the registry.</summary>
    internal bool HasSchemas => Format is KafkaFormat.Avro or KafkaFormat.Protobuf;

    /// <summary>Ingest workers that share the topic's partitions.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>Key and value bytes above which a record goes to the dead letters instead of the table.</summary>
    public long RecordBytesMax { get; init; } = 1L << 20;

    internal static KafkaTableOptions Bind(string name, SettingsReader settings)
    {
        var options = new KafkaTableOptions
        {
            Name = name,
            Topic = settings.String("topic", name),
            Format = settings.Choice<KafkaFormat>("format", KafkaFormat.Json),
            Workers = settings.Int("workers", 1, min: 1, max: 256),
            RecordBytesMax = settings.Bytes("record-bytes-max", 1L << 20, min: 1, max: 256L << 20),
        };
        settings.Complete();
        return options;
    }
}
