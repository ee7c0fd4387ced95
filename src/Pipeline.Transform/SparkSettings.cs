using System.Collections.Immutable;
using System.Globalization;
using Pipeline.Configuration;
using Pipeline.Delta.Parquet;

namespace Pipeline.Transform;

/// <summary>The section <c>transform { spark { … } }</c>: settings of Spark, passed through to each submission.</summary>
/// <param name="Conf">By name.</param>
public sealed record SparkSettings(ImmutableSortedDictionary<string, string> Conf)
{
    private const string Codecs = "spark.sql.parquet.compression.codec";
    private const string ZstdLevel = "spark.hadoop.parquet.compression.codec.zstd.level";

    private static readonly string[] OfSecrets = ["secret", "password", "token", "access.key", "accesskey", "credential"];

    /// <summary>What is set when nothing else is said, and what it is for. The codec is that of Silver and Gold.</summary>
    public static readonly ImmutableArray<(string Name, string Value, string For)> Defaults =
    [
        ("spark.sql.adaptive.enabled", "true", "plans are changed by what was counted while they run: fewer tasks for little, another join for less than expected"),
        ("spark.sql.adaptive.skewJoin.enabled", "true", "a key with far more rows than others is divided among tasks, so that one task is not the whole run"),
        ("spark.sql.autoBroadcastJoinThreshold", "64m", "a side of a join up to this size goes to every executor whole, and the other side is not shuffled"),
        ("spark.sql.shuffle.partitions", "400", "parts of a shuffle to begin with; adaptive execution puts small ones together, and too few do not fit into memory"),
        ("spark.sql.inMemoryColumnarStorage.compressed", "true", "what a run reads twice is cached once (steps with keep), compressed, and spilled where memory ends"),
        ("spark.dynamicAllocation.enabled", "true", "executors come with the work and go when there is none: runs of one cluster share it"),
        ("spark.yarn.maxAppAttempts", "1", "an execution has one try: a second one would find the directories of the first, and is another execution"),
    ];

    public static readonly SparkSettings Default = new(Given(Codec.Snappy)) { IsCodecOfTables = true };

    /// <summary>Whether the codec follows from how files of the lake are compressed: it is not among what was written for Spark.</summary>
    public bool IsCodecOfTables { get; init; }

    /// <summary>Said of whoever wants an engine that has no section.</summary>
    public static string NotSetUp(EngineKind engine) =>
        $"names {engine.NameOf()}, and transform.{engine.NameOf()} {{ ... }} is not there. Set it up, or choose duckdb or auto";

    /// <summary>As arguments of <c>spark-submit</c>, the same ones in the same order for the same settings.</summary>
    public IEnumerable<string> Arguments => Conf.SelectMany(setting => (string[])["--conf", $"{setting.Key}={setting.Value}"]);

    /// <summary>The same for a run whose files are compressed so.</summary>
    public SparkSettings Of(FileCompression files)
    {
        if (!IsCodecOfTables) return this;
        var conf = Conf.SetItem(Codecs, files.Codec.Name());
        return this with { Conf = files.Level is { } level && !conf.ContainsKey(ZstdLevel) ? conf.Add(ZstdLevel, level.ToString(CultureInfo.InvariantCulture)) : conf };
    }

    /// <summary>A setting of a default's name takes its place; an empty one takes it away.</summary>
    /// <param name="files">How files of Silver and Gold are compressed where nothing is said of their table.</param>
    public static SparkSettings Bind(SettingsReader settings, FileCompression files)
    {
        var (conf, isCodecOfTables) = (Given(files.Codec), true);
        foreach (var (name, value) in settings.TextsBelow())
        {
            if (name == Codecs) isCodecOfTables = false;
            if (!name.StartsWith("spark.", StringComparison.Ordinal)) settings.Report(name, $"'{name}' is no setting of Spark. Write its whole name: spark.sql.shuffle.partitions");
            if (OfSecrets.Any(word => name.Contains(word, StringComparison.OrdinalIgnoreCase)))
                settings.Report(name, $"'{name}' looks like a secret, and whoever may look at the cluster's jobs reads what is passed to them. Give the job's role the right instead");
            conf = value.Length == 0 ? conf.Remove(name) : conf.SetItem(name, value);
        }

        return new SparkSettings(conf) { IsCodecOfTables = isCodecOfTables };
    }

    private static ImmutableSortedDictionary<string, string> Given(Codec codec) =>
        Defaults.ToImmutableSortedDictionary(setting => setting.Name, setting => setting.Value, StringComparer.Ordinal).Add(Codecs, codec.Name());
}
