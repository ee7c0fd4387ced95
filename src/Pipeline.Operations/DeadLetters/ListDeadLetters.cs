using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.DuckDb;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.DeadLetters;

/// <param name="Source">Only this source's; null: those of all.</param>
/// <param name="Table">Only those of this table of Bronze.</param>
public sealed record ListDeadLettersRequest(string? Source, TableId? Table);

/// <summary>The letters of an epoch of a table that are dead for one reason.</summary>
/// <param name="Epoch">0 is that of the table's first source; one of before the newest is read by nobody any more.</param>
/// <param name="Oldest">When the first of them arrived.</param>
/// <param name="Redriven">How many of them are rows of the table by now; null when it cannot be read.</param>
public sealed record DeadLetterCount(TableId Table, int Epoch, string Code, long Letters, DateTimeOffset Oldest, DateTimeOffset Newest, long? Redriven);

/// <param name="Counts">By table, then by code and epoch.</param>
/// <param name="Failed">The tables that could not be read; the others' letters are counted.</param>
public sealed record ListDeadLettersResult(IReadOnlyList<DeadLetterCount> Counts, IReadOnlyList<FailedTable> Failed);

/// <summary>Counts the records that could not be decoded.</summary>
public static class ListDeadLetters
{
    /// <exception cref="PipelineException">The lake has no such table or source.</exception>
    public static async Task<ListDeadLettersResult> RunAsync(ListDeadLettersRequest request, Lake lake, CancellationToken cancellationToken)
    {
        if (request.Table is { } named) await LakeInventory.RequireAsync(lake, named, cancellationToken);
        using var query = new LakeQuery(cancellationToken);
        var letters = new DeadLetterQuery(lake, query, cancellationToken);
        var where = request.Table is { } table ? $"WHERE _table = {Sql.Text(table.Name)} " : "";
        var counts = new List<DeadLetterCount>();
        foreach (var source in await letters.SourcesAsync(request.Source ?? request.Table?.Source))
        {
            foreach (var row in await letters.RowsAsync(source, "_table, code, count(*), min(_ingested_at), max(_ingested_at), CASE WHEN bool_and(_redriven IS NOT NULL) THEN count(*) FILTER (_redriven) END, _of_epoch", where + "GROUP BY _table, code, _of_epoch ORDER BY _table, code, _of_epoch"))
                counts.Add(new DeadLetterCount(TableId.Bronze(source, (string)row[0]!), (int)Number(row[6]), (string)row[1]!, Number(row[2]), Time(row[3]), Time(row[4]), row[5] is { } redriven ? Number(redriven) : null));
        }

        return new ListDeadLettersResult(counts, letters.Failed);
    }

    private static long Number(object? value) => Convert.ToInt64(value, CultureInfo.InvariantCulture);

    private static DateTimeOffset Time(object? value) => new(DateTime.SpecifyKind((DateTime)value!, DateTimeKind.Utc));
}
