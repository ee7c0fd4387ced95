using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Operations.Inspection;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Silver;

namespace Pipeline.Operations.Backups;

/// <summary>A table of a cut.</summary>
/// <param name="Version">-1: there is none that belongs to the cut.</param>
internal sealed record CutTable(TableId Id, DeltaTable Table, long Version)
{
    /// <summary>Tables that belong to its version: what its last run read and wrote.</summary>
    public ImmutableHashSet<TableId> BelongsTo { get; init; } = [];
}

/// <summary>
/// Versions of a lake's tables that belong together while it is written: no Silver table is in the middle of a run, and nothing was made of
/// what is not there. So what is looked at first is what is made of others.
/// </summary>
internal static class BackupCut
{
    /// <param name="onFailed">Told of tables that cannot be read. What was made of them is in the cut.</param>
    /// <exception cref="PipelineException">The lake cannot be listed.</exception>
    public static async Task<ImmutableArray<CutTable>> OfAsync(Lake lake, Action<FailedTable> onFailed, CancellationToken cancellationToken)
    {
        var ids = await LakeInventory.TablesAsync(lake, cancellationToken).Where(id => !id.IsBeingBuilt).ToListAsync(cancellationToken);
        var tables = new Dictionary<TableId, CutTable>();
        foreach (var id in ids.OrderBy(OrderOf))
            if (await TakeAsync(id, () => LakeInventory.OpenAsync(lake, id, cancellationToken)) is { } table)
                tables.Add(id, new CutTable(id, table, table.Current.Version));

        var (ended, isUnknown) = (tables.GetValueOrDefault(QualityTable.Id)?.Table.Current, ids.Contains(QualityTable.Id) && !tables.ContainsKey(QualityTable.Id));
        foreach (var table in tables.Values.Where(table => table.Id.Layer == Layer.Silver).ToList())
            await BackAsync(table, pins => ValueTask.FromResult(!isUnknown && pins.Run > (ended?.Position(pins.Table) ?? 0)));

        // Gold may be made of Gold: what is made of a later version than there is goes back, and then what is made of that.
        for (var isOver = false; !isOver;)
        {
            isOver = true;
            foreach (var table in tables.Values.Where(table => table.Id.Layer == Layer.Gold).ToList())
                isOver &= !await BackAsync(table, async pins =>
                {
                    foreach (var input in pins.Inputs)
                        if (tables.TryGetValue(input.Table, out var there) ? input.Version > there.Version : await HasComeAsync(input.Table)) return true;
                    return false;
                });
        }

        return [.. tables.Values.OrderBy(table => OrderOf(table.Id))];

        // Whether it is of no cut yet. One that cannot be read is told as that, and of one that the lake has no more nothing can be missed.
        async ValueTask<bool> HasComeAsync(TableId input) => !ids.Contains(input) && await TableListing.HasAsync(lake.Store, input.ToString(), cancellationToken);

        async Task<T?> TakeAsync<T>(TableId id, Func<Task<T>> work)
            where T : class
        {
            var (done, failed) = await LakeInventory.TryAsync(id, work);
            if (failed is not null) onFailed(failed);
            return done;
        }

        // Whether it has gone back.
        async Task<bool> BackAsync(CutTable table, Func<JobPins, ValueTask<bool>> isBeyond)
        {
            if (await TakeAsync(table.Id, () => BeforeAsync(table, isBeyond, cancellationToken)) is { } before)
            {
                tables[table.Id] = before;
                return before.Version < table.Version;
            }

            tables.Remove(table.Id);
            return false;
        }
    }

    /// <summary>Gold before the Silver that it is made of; the end of runs before the runs; letters, which are committed first, last.</summary>
    private static int OrderOf(TableId id) => id.Layer switch
    {
        Layer.Gold => 0,
        Layer.Silver => id == QualityTable.Id ? 1 : 2,
        _ => id == TableId.DeadLetter(id.Source!) ? 4 : 3,
    };

    /// <summary>The table's last version before runs that do not belong to the cut; -1: there is none.</summary>
    /// <exception cref="PipelineException">Its history cannot be read.</exception>
    private static async Task<CutTable> BeforeAsync(CutTable table, Func<JobPins, ValueTask<bool>> isBeyond, CancellationToken cancellationToken)
    {
        var version = table.Version;
        await foreach (var (made, info) in table.Table.HistoryAsync(cancellationToken))
        {
            if (made > table.Version || info is null || !info.OperationParameters.TryGetValue(JobPins.Parameter, out var json)) continue;
            var pins = PinsOf(table.Id, made, json);
            // Of `_quality` every row is another table's.
            if (!await isBeyond(pins)) return table with { Version = version, BelongsTo = table.Id == QualityTable.Id ? [] : [.. pins.Inputs.Select(input => input.Table), .. pins.Targets.Select(target => target.Table), pins.Table] };
            version = made - 1;
        }

        return table with { Version = version };
    }

    private static JobPins PinsOf(TableId table, long version, string json)
    {
        try
        {
            return JobPins.FromJson(json);
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            throw new PipelineException(FaultKind.Damaged, $"Table {table}, version {version}", $"what its run was made of cannot be read: {DataFaults.Cause(e)}", "Run './pipeline verify', which says what the table lacks.", e);
        }
    }
}
