using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Table;
using Pipeline.DuckDb;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Engines.DuckDb;

/// <summary>Runs jobs in this process. Each has a DuckDB of its own, with its share of the memory.</summary>
public sealed class DuckDbEngine(OpenTables tables, TransformOptions options, TimeProvider time) : IJobEngine
{
    public string Name => "duckdb";

    /// <summary>Called before each commit with the table's name; a test throws here to be a crash.</summary>
    internal Action<TableId>? BeforeCommit { get; set; }

    /// <summary>DuckDB's settings for one job.</summary>
    public static DuckDbSettings SettingsOf(TransformOptions options) =>
        new(options.MemoryBytesMax / options.JobsMax, options.Threads, options.TempDirectory) { Compression = options.Compression };

    // DuckDB's calls block, so a job has a thread of the pool to itself.
    public Task<JobResult> RunAsync(JobSpec spec, CancellationToken cancellationToken) =>
        Task.Run(async () =>
        {
            var started = time.GetTimestamp();
            try
            {
                return await RunHereAsync(spec, cancellationToken) with { Took = time.GetElapsedTime(started) };
            }
            catch (IOException e) when (DiskErrors.IsFull(e) || DiskErrors.IsReadOnly(e))
            {
                // The lake puts its own files' errors into words: this is a file of the session.
                throw DuckDbSession.Full(options.TempDirectory, e);
            }
        }, cancellationToken);

    /// <summary>
    /// From now on the session reaches what a run reads and the directories that it writes, whatever its SQL says. Copies of
    /// remote files are in the session's own directory.
    /// </summary>
    internal static void Confine(DuckDbSession session, Lake lake, IEnumerable<JobInput> inputs, IEnumerable<TableId> outputs) =>
        session.Confine(inputs.SelectMany(input => input.Files.Select(file => lake.Store.LocalPath(TableFilePath.In(lake.Store, input.Table.ToString(), file)))).OfType<string>(),
            outputs.Select(table => lake.Store.LocalPath(table.ToString())).OfType<string>());

    /// <summary>A view over an input's files under the name that the SQL uses: <c>silver.users</c>, <c>gold.dim_date</c>.</summary>
    internal static async ValueTask CreateViewAsync(DuckDbSession session, OpenTables tables, JobInput input, string name, bool withOrigin, CancellationToken cancellationToken)
    {
        var rows = await TableFiles.RelationAsync(session, tables.Lake.Store, input.Table.ToString(), [.. input.Columns.Select(column => column.ToField())], input.Files, withOrigin, cancellationToken);
        session.Execute($"CREATE VIEW {name} AS {rows}");
    }

    internal static string ViewName(TableId table) => $"{(table.Layer == Layer.Silver ? "silver" : "gold")}.{Sql.Name(table.Name)}";

    private async Task<JobResult> RunHereAsync(JobSpec spec, CancellationToken cancellationToken)
    {
        using var session = DuckDbSession.Open(SettingsOf(options), cancellationToken);
        session.Execute("CREATE SCHEMA silver; CREATE SCHEMA gold;");
        Confine(session, tables.Lake, spec.Inputs, spec.Pins.Targets.Select(target => target.Table).Append(QualityTable.Id));
        var commits = new JobCommits(tables, spec, time, BeforeCommit);
        return spec.Kind == JobKind.Silver
            ? await new SilverRun(session, tables, commits, spec).RunAsync(cancellationToken)
            : await new GoldRun(session, tables, commits, spec).RunAsync(cancellationToken);
    }
}
