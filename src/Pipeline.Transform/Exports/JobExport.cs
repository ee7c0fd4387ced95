using Pipeline.Core;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Exports;

/// <summary>Why a run is not among the exported ones.</summary>
public enum LeftOutReason
{
    /// <summary>A version or a file that it read is not kept any more.</summary>
    NotKept,

    /// <summary>The table was made by another definition then than today's, as far as its log tells.</summary>
    Redefined,

    /// <summary>The table masks: its documents need a key that is not exported.</summary>
    Masked,

    /// <summary>It was cut off between the commits of its tables, and the next start of the pipeline finishes it.</summary>
    NotOver,
}

/// <param name="Runs">Their numbers, as far as the table's log tells of them.</param>
public sealed record ExportedTable(TableId Table, IReadOnlyList<long> Runs, IReadOnlyList<LeftOutRun> LeftOut);

public sealed record LeftOutRun(long Run, LeftOutReason Reason);

/// <summary>
/// Writes the runs that tables have had as a folder that needs nothing else: their documents, the files that they read, and the rows
/// that came of them. The same lake gives the same bytes.
/// </summary>
public sealed class JobExport(OpenTables tables, TransformGraph graph, TransformOptions options, TimeProvider time, string directory, CancellationToken cancellationToken) : IDisposable
{
    private readonly ExportFolder _folder = new(tables.Lake.Store, directory, cancellationToken);

    private readonly PastRuns _past = new(tables, graph, new JobPlanner(tables, graph, options, time), ExportFolder.Root);

    /// <summary>All runs of a Silver or Gold table that can be computed again.</summary>
    /// <exception cref="PipelineException">The table, or what it is made from, is not there or damaged; nothing of it is in the folder's index.</exception>
    public async Task<ExportedTable> AddAsync(TableId id)
    {
        var table = await tables.TryOpenAsync(id, cancellationToken)
            ?? throw new PipelineException(FaultKind.Missing, $"Table {id}", $"the lake {tables.Lake.Store.Location} has no such table", "See 'pipeline tables' for those it has.");
        var unfinished = id.Layer == Layer.Silver ? await RunHistory.UnfinishedAsync(tables, id, table, cancellationToken) : null;
        var (runs, leftOut) = (new List<PastRun>(), new List<LeftOutRun>());
        await foreach (var (version, pins, _) in RunHistory.AllAsync(table, cancellationToken))
        {
            if (pins.Table != id)
                throw new PipelineException(FaultKind.Damaged, $"Table {id}", $"its version {version} was made by a run of {pins.Table}", "Restore the table, or delete it so that it is made again.");
            var (run, reason) = pins.Run == unfinished?.Run ? (null, LeftOutReason.NotOver) : await _past.FindAsync(table, version, pins, cancellationToken);
            if (run is not null) runs.Add(run);
            else leftOut.Add(new LeftOutRun(pins.Run, reason));
        }

        runs.Reverse();
        leftOut.Reverse();
        await _folder.AddAsync(runs);
        return new ExportedTable(id, [.. runs.Select(run => run.Pins.Run)], leftOut);
    }

    /// <summary>Writes what says what lies in the folder: without it the export is none.</summary>
    public Task CompleteAsync() => _folder.CompleteAsync();

    public void Dispose() => _folder.Dispose();
}
