using System.Collections.Immutable;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta.Parquet;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Engines.Emr;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform;

/// <summary>Where the coordinator keeps what it has decided.</summary>
public enum JournalProvider
{
    Sqlite,
    Postgresql,
}

/// <summary>The section <c>transform { … }</c>.</summary>
public sealed record TransformOptions
{
    private const string ArtifactsInLake = "_jobs";

    /// <summary>What executes runs of tables that do not say it themselves. Default auto.</summary>
    public EngineKind Engine { get; init; } = EngineKind.Auto;

    /// <summary>With auto: from so many bytes of Parquet to be read in one run on, Spark executes it. Default 20 GB. See <see cref="Jobs.EngineRule"/>.</summary>
    public long EngineAutoBytes { get; init; } = 20_000_000_000;

    /// <summary>The engines for Spark that are set up; auto takes the first.</summary>
    public ImmutableArray<EngineKind> SparkEngines { get; init; } = [];

    /// <summary>Leads to the key of masks: <see cref="MaskKey"/>. Null: there is none, and tables that mask stand.</summary>
    public Secret? MaskKey { get; init; }

    /// <summary>What reveals it.</summary>
    public ISecretStore Secrets { get; init; } = new LocalSecretStore();

    public SparkSettings Spark { get; init; } = SparkSettings.Default;

    /// <summary>
    /// What an hour of a node costs, in whatever currency the other prices have; a run in process has of it one part of
    /// <see cref="JobsMax"/>. Null: such runs are told no costs.
    /// </summary>
    public decimal? NodeHourPrice { get; init; }

    /// <summary>
    /// DuckDB's memory in bytes, shared by all jobs that run at once; what does not fit is spilled. Default 96 MiB, at
    /// least 64 MiB. More is faster for large inputs; the process may grow by as much more.
    /// </summary>
    public long MemoryBytesMax { get; init; } = 96L << 20;

    /// <summary>What steps of a cluster of EMR need; null: they are not set up.</summary>
    public EmrStepOptions? Emr { get; init; }

    /// <summary>What EMR Serverless needs; null: it is not set up.</summary>
    public EmrServerlessOptions? EmrServerless { get; init; }

    /// <summary>Where documents, answers and programs of engines elsewhere lie; null: in the lake, as <c>_jobs</c>.</summary>
    public string? Artifacts { get; init; }

    /// <summary>
    /// How long documents, answers and claims of a run stay after it is over and another has followed. Default 14 days, from the longest time
    /// that a run may take and a day to a year. See <see cref="Jobs.Remote.ArtifactRetention"/>.
    /// </summary>
    public TimeSpan ArtifactRetention { get; init; } = TimeSpan.FromDays(14);

    /// <summary>
    /// How old what an execution has written must be before vacuum may take it for left behind: the longest time that a run may take on any
    /// engine that is set up, and a day in which it is committed.
    /// </summary>
    public TimeSpan ExecutionAgeMin => new[] { JobTimeMax, Emr?.JobTimeMax ?? TimeSpan.Zero, EmrServerless?.JobTimeMax ?? TimeSpan.Zero }.Max() + TimeSpan.FromDays(1);

    /// <summary>Threads of each job. Default 2, from 1 to 64.</summary>
    public int Threads { get; init; } = 2;

    /// <summary>Jobs in process at once in the cluster. Default 1, from 1 to 16. More shortens queues and divides the memory.</summary>
    public int JobsMax { get; init; } = 1;

    /// <summary>Jobs on engines elsewhere at once. Default 100, from 1 to 1,000. They cost this side next to nothing.</summary>
    public int RemoteJobsMax { get; init; } = 100;

    /// <summary>
    /// How long one run in process may take. Default 30 min, from 1 s to 24 h. What takes longer is cancelled and counts as too large: a
    /// Silver run is followed by one of half as many rows, others by the policy; meanwhile the other tables have their turn.
    /// </summary>
    public TimeSpan JobTimeMax { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Shortest time between two runs of a table. Default 2 s, at most a year. Shorter is fresher and makes more and smaller files.</summary>
    public TimeSpan IntervalMin { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// How long a table may wait for its inputs to come to rest before it runs anyway. Default 30 s, at most a year. Rows that reach
    /// Silver within this time count as timely.
    /// </summary>
    public TimeSpan LagMax { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>So many new rows run a table at once, whatever <see cref="IntervalMin"/> says. Default 100,000.</summary>
    public long RowsThreshold { get; init; } = 100_000;

    /// <summary>
    /// A Silver run reads Bronze commits up to so many rows, and at least one commit; the next run reads on. This bounds
    /// the memory of a run, whatever has piled up; a run that does not fit all the same is tried again with half of its
    /// rows. Default 250,000.
    /// </summary>
    public long RunRowsMax { get; init; } = 250_000;

    /// <summary>The same in bytes of data files. Default 64 MiB.</summary>
    public long RunBytesMax { get; init; } = 64L << 20;

    /// <summary>
    /// So many of a hundred rows of a Silver run may go to the quarantine before it is told, and <c>plan</c> and <c>verify</c> end with 3: see
    /// <see cref="MassQuarantine"/>. Default 20, from 1 to 100, which is never.
    /// </summary>
    public int QuarantinePercentMax { get; init; } = 20;

    /// <summary>How files of Silver and Gold are compressed where <see cref="Compressions"/> says nothing of their table. Default snappy.</summary>
    public FileCompression Compression { get; init; }

    /// <summary>What is said of layers and tables.</summary>
    public FileCompressions Compressions { get; init; } = FileCompressions.None;

    /// <summary>How the files of a table of Silver or Gold are compressed, whoever writes them.</summary>
    public FileCompression CompressionOf(TableId table) => Compressions.Of(table, Compression);

    /// <summary>Of whatever writes to a table of Silver or Gold in this process.</summary>
    public DataFileOptions DataFilesOf(TableId table) => new(Compression: CompressionOf(table));

    /// <summary>
    /// When a failed run is made again. Default: from 1 s to 1 min, without chance, because the journal must be read the same
    /// way twice; after 20 in a row a table stops, and is tried again slowly.
    /// </summary>
    public RetryPolicy Retry { get; init; } = new() { BackoffMin = TimeSpan.FromSeconds(1), BackoffMax = TimeSpan.FromMinutes(1), Jitter = 0, AttemptsMax = 20 };

    /// <summary>
    /// How often a table that has stopped, since somebody has to mend something, is tried again without being told: after 10 s,
    /// and less often each time, up to every 5 min.
    /// </summary>
    public RetryPolicy HaltRetry { get; init; } = new() { BackoffMin = TimeSpan.FromSeconds(10), BackoffMax = TimeSpan.FromMinutes(5), Jitter = 0 };

    /// <summary>How often the tables' logs are looked at, so that a lost announcement costs only this. Default 5 s, from 10 ms to 1 h.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>For spilled data and copies of remote files; emptied after each job.</summary>
    public string TempDirectory { get; init; } = Path.Combine(Path.GetTempPath(), "pipeline-transform");

    public JournalProvider JournalProvider { get; init; } = JournalProvider.Sqlite;

    /// <summary>The journal's connection string.</summary>
    public string JournalConnection { get; init; } = "Data Source=./.pipeline/journal.db";

    /// <summary>What of <see cref="QuarantinePercentMax"/> is true of a table.</summary>
    public int QuarantinePercentMaxOf(SilverContract contract) => contract.QuarantinePercentMax ?? QuarantinePercentMax;

    /// <summary>Where documents, answers and programs of engines elsewhere lie.</summary>
    public string ArtifactsOf(string lakeLocation) => Artifacts ?? $"{lakeLocation}/{ArtifactsInLake}";

    /// <summary>The key of masks; null: none is configured.</summary>
    /// <exception cref="PipelineException">It cannot be read, or is none.</exception>
    public async ValueTask<MaskKey?> RevealMaskKeyAsync(CancellationToken cancellationToken) => MaskKey is { } secret ? Transform.MaskKey.Of(await Secrets.RevealAsync(secret, cancellationToken)) : null;

    /// <summary>The contract with the version of the key in each column that has a mask: rows of the quarantine are sealed with it, whatever the mask.</summary>
    /// <exception cref="PipelineException">It masks and there is no key.</exception>
    internal async ValueTask<SilverContract> KeyedAsync(SilverContract contract, CancellationToken cancellationToken)
    {
        if (contract.Columns.FirstOrDefault(column => column.Mask != Mask.None) is not { } masked) return contract;
        var key = await RevealMaskKeyAsync(cancellationToken) ?? throw NoMaskKey(contract.Table, $"column {masked.Name} has a mask ({masked.Location ?? contract.Location})");
        return contract with { Columns = [.. contract.Columns.Select(column => column.Mask != Mask.None ? column with { MaskVersion = key.Version } : column)] };
    }

    /// <summary>Says the line to add.</summary>
    internal static PipelineException NoMaskKey(TableId table, string why) => new(FaultKind.Invalid, $"Table {table}", $"{why}, and there is no key for masks",
        "Make one (openssl rand -hex 32 > mask.key; chmod 600 mask.key) and add to the configuration: pipeline.transform.mask-key = \"secret:file:/path/to/mask.key\"");

    public static TransformOptions Bind(SettingsReader settings)
    {
        var byDefault = new TransformOptions();
        var (journal, cost) = (settings.Section("journal"), settings.Section("cost"));
        var compression = FileCompression.Bind(settings, "compression", byDefault.Compression);
        var options = new TransformOptions
        {
            Engine = settings.Choice<EngineKind>("engine", byDefault.Engine),
            EngineAutoBytes = settings.Bytes("engine-auto-bytes", byDefault.EngineAutoBytes, min: 1),
            SparkEngines = [.. new[] { EngineKind.Emr, EngineKind.EmrServerless }.Where(engine => settings.Has(engine.NameOf()!))],
            Emr = EmrStepOptions.Bind(settings),
            Spark = SparkSettings.Bind(settings.Section("spark"), compression),
            EmrServerless = EmrServerlessOptions.Bind(settings),
            MaskKey = settings.Has("mask-key") ? settings.Secret("mask-key") : null,
            NodeHourPrice = cost.Has("node-hour") ? EmrServerlessPrices.Price(cost, "node-hour") : null,
            Artifacts = settings.OptionalString("artifacts"),
            ArtifactRetention = settings.Duration("artifact-retention", byDefault.ArtifactRetention, TimeSpan.FromDays(1), TimeSpan.FromDays(366)),
            MemoryBytesMax = settings.Bytes("memory-max", byDefault.MemoryBytesMax, min: 64L << 20),
            Threads = settings.Int("threads", byDefault.Threads, 1, 64),
            JobsMax = settings.Int("jobs-max", byDefault.JobsMax, 1, 16),
            RemoteJobsMax = settings.Int("remote-jobs-max", byDefault.RemoteJobsMax, 1, 1_000),
            JobTimeMax = settings.Duration("job-time-max", byDefault.JobTimeMax, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1)),
            IntervalMin = settings.Duration("interval-min", byDefault.IntervalMin, TimeSpan.Zero, TimeSpan.FromDays(366)),
            LagMax = settings.Duration("lag-max", byDefault.LagMax, TimeSpan.Zero, TimeSpan.FromDays(366)),
            RowsThreshold = settings.Long("rows-threshold", byDefault.RowsThreshold, min: 1),
            RunRowsMax = settings.Long("run-rows-max", byDefault.RunRowsMax, min: 1),
            RunBytesMax = settings.Bytes("run-bytes-max", byDefault.RunBytesMax, min: 1 << 20),
            QuarantinePercentMax = settings.Int("quarantine-percent-max", byDefault.QuarantinePercentMax, 1, 100),
            Compression = compression,
            Retry = RetrySettings.Bind(settings.Section("retry"), byDefault.Retry),
            PollInterval = settings.Duration("poll-interval", byDefault.PollInterval, TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(1)),
            TempDirectory = settings.String("temp-directory", byDefault.TempDirectory),
            JournalProvider = journal.Choice<JournalProvider>("provider", byDefault.JournalProvider),
            JournalConnection = journal.String("connection", byDefault.JournalConnection),
        };
        if (options.Engine.IsSpark() && !options.SparkEngines.Contains(options.Engine)) settings.Report("engine", SparkSettings.NotSetUp(options.Engine));
        if (options.ArtifactRetention < options.ExecutionAgeMin)
            settings.Report("artifact-retention", $"is less than the {options.ExecutionAgeMin.TotalHours:0.#} h in which a run of the longest job-time-max is over and committed. Write that or more");
        journal.Complete();
        cost.Complete();
        settings.Complete();
        return options;
    }
}
