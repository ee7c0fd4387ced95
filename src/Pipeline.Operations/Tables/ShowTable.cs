using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Reading;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.Tables;

/// <param name="RowsMax">At most so many, in no particular order.</param>
/// <param name="Version">The table as of this version; null: the newest.</param>
public sealed record ShowTableRequest(TableId Table, int RowsMax, long? Version = null);

/// <param name="Schema">The columns of the rows, in their order.</param>
/// <param name="Rows">Values as <see cref="ArrowValue"/> gives them.</param>
public sealed record ShowTableResult(Schema Schema, IReadOnlyList<object?[]> Rows);

/// <summary>Rows of a table, read as every other reader of the lake does: by <see cref="TableReader"/>.</summary>
public static class ShowTable
{
    /// <exception cref="PipelineException">There is no such table or version, or one of its files is damaged.</exception>
    public static async Task<ShowTableResult> RunAsync(ShowTableRequest request, Lake lake, CancellationToken cancellationToken)
    {
        var table = await LakeInventory.OpenAsync(lake, request.Table, cancellationToken);
        var snapshot = request.Version is { } version ? await table.AtVersionAsync(version, cancellationToken) : table.Current;
        var rows = new List<object?[]>();
        if (request.RowsMax <= 0) return new ShowTableResult(snapshot.Schema, rows);

        await foreach (var batch in TableReader.ReadAsync(table, snapshot, new ReadOptions(), cancellationToken))
        {
            using (batch)
            {
                for (var row = 0; row < batch.Length && rows.Count < request.RowsMax; row++)
                    rows.Add([.. batch.Arrays.Select(column => ArrowValue.Of(column, row))]);
            }

            if (rows.Count == request.RowsMax) break;
        }

        return new ShowTableResult(snapshot.Schema, rows);
    }
}
