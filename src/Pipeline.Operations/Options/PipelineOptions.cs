using Pipeline.Aws.Secrets;
using Pipeline.Core;
using Pipeline.Configuration;
using Pipeline.Ingest;
using Pipeline.Telemetry;
using Pipeline.Transform;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;

namespace Pipeline.Operations.Options;

/// <summary>The whole configuration, validated: what <c>pipeline.conf</c> and the files it includes say.</summary>
public sealed record PipelineOptions
{
    private const string Root = "pipeline";

    /// <summary>The pipeline's name, for logs and metrics.</summary>
    public required string Name { get; init; }

    /// <summary><c>akka.conf</c> beside the configuration file: those of Akka's settings that are to be others than the program's; null: there is none.</summary>
    public string? AkkaFile { get; init; }

    public required LakeOptions Lake { get; init; }

    /// <summary>Other lakes, for trying.</summary>
    public IReadOnlyList<TargetOptions> Targets { get; init; } = [];

    /// <summary>Of whose lake and whose work the rest speaks; null: of the pipeline's own.</summary>
    public ChosenTarget? Target { get; init; }

    public LogOptions Log { get; init; } = new();

    public required IngestOptions Ingest { get; init; }

    public required TransformOptions Transform { get; init; }

    public required FreshnessOptions Freshness { get; init; }

    public required ClusterOptions Cluster { get; init; }

    public TelemetryOptions Telemetry { get; init; } = new();

    public HttpOptions Http { get; init; } = new();

    /// <summary>Where the values of secrets are; asked by whoever needs one, each time.</summary>
    public ISecretStore Secrets { get; init; } = new LocalSecretStore();

    public required IReadOnlyList<ISourceDefinition> Sources { get; init; }

    /// <summary>Silver contracts and Gold queries, type-checked.</summary>
    public required TransformGraph Graph { get; init; }

    /// <summary>The tables that sources fill.</summary>
    public IReadOnlyCollection<TableId> BronzeTables => BronzeTablesOf(Sources);

    /// <summary>Tables that mask and so are made in the node's process, though Spark is set up for them.</summary>
    public IReadOnlyList<TableId> KeptInProcess => EngineRule.KeptByMasks(Graph, Transform);

    /// <summary>Finds the tables that somebody means.</summary>
    public TableSelector Selector => new(Graph, [.. Sources.SelectMany(source => source.Tables.Select(table => (TableId.Bronze(source.Name, table.Name), table.Tags)))]);

    /// <summary>What else was noted: settings under names of the release before, and all that were asked for.</summary>
    public SettingsNotes Notes { get; init; } = new();

    /// <summary>What keeps a node of this configuration from starting, though everything else can be done with it.</summary>
    public IReadOnlyList<ConfigProblem> RunProblems => [.. RunRules(this)];

    /// <summary>Asked anew of options that were changed, as by roles of the command line.</summary>
    private Func<PipelineOptions, IEnumerable<ConfigProblem>> RunRules { get; init; } = _ => [];

    /// <summary>Reads and validates; connects to nothing.</summary>
    /// <param name="kinds">The kinds of source that may be configured.</param>
    /// <param name="lakeLocation">Replaces the configured lake when given.</param>
    /// <param name="text">What the file would say, of one that nobody has written; null: it is read.</param>
    /// <param name="target">A name of <c>targets</c>: what is loaded has its lake, no sources, and nothing else in common with nodes that run; null: none.</param>
    /// <exception cref="ConfigurationException">Everything that is wrong, at once.</exception>
    /// <exception cref="PipelineException">There is no such target.</exception>
    public static PipelineOptions Load(string path, IReadOnlyList<ISourceKind> kinds, string? lakeLocation, ReadEnvironmentVariable environment, string? text = null, string? target = null)
    {
        var file = HoconReader.Read(path, asked => text is not null && asked == path ? text : ReadFile(asked), environment);
        var problems = new List<ConfigProblem>();
        var root = new SettingsReader(file, "", problems);
        var akkaFile = Path.Combine(Path.GetDirectoryName(path) ?? "", "akka.conf");
        var options = Bind(root.Section(Root), kinds, lakeLocation, File.Exists(akkaFile) ? akkaFile : null);
        root.Complete();
        if (problems.Count > 0) throw new ConfigurationException(problems);
        options = options with { Notes = root.Notes };
        return target is null ? options : options.For(TargetOptions.Find(options.Targets, target));
    }

    /// <summary>The same in another lake, whose Bronze tables are samples: all is made in this process, and no other node hears of it.</summary>
    private PipelineOptions For(TargetOptions target) => this with
    {
        Lake = target.Lake,
        Target = new ChosenTarget(target.Name, target.SampleRows, Lake, Sources),
        Sources = [],
        Graph = Graph.OnDuckDb(),
        Transform = Transform with
        {
            Engine = EngineKind.Duckdb, SparkEngines = [], Emr = null, EmrServerless = null,
            JournalProvider = JournalProvider.Sqlite, JournalConnection = $"Data Source={Path.Combine(Transform.TempDirectory, $"target-{Name}-{target.Name}.db")}",
        },
        Cluster = new ClusterOptions(),
        Http = new HttpOptions { SocketDirectory = Http.SocketDirectory },
        Telemetry = new TelemetryOptions(),
    };

    private static PipelineOptions Bind(SettingsReader pipeline, IReadOnlyList<ISourceKind> kinds, string? lakeLocation, string? akkaFile)
    {
        var bound = SourceBinding.Bind(pipeline.Section("sources"), kinds, out var areAllKnown);
        IReadOnlyList<ISourceDefinition> written = [.. bound.Select(source => source.Definition)];
        var bronze = areAllKnown ? BronzeTablesOf(written) : null;
        // Contracts and queries of what is left out are judged all the same: they are read again when it is.
        var whole = TransformGraph.Bind(pipeline.Section("silver"), pipeline.Section("gold"), bronze, TechnicalColumnsOf(written));
        var leftOut = bound.Where(source => source.LeftOutAt is not null).ToList();
        var graph = whole.Without([.. leftOut.Select(source => source.Definition.Name)]).Graph;
        pipeline.Notes.LeftOut.AddRange(leftOut.Select(source => NoticeOf(source.Definition.Name, source.LeftOutAt!.Value, pipeline, whole)));
        var secrets = new AwsSecretStore(new LocalSecretStore(), SecretOptions.Bind(pipeline.Section("secrets")), TimeProvider.System);
        IReadOnlyCollection<TableId>? known = bronze is null ? null : [.. bronze, .. whole.Tables];
        var lake = LakeOptions.Bind(pipeline.Section("lake"), pipeline.Section("locations"), lakeLocation, known);
        var options = new PipelineOptions
        {
            Name = pipeline.String("name", "pipeline"),
            AkkaFile = akkaFile,
            Lake = lake,
            Targets = TargetOptions.BindAll(pipeline.Section("targets"), lake),
            Log = LogOptions.Bind(pipeline.Section("log")),
            Ingest = IngestOptions.Bind(pipeline.Section("ingest")) with { Compressions = lake.Compression },
            Secrets = secrets,
            Transform = TransformOptions.Bind(pipeline.Section("transform")) with { Secrets = secrets, Compressions = lake.Compression },
            Cluster = ClusterOptions.Bind(pipeline.Section("cluster")),
            Telemetry = TelemetryOptions.Bind(pipeline.Section("telemetry")),
            Http = HttpOptions.Bind(pipeline.Section("http")),
            Sources = [.. bound.Where(source => source.LeftOutAt is null).Select(source => source.Definition)],
            Graph = graph,
            Freshness = FreshnessOptions.Bind(pipeline.Section("freshness"), known),
        };
        pipeline.Problems.AddRange(options.Graph.Tables.Where(table => options.Graph.EngineOf(table) is { } engine && engine.IsSpark() && !options.Transform.SparkEngines.Contains(engine))
            .Select(table => new ConfigProblem(options.Graph.LocationOf(table), $"{table.ToString().Replace('/', '.')}.engine", SparkSettings.NotSetUp(options.Graph.EngineOf(table)!.Value))));
        pipeline.Complete();
        return options with { RunRules = changed => RunProblemsOf(changed, pipeline) };
    }

    private static ConfigNotice NoticeOf(string source, SourceLocation at, SettingsReader pipeline, TransformGraph whole)
    {
        var gone = whole.Without([source]).LeftOut;
        return new ConfigNotice(at, $"{pipeline.Path}.sources.{source}.enabled", gone.Count == 0 ? "the source is left out, and nothing is made of its tables" : $"the source is left out, and what is made of its tables: {string.Join(", ", gone)}");
    }

    private static IEnumerable<ConfigProblem> RunProblemsOf(PipelineOptions options, SettingsReader pipeline)
    {
        var (lake, cluster) = (pipeline.Section("lake"), pipeline.Section("cluster"));
        if (!options.Cluster.IsLoopback && options.Cluster.Tls is null)
            yield return new ConfigProblem(cluster.LocationOf("hostname"), $"{cluster.Path}.tls",
                $"is required: whoever reaches {options.Cluster.ListensAt} could give this node orders. Give ca-file, certificate-file and key-file, or set hostname to 127.0.0.1 and leave out bind-hostname");
        if (options.Cluster.Roles.Contains(NodeRole.Web) && !options.Http.IsLoopback && options.Http.Tls is null)
        {
            var http = pipeline.Section("http");
            yield return new ConfigProblem(http.LocationOf("host"), $"{http.Path}.tls",
                $"is required: tokens would go to {options.Http.Host} in plain text. Give certificate-file and key-file, set host to 127.0.0.1, or take 'web' out of cluster.roles");
        }

        if (options.Cluster.SeedNodes.Count > 0 && options.Lake.IsRelative)
            yield return new ConfigProblem(lake.LocationOf("location"), $"{lake.Path}.location",
                $"'{options.Lake.Location}' is relative, and each node of a cluster would have a lake of its own. Write an absolute path or s3://bucket/prefix");
        foreach (var table in options.Graph.Tables.Where(table => EngineRule.MayBeSpark(options.Graph, table, options.Transform)))
            foreach (var problem in options.Graph.UnportableOf(table))
                yield return problem with { Message = $"{problem.Message.TrimEnd('.')}: the table may come to Spark, which gives another answer. Write it as told, or write engine = duckdb for {table}" };
        // Where the coordinator moves, it must find what was remembered.
        var journal = pipeline.Section("transform").Section("journal");
        if (options.Cluster.SeedNodes.Count > 0 && options.Cluster.Roles.Contains(NodeRole.Transform) && options.Transform.JournalProvider == JournalProvider.Sqlite)
            yield return new ConfigProblem(journal.LocationOf("provider"), $"{journal.Path}.provider",
                "a SQLite journal is for one node, and cluster.seed-nodes names others. Use provider = postgresql with a connection string, or take 'transform' out of cluster.roles");
    }

    private static List<TableId> BronzeTablesOf(IReadOnlyList<ISourceDefinition> sources) =>
        [.. sources.SelectMany(source => source.Tables.Select(table => TableId.Bronze(source.Name, table.Name)))];

    private static Dictionary<TableId, IReadOnlyList<string>> TechnicalColumnsOf(IReadOnlyList<ISourceDefinition> sources) =>
        sources.SelectMany(source => source.Tables.Select(table => (Id: TableId.Bronze(source.Name, table.Name), table.TechnicalColumns)))
            .DistinctBy(table => table.Id).ToDictionary(table => table.Id, table => table.TechnicalColumns);

    private static string? ReadFile(string path) => File.Exists(path) ? File.ReadAllText(path) : null;
}
