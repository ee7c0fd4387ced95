using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Operations.Inspection;
using Pipeline.Operations.Options;
using Pipeline.Operations.Verification;

namespace Pipeline.Operations.Planning;

/// <summary>
/// Writes into a lake which tables it shall hold; of those that a release before has made, that they were made; and nothing more of those that
/// have left the configuration and the lake.
/// </summary>
public static class RecordTables
{
    /// <exception cref="PipelineException">The store fails. A table that cannot be read is passed over.</exception>
    public static async ValueTask ForAsync(PipelineOptions options, Lake lake, CancellationToken cancellationToken)
    {
        var tables = LakeTables.Of(options);
        if ((await TablePlacement.FindAsync(options, lake, cancellationToken)).FirstOrDefault(table => table.Wanted is null) is { Finding: var lost })
            throw new PipelineException(FaultKind.Invalid, lost.Thing, lost.Detail, lost.NextStep!);
        await tables.WriteAsync(lake.Store, cancellationToken);
        var made = await MadeTables.FindAsync(lake.Store, cancellationToken);
        var there = await LakeInventory.TablesAsync(lake, cancellationToken).ToListAsync(cancellationToken);
        foreach (var id in there.Where(id => !made.ContainsKey(id)))
        {
            var (table, _) = await LakeInventory.TryAsync(id, () => LakeInventory.OpenAsync(lake, id, cancellationToken));
            if (table is not null) await MadeTables.RecordAsync(lake.Store, id, table.Current.Metadata.Id, cancellationToken);
        }

        foreach (var id in made.Keys.Where(id => !there.Contains(id) && !tables.Has(id))) await MadeTables.ForgetAsync(lake.Store, id, cancellationToken);
    }
}
