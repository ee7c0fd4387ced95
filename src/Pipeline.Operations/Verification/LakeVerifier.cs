using System.Runtime.CompilerServices;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Operations.Options;
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
    /// <summary>The verifier of a configured pipeline.</summary>
    public static LakeVerifier Of(PipelineOptions options, Lake lake) => new(lake, options.Graph, options.Sources
        .SelectMany(source => source.Tables.Where(table => table.RowsMayRepeat).Select(table => TableId.Bronze(source.Name, table.Name))).ToHashSet());

    /// <summary>A finding a check and table, as they are made.</summary>
    public async IAsyncEnumerable<Finding> VerifyAsync([EnumeratorCancellation] CancellationToken cancellationToken)
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
            if (!files.Ok) continue;
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

    private static async Task<Finding> CheckFilesAsync(TableId id, DeltaTable table, Snapshot snapshot, LakeQuery query, CancellationToken cancellationToken)
    {
        foreach (var file in snapshot.Files)
        {
            var found = await table.Store.TryStatAsync($"{table.Path}/{file.Path}", cancellationToken);
            if (found?.Size == file.Size) continue;
            return new Finding($"{id} files", Ok: false,
                found is null ? $"{file.Path} is in version {snapshot.Version} but not in the lake" : $"{file.Path} has {found.Value.Size} bytes, the log says {file.Size}",
                "Restore the file from a backup, or the table to an older version.");
        }

        var rows = await query.CountAsync(table, snapshot);
        return rows == (snapshot.RowCount ?? rows)
            ? new Finding($"{id} files", Ok: true, $"{rows:#,0} rows in {snapshot.FilesByPath.Count} files")
            : new Finding($"{id} files", Ok: false, $"its files hold {rows} rows, its log says {snapshot.RowCount}", "Restore the table to an older version.");
    }

    private static async Task<Finding> CheckKeyAsync(TableId id, DeltaTable table, Snapshot snapshot, IReadOnlyList<string> key, LakeQuery query)
    {
        var names = DuckDb.Sql.Names(key);
        var doubled = await query.RowsAsync(table, snapshot, $"{names}, count(*)", $"GROUP BY {names} HAVING count(*) > 1 LIMIT 1");
        var keyText = string.Join(", ", key);
        return doubled.Count == 0
            ? new Finding($"{id} key", Ok: true, $"one row for each {keyText}")
            : new Finding($"{id} key", Ok: false, $"{keyText} = {string.Join(", ", doubled[0][..^1])} occurs {doubled[0][^1]} times",
                "Please report this with the table's history; then delete the table so that it is made again.");
    }
}
