using System.Runtime.CompilerServices;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Operations.Inspection;
using Pipeline.Transform.Graph;

namespace Pipeline.Operations.Verification;

/// <summary>
/// Proves from the lake alone that nothing was lost or doubled on its way: files are there, positions follow each other
/// without gap or overlap, every Bronze row has one fate in Silver, keys are unique. Safe beside a running pipeline: each
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
        await foreach (var id in LakeInventory.TablesAsync(lake, cancellationToken))
        {
            var table = await LakeInventory.OpenAsync(lake, id, cancellationToken);
            var snapshot = table.Current;
            var files = await CheckFilesAsync(id, table, snapshot, query, cancellationToken);
            yield return files;
            // What damaged files hold cannot be judged.
            if (!files.IsSound) continue;
            if (id.Layer == Layer.Bronze)
            {
                yield return await bronze.CheckPositionsAsync(id, table, snapshot, cancellationToken);
                if (await bronze.CheckNumbersAsync(id, table, snapshot, cancellationToken) is { } numbers) yield return numbers;
                if (await bronze.CheckRedrivenAsync(id, table, snapshot, cancellationToken) is { } redriven) yield return redriven;
            }
            else if (graph.TrySilver(id) is { } contract)
            {
                yield return await silver.CheckFatesAsync(contract, table, cancellationToken);
                yield return await CheckKeyAsync(id, table, snapshot, contract.Key, query);
            }
            else if (graph.TryGold(id) is { Gold.Key.Count: > 0 } gold)
            {
                yield return await CheckKeyAsync(id, table, snapshot, gold.Gold.Key, query);
            }
        }
    }

    private static async Task<CheckedTable> CheckFilesAsync(TableId id, DeltaTable table, Snapshot snapshot, LakeQuery query, CancellationToken cancellationToken)
    {
        foreach (var file in snapshot.Files)
        {
            var found = await table.Store.TryStatAsync($"{table.Path}/{file.Path}", cancellationToken);
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
