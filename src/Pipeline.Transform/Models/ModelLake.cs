using System.Diagnostics;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.DuckDb;
using Pipeline.Transform.Engines.DuckDb;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Models;

/// <summary>
/// A lake of its own, gone with this object, in which tables are planned, run and committed as in any lake, by the engine in this process.
/// </summary>
public sealed class ModelLake : IDisposable
{
    /// <summary>A table comes to rest in one run or two; more are an error of this program.</summary>
    private const int RunsMax = 20;

    private readonly JobPlanner _planner;
    private readonly JobRunner _runner;
    private readonly TimeProvider _time;
    private readonly CancellationToken _cancellationToken;

    /// <param name="graph">With every table in this process.</param>
    internal ModelLake(TransformGraph graph, TransformOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        (_time, _cancellationToken) = (time, cancellationToken);
        Session = DuckDbSession.Open(DuckDbEngine.SettingsOf(options), cancellationToken);
        Lake = new Lake(new LocalObjectStore(Path.Combine(Session.ScratchDirectory, "lake")), time);
        var tables = new OpenTables(Lake);
        _planner = new JobPlanner(tables, graph, options, time);
        _runner = new JobRunner(tables, new DuckDbEngine(Lake.Store, options), options, time);
    }

    public Lake Lake { get; }

    internal DuckDbSession Session { get; }

    /// <summary>What of the settings concerns tables wherever they are made.</summary>
    internal static TransformOptions InProcess(TransformOptions options) => new()
    {
        Engine = EngineKind.Duckdb,
        MemoryBytesMax = options.MemoryBytesMax,
        Threads = 1,
        LagMax = options.LagMax,
        TempDirectory = options.TempDirectory,
        MaskKey = options.MaskKey,
        Secrets = options.Secrets,
    };

    /// <summary>Runs the table until it has nothing to do.</summary>
    /// <exception cref="PipelineException">A rule stops it, or it cannot be run.</exception>
    public async Task MakeAsync(TableId table)
    {
        for (var runs = 1; await _planner.PlanAsync(table, _cancellationToken) is { } pins; runs++)
        {
            if (runs > RunsMax) throw new UnreachableException($"{table} does not come to rest.");
            await _runner.RunAsync(await _planner.ExpandAsync(pins, Dialects.SqlDialect.DuckDb, _cancellationToken), _cancellationToken);
        }
    }

    public void Dispose() => Session.Dispose();

    /// <param name="replaces">They are all that the table holds from then on.</param>
    internal async Task CommitAsync(DeltaTable table, IReadOnlyList<AddFile> adds, bool replaces)
    {
        var committed = await table.CommitAsync(new Transaction("WRITE", Isolation.ReadTable)
        {
            ReadVersion = table.Current.Version,
            Adds = [.. adds],
            Removes = replaces ? [.. table.Current.Files.Select(file => CheckedOutput.Remove(file, _time.GetUtcNow()))] : [],
        }, _cancellationToken);
        if (committed is not CommitResult.Committed) throw new UnreachableException($"{table.Path} of a lake of its own was written by somebody else.");
    }
}
