using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Operations.Inspection;
using Pipeline.Operations.Options;
using Pipeline.Operations.Verification;

namespace Pipeline.Operations.Planning;

/// <summary>Writes into a lake which tables it shall hold, and of those that a release before has made, that they were made.</summary>
public static class RecordTables
{
    /// <exception cref="PipelineException">The store fails. A table that cannot be read is passed over.</exception>
    public static async ValueTask ForAsync(PipelineOptions options, Lake lake, CancellationToken cancellationToken)
    {
        await LakeTables.Of(options).WriteAsync(lake.Store, cancellationToken);
        var made = await MadeTables.FindAsync(lake.Store, cancellationToken);
        foreach (var id in await LakeInventory.TablesAsync(lake, cancellationToken).Where(id => !made.ContainsKey(id)).ToListAsync(cancellationToken))
        {
            var (table, _) = await LakeInventory.TryAsync(id, () => LakeInventory.OpenAsync(lake, id, cancellationToken));
            if (table is not null) await MadeTables.RecordAsync(lake.Store, id, table.Current.Metadata.Id, cancellationToken);
        }
    }
}
