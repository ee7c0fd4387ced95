using Pipeline.Configuration;
using Pipeline.Sources.Kafka.Decoding;

namespace Pipeline.Sources.Kafka;

/// <summary>A Kafka source as configured. Defaults suit a live flow; for bulk loads raise the sizes.</summary>
public sealed record KafkaSourceOptions
{
    /// <summary>Where the defaults of settings stand.</summary>
    private static readonly KafkaSourceOptions Defaults = new() { Name = "", Bootstrap = "", Tables = [] };

    public required string Name { get; init; }

    /// <summary>Brokers to begin with: <c>host:port</c>, separated by commas.</summary>
    public required string Bootstrap { get; init; }

    public KafkaSecurityOptions Security { get; init; } = new();

    /// <summary>
    /// The consumer group under which durable positions are committed, so that lag tools see them. Never read back:
    /// positions live in the lake. Default <c>pipeline-NAME</c>. Null (<c>commit-group-offsets = false</c>): nothing is
    /// committed, and no right on a group is needed beyond its name.
    /// </summary>
    public string? Group { get; init; }

    /// <summary>
    /// Bytes of memory that one node holds of this source, fetched and not yet taken, all tables together: each worker has an
    /// equal share of at least 4 MiB, half of it records the client has fetched, the rest chunks that wait or are being filled.
    /// The client needs about as much again for its bookkeeping of small records. Default 64 MiB, 4 KiB to 4 GiB. More makes bulk
    /// loads smoother over slow networks.
    /// </summary>
    public long ReadAheadBytesMax { get; init; } = 64L << 20;

    /// <summary>
    /// Bytes of memory after which a chunk is handed on. Default 4 MiB, 4 KiB to 1 GiB and a quarter of
    /// <see cref="ReadAheadBytesMax"/>. Larger chunks cost less a row and more memory.
    /// </summary>
    public long ChunkBytesMax { get; init; } = 4L << 20;

    /// <summary>
    /// Time after which a chunk is handed on, however small: the source's share of latency. Default 100 ms, 0 to 1 min. Longer
    /// makes larger chunks of a thin flow.
    /// </summary>
    public TimeSpan ChunkAgeMax { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// How long a broker holds a fetch request when it has nothing new: it answers as soon as a record arrives, so a longer
    /// wait costs no latency. While a reading has a backlog it is 20 ms at most. Default 1 s, 1 ms to 30 s. Shorter asks brokers
    /// more often.
    /// </summary>
    public TimeSpan FetchWaitMax { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How often leaders are asked where their partitions end, so that one with nothing new is known to have nothing: what an idle
    /// topic's freshness grows to. Default 15 s, 100 ms to 10 min. Shorter asks brokers more often, once a partition.
    /// </summary>
    public TimeSpan EndsInterval { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// How long an answer about topics or offsets may take. Default 10 s, 100 ms to 1 day. Shorter tells sooner that brokers are
    /// away, and takes slow ones for it.
    /// </summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Where schemas are; needed for the formats <c>avro</c> and <c>protobuf</c>, of values or of keys.</summary>
    public SchemaRegistryOptions? Registry { get; init; }

    public required IReadOnlyList<KafkaTableOptions> Tables { get; init; }

    /// <summary>The source for error messages: never more than its name and address.</summary>
    public string Thing => $"Source {Name}, Kafka cluster {Bootstrap}";

    /// <summary>One worker's share of <see cref="ReadAheadBytesMax"/>.</summary>
    internal long ReadingBytesMax => Math.Clamp(ReadAheadBytesMax / Tables.Sum(table => table.Workers), 4L << 20, 2L << 30);

    /// <summary>One of its topics, for error messages.</summary>
    internal string ThingOf(string topic) => $"Source {Name}, topic {topic}";

    public static KafkaSourceOptions Bind(string name, SettingsReader settings)
    {
        settings.Renamed("buffer-bytes-max", "read-ahead-bytes-max");
        _ = settings.OptionalString("type");
        var options = new KafkaSourceOptions
        {
            Name = name,
            Bootstrap = settings.String("bootstrap"),
            Security = KafkaSecurityOptions.Bind(settings.Section("security"), settings.OptionalString("bootstrap") ?? ""),
            Group = settings.Bool("commit-group-offsets", byDefault: true) ? settings.String("group", $"pipeline-{name}") : null,
            ReadAheadBytesMax = settings.ReadAheadBytesMax(Defaults.ReadAheadBytesMax),
            ChunkBytesMax = settings.ChunkBytesMax(Defaults.ChunkBytesMax),
            ChunkAgeMax = settings.ChunkAgeMax(Defaults.ChunkAgeMax),
            FetchWaitMax = settings.Duration("fetch-wait-max", Defaults.FetchWaitMax, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(30)),
            EndsInterval = settings.Duration("ends-interval", Defaults.EndsInterval, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(10)),
            RequestTimeout = settings.RequestTimeout(Defaults.RequestTimeout),
            Registry = settings.Has("registry") ? SchemaRegistryOptions.Bind(settings.Section("registry")) : null,
            Tables = [.. settings.Section("tables").Children().Select(table => KafkaTableOptions.Bind(table.Name, table.Settings))],
        };

        if (options.Tables.Count == 0) settings.Report("tables", "has no table. Write tables { NAME { topic = TOPIC } }");
        if (options.Registry is null && options.Tables.FirstOrDefault(table => table.HasSchemas) is { } registered)
            settings.Report("registry", $"is required: table {registered.Name} has the format {registered.Format.ToString().ToLowerInvariant()}. Write registry {{ url = \"http://HOST:PORT\" }}");
        else if (options.Registry is null && options.Tables.FirstOrDefault(table => table.HasKeySchemas) is { } keyed)
            settings.Report("registry", $"is required: table {keyed.Name} has the key-format {keyed.KeyFormat.ToString().ToLowerInvariant()}. Write registry {{ url = \"http://HOST:PORT\" }}");
        foreach (var shared in options.Tables.GroupBy(table => table.Topic, StringComparer.Ordinal).Where(tables => tables.Count() > 1))
            settings.Report("tables", $"topic {shared.Key} feeds {string.Join(" and ", shared.Select(table => table.Name))}. One table a topic");
        if (options.ChunkBytesMax > options.ReadAheadBytesMax / 4)
            settings.Report("chunk-bytes-max", "is more than a quarter of read-ahead-bytes-max");
        settings.Complete();
        return options;
    }
}
