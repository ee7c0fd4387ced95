using System.Runtime.CompilerServices;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Table;
using Pipeline.Operations.Inspection;
using Pipeline.Transform.Graph;

namespace Pipeline.Operations.Verification;

/// <summary>
/// Proves from the lake alone that nothing was lost or doubled on its way: files are there, positions follow each other
/// without gap or overlap, every Bronze row has one fate in Silver, keys are unique, Gold holds what its queries return. Safe beside a running pipeline: each
/// table is looked at as of one version.
/// </summary>
/// <param name="repeating">Bronze tables whose source reads rows again on purpose.</param>
public sealed class LakeVerifier(Lake lake, TransformGraph graph, IReadOnlySet<TableId> repeating)
{
    /// <summary>What each check of each table finds, as they are made.</summary>
    public async IAsyncEnumerable<CheckedTable> VerifyAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var query = new LakeQuery(cancellationToken);
        var bronze = new BronzeVerifier(lake, query, repeating);
        var silver = new SilverVerifier(lake, query);
        await foreach (var (id, table, unreadable) in LakeInventory.FindAsync(lake, tables: null, cancellationToken))
        {
            if (table is null)
            {
                yield return new CheckedTable(id, new TableCheck.Files(), new CannotBeRead(unreadable!.Fault));
                continue;
            }

            var snapshot = table.Current;
            var files = await FoundByAsync(id, new TableCheck.Files(), async () => await CheckFilesAsync(id, table, snapshot, query, cancellationToken));
            yield return files!;
            // What damaged files hold cannot be judged.
            if (!files!.IsSound) continue;
            foreach (var (check, find) in Checks(id, table, snapshot))
                if (await FoundByAsync(id, check, find) is { } found) yield return found;
        }

        IEnumerable<(TableCheck Check, Func<Task<CheckedTable?>> Find)> Checks(TableId id, DeltaTable table, Snapshot snapshot)
        {
            if (id.Layer == Layer.Bronze)
            {
                yield return (new TableCheck.Positions(), async () => await bronze.CheckPositionsAsync(id, table, snapshot, cancellationToken));
                if (BronzeShape.Of(snapshot.Schema).Numbering is var (split, number))
                    yield return (new TableCheck.Numbers(split, number), () => bronze.CheckNumbersAsync(id, table, snapshot, cancellationToken));
                yield return (new TableCheck.Redriven(), () => bronze.CheckRedrivenAsync(id, table, snapshot, cancellationToken));
            }
            else if (graph.TrySilver(id) is { } contract)
            {
                yield return (new TableCheck.Fates(contract.From), async () => await silver.CheckFatesAsync(contract, table, cancellationToken));
                yield return (new TableCheck.Key(contract.Key), async () => await CheckKeyAsync(id, table, snapshot, contract.Key, query));
            }
            else if (graph.TryGold(id) is { } gold)
            {
                if (gold.Gold.Key.Count > 0) yield return (new TableCheck.Key(gold.Gold.Key), async () => await CheckKeyAsync(id, table, snapshot, gold.Gold.Key, query));
                yield return (new TableCheck.Query(), async () => await GoldVerifier.CheckQueryAsync(lake, graph, gold, table, snapshot, cancellationToken));
            }
        }
    }

    /// <summary>What a check finds; what keeps it from being made is a flaw of this table alone.</summary>
    private static async Task<CheckedTable?> FoundByAsync(TableId id, TableCheck check, Func<Task<CheckedTable?>> find)
    {
        try
        {
            return await find();
        }
        catch (PipelineException e)
        {
            return new CheckedTable(id, check, new CannotBeRead(Fault.Of(e.Thing, e)));
        }
    }

    private static async Task<CheckedTable> CheckFilesAsync(TableId id, DeltaTable table, Snapshot snapshot, LakeQuery query, CancellationToken cancellationToken)
    {
        foreach (var file in snapshot.Files)
        {
            var found = await table.Store.TryStatAsync(TableFilePath.In(table.Store, table.Path, file.Path), cancellationToken);
            if (found is null) return Found(new FileIsMissing(file.Path, snapshot.Version));
            if (found.Value.Size != file.Size) return Found(new FileHasOtherSize(file.Path, found.Value.Size, file.Size));
        }

        var rows = await query.CountAsync(table, snapshot);
        return Found(rows == (snapshot.RowCount ?? rows) ? new FilesAreThere(rows, snapshot.FilesByPath.Count) : new FilesHoldOtherRows(rows, snapshot.RowCount));

        CheckedTable Found(Evidence evidence) => new(id, new TableCheck.Files(), evidence);
    }

    private static async Task<CheckedTable> CheckKeyAsync(TableId id, DeltaTable table, Snapshot snapshot, IReadOnlyList<string> key, LakeQuery query)
    {
        var names = DuckDb.Sql.Names(key);
        var doubled = await query.RowsAsync(table, snapshot, $"{names}, count(*)", $"GROUP BY {names} HAVING count(*) > 1 LIMIT 1");
        return new CheckedTable(id, new TableCheck.Key(key), doubled.Count == 0 ? new KeysAreUnique() : new KeyOccursAgain(doubled[0][..^1], Convert.ToInt64(doubled[0][^1])));
    }
}
