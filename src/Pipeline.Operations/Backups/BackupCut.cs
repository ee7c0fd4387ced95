using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Operations.Inspection;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Silver;

namespace Pipeline.Operations.Backups;

/// <summary>A table of a cut.</summary>
internal sealed record CutTable(TableId Id, DeltaTable Table, long Version);

/// <summary>
/// Versions of a lake's tables that belong together while it is written: no Silver table is in the middle of a run, and nothing was made of
/// what is not there. So what is looked at first is what is made of others.
/// </summary>
internal static class BackupCut
{
    /// <param name="onFailed">Told of tables that cannot be read.</param>
    /// <exception cref="PipelineException">The lake cannot be listed.</exception>
    public static async Task<ImmutableArray<CutTable>> OfAsync(Lake lake, Action<FailedTable> onFailed, CancellationToken cancellationToken)
    {
        var ids = await LakeInventory.TablesAsync(lake, cancellationToken).Where(id => !id.IsBeingBuilt).ToListAsync(cancellationToken);
        var tables = new List<CutTable>();
        foreach (var id in ids.OrderBy(OrderOf))
        {
            var found = await LakeInventory.TryAsync(id, () => LakeInventory.OpenAsync(lake, id, cancellationToken));
            if (found.Failed is { } failed) onFailed(failed);
            else tables.Add(new CutTable(id, found.Result!, found.Result!.Current.Version));
        }

        var (ended, isUnknown) = (tables.Find(table => table.Id == QualityTable.Id)?.Table.Current, ids.Contains(QualityTable.Id) && !tables.Exists(table => table.Id == QualityTable.Id));
        var versions = new Dictionary<TableId, long>();
        foreach (var table in tables.Where(table => table.Id.Layer != Layer.Gold))
            versions[table.Id] = table.Id.Layer == Layer.Silver && !isUnknown ? await BeforeAsync(table, pins => pins.Run > (ended?.Position(pins.Table) ?? 0), cancellationToken) : table.Version;

        // Gold may be made of Gold: what is made of a later version than there is goes back, and then what is made of that.
        var gold = tables.Where(table => table.Id.Layer == Layer.Gold).ToList();
        foreach (var table in gold) versions[table.Id] = table.Version;
        for (var isOver = false; !isOver;)
        {
            isOver = true;
            foreach (var table in gold)
            {
                var version = await BeforeAsync(table, pins => pins.Inputs.Any(input => !versions.TryGetValue(input.Table, out var there) || input.Version > there), cancellationToken);
                if (version >= versions[table.Id]) continue;
                (versions[table.Id], isOver) = (version, false);
            }
        }

        return [.. tables.Where(table => versions[table.Id] >= 0).Select(table => table with { Version = versions[table.Id] })];
    }

    /// <summary>Gold before the Silver that it is made of; the end of runs before the runs; letters, which are committed first, last.</summary>
    private static int OrderOf(TableId id) => id.Layer switch
    {
        Layer.Gold => 0,
        Layer.Silver => id == QualityTable.Id ? 1 : 2,
        _ => id == TableId.DeadLetter(id.Source!) ? 4 : 3,
    };

    /// <summary>The table's last version before runs that do not belong to the cut; -1: there is none.</summary>
    private static async Task<long> BeforeAsync(CutTable table, Func<JobPins, bool> isBeyond, CancellationToken cancellationToken)
    {
        var version = table.Version;
        await foreach (var (made, info) in table.Table.HistoryAsync(cancellationToken))
        {
            if (info is null || !info.OperationParameters.TryGetValue(JobPins.Parameter, out var json)) continue;
            if (!isBeyond(JobPins.FromJson(json))) break;
            version = made - 1;
        }

        return version;
    }
}
