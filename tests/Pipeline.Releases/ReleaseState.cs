using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Testing;

namespace Pipeline.Releases;

/// <summary>A lake with its journal and configuration, as one release leaves it and another finds it. Deleted when disposed.</summary>
/// <param name="configurations">The directory of the configuration files.</param>
public sealed class ReleaseState(string configurations) : IAsyncDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-release-");
    private readonly List<PipelineProcess> _processes = [];

    /// <summary>What a release is kept as: lake and journal.</summary>
    public string Root => Directory.CreateDirectory(Path.Combine(_directory, "state")).FullName;

    public string LakeDirectory => Path.Combine(Root, "lake");

    /// <summary>Where PostgreSQL's data can be for as long as the state is there.</summary>
    public string SourcesDirectory => Path.Combine(_directory, "sources");

    /// <summary>The one table of the configurations that masks.</summary>
    private const string Masked = "user_sessions";

    /// <summary>The reference configuration with short intervals.</summary>
    public string Configuration => Path.Combine(configurations, "quick.conf");

    /// <summary>A copy of <see cref="Configuration"/> for a node that joins another.</summary>
    /// <param name="seed">The other's <c>host:port</c>.</param>
    public string ConfigurationJoining(string seed)
    {
        var directory = Path.Combine(_directory, "configuration");
        foreach (var file in Directory.EnumerateFiles(configurations, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(directory, Path.GetRelativePath(configurations, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy, overwrite: true);
        }

        var joining = Path.Combine(directory, "joining.conf");
        File.WriteAllText(joining, $$"""
            include "{{Path.GetFileName(Configuration)}}"
            pipeline.cluster.seed-nodes = ["{{seed}}"]
            # Nodes of a cluster share a journal.
            pipeline.transform.journal { provider = postgresql, connection = "Host="${APP_DB_HOST}";Port="${APP_DB_PORT}";Database="${APP_DB_NAME}";Username="${APP_DB_USER}";Password="${APP_DB_PASSWORD} }
            """);
        return joining;
    }

    /// <summary>The environment of nodes and verbs, but for what leads to the sources.</summary>
    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["PIPELINE_LAKE"] = LakeDirectory,
        ["PIPELINE_JOURNAL"] = $"Data Source={Path.Combine(Root, "journal.db")}",
        // Beside lake and journal, not among them: nothing in it is worth keeping.
        ["PIPELINE_TEMP"] = Path.Combine(_directory, "temp"),
        ["PIPELINE_INGEST_PROFILE"] = "low-latency",
    };

    /// <summary>A new look at the tables.</summary>
    public Lake OpenLake() => new(new LocalObjectStore(LakeDirectory), TimeProvider.System);

    /// <summary>Starts a node, or another verb, of a release.</summary>
    /// <param name="program">Its <c>pipeline.dll</c>; null: the code at hand.</param>
    /// <param name="configuration">Null: <see cref="Configuration"/>.</param>
    public PipelineProcess Start(IReadOnlyList<string> verb, SourceSystems sources, string? program = null, string? configuration = null,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        var process = PipelineProcess.Start(configuration ?? Configuration, verb, environment: EnvironmentWith(sources, environment), program: program);
        _processes.Add(process);
        return process;
    }

    public IReadOnlyDictionary<string, string> EnvironmentWith(SourceSystems sources, IReadOnlyDictionary<string, string>? more = null)
    {
        var environment = new Dictionary<string, string>(Environment, StringComparer.Ordinal);
        foreach (var (name, value) in sources.Environment.Concat(more ?? new Dictionary<string, string>())) environment[name] = value;
        return environment;
    }

    /// <summary>Waits until the lake's Silver tables have taken in everything that was written to the sources.</summary>
    public async Task UntilTakenInAsync(SourceSystems sources, CancellationToken cancellationToken)
    {
        var lake = OpenLake();
        foreach (var (bronze, splits) in sources.Written)
        {
            var read = await UntilAsync(lake, bronze, table => splits.All(split => table.Current.Position(split.Key) >= split.Value), cancellationToken);
            var version = read.Current.Version;
            // It masks, and a release before masked without a key: it stands until somebody gives it one.
            if (bronze.Name == Masked) continue;
            await UntilAsync(lake, TableId.Silver(bronze.Name), table => table.Current.Position(bronze) >= version, cancellationToken);
        }
    }

    /// <summary>Waits until a table exists and something holds for its newest version.</summary>
    public static async Task<DeltaTable> UntilAsync(Lake lake, TableId id, Func<DeltaTable, bool> holds, CancellationToken cancellationToken)
    {
        DeltaTable? table = null;
        while (true)
        {
            if (table is not null) await table.RefreshAsync(cancellationToken);
            table ??= await lake.TryOpenAsync(id, cancellationToken);
            if (table is not null && holds(table)) return table;
            await Task.Delay(20, cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes) await process.DisposeAsync();
        _directory.Dispose();
    }
}
