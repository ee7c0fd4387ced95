using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Parquet;
using Pipeline.Operations.Inspection;
using Pipeline.Operations.Tables;

namespace Pipeline.Operations.Maintenance;

/// <param name="Files">How the files of a table of Silver or Gold are written.</param>
/// <param name="FilesMin">Fewer small files than that stay as they are: a run that replaces a row of one of them meanwhile is made anew.</param>
/// <param name="VacuumInterval">From one vacuum to the next.</param>
public sealed record MaintainLakeRequest(Func<TableId, DataFileOptions> Files, int FilesMin, TimeSpan VacuumInterval);

/// <param name="Compacted">What was put together of Silver and Gold; those who commit to a Bronze table put its files together.</param>
/// <param name="Vacuumed">Null: it was not due.</param>
public sealed record MaintainLakeResult(LakeMaintenance Told, CompactTablesResult Compacted, VacuumTablesResult? Vacuumed)
{
    public IEnumerable<FailedTable> Failed => Compacted.Failed.Concat(Vacuumed?.Failed ?? []);
}

/// <summary>
/// One round of care for a lake: small files of every table that runs write are put together, and once in a while what no version within the
/// retention and no reader needs is deleted from all of them.
/// </summary>
public static class MaintainLake
{
    /// <exception cref="PipelineException">The lake cannot be listed.</exception>
    public static async Task<MaintainLakeResult> RunAsync(MaintainLakeRequest request, Lake lake, ExecutionRemains remains, TimeProvider time, CancellationToken cancellationToken)
    {
        var last = await LakeMaintenance.TryReadAsync(lake.Store, cancellationToken);
        var refined = await LakeInventory.TablesAsync(lake, cancellationToken).Where(id => id.Layer != Layer.Bronze).ToListAsync(cancellationToken);
        var compacted = refined.Count == 0 ? new CompactTablesResult([], [])
            : await CompactTables.RunAsync(new CompactTablesRequest(refined, request.Files) { FilesMin = request.FilesMin }, lake, cancellationToken);
        var now = time.GetUtcNow();
        var told = new LakeMaintenance(now, last?.VacuumedAt, compacted.Tables.Sum(table => table.Result.FilesRemoved), last?.FilesDeleted ?? 0, last?.BytesDeleted ?? 0);
        // A clock that was set back since makes it due: too often does no harm.
        var isDue = last?.VacuumedAt is not { } vacuumedAt || now - vacuumedAt >= request.VacuumInterval || now < vacuumedAt;
        var vacuumed = isDue ? await VacuumTables.RunAsync(new VacuumTablesRequest(Tables: null, Retention: null, IsDryRun: false), lake, remains, time, cancellationToken) : null;
        if (vacuumed is not null) told = told with { VacuumedAt = now, FilesDeleted = vacuumed.Tables.Sum(table => table.Result.Files), BytesDeleted = vacuumed.Tables.Sum(table => table.Result.Bytes) };
        await told.WriteAsync(lake.Store, cancellationToken);
        return new MaintainLakeResult(told, compacted, vacuumed);
    }
}
