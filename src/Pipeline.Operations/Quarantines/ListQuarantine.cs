using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.Quarantines;

/// <param name="Table">Only this Silver table's; null: those of all.</param>
public sealed record ListQuarantineRequest(TableId? Table);

/// <summary>The rows of a Silver table's quarantine that break one rule; a row counts for each that it breaks.</summary>
/// <param name="Waiting">Of them, those that only miss a parent, and come out when it does.</param>
/// <param name="Newer">Of them, those of which the table has an older version.</param>
/// <param name="Oldest">When the first of them was set aside.</param>
public sealed record QuarantineCount(TableId Table, string Rule, long Rows, long Waiting, long Newer, DateTimeOffset Oldest, DateTimeOffset Newest);

/// <param name="Counts">By table, then by rule.</param>
/// <param name="Failed">The tables that could not be read.</param>
public sealed record ListQuarantineResult(IReadOnlyList<QuarantineCount> Counts, IReadOnlyList<FailedTable> Failed);

/// <summary>Counts the rows that broke a rule and wait.</summary>
public static class ListQuarantine
{
    /// <exception cref="PipelineException">The lake has no such table.</exception>
    public static async Task<ListQuarantineResult> RunAsync(ListQuarantineRequest request, Lake lake, CancellationToken cancellationToken)
    {
        if (request.Table is { } named) await LakeInventory.RequireAsync(lake, TableId.Quarantine(named.Name), cancellationToken);
        using var query = new LakeQuery(cancellationToken);
        var (counts, failed) = (new List<QuarantineCount>(), new List<FailedTable>());
        await foreach (var id in LakeInventory.TablesAsync(lake, cancellationToken))
        {
            if (id.Layer != Layer.Silver || !id.Name.EndsWith(TableId.QuarantineSuffix, StringComparison.Ordinal)) continue;
            var table = TableId.Silver(id.Name[..^TableId.QuarantineSuffix.Length]);
            if (request.Table is { } only && only != table) continue;
            var (found, unreadable) = await LakeInventory.TryAsync(id, () => CountAsync(lake, query, id, table, cancellationToken));
            if (unreadable is not null) failed.Add(unreadable);
            else counts.AddRange(found!);
        }

        return new ListQuarantineResult(counts, failed);
    }

    private static async Task<IReadOnlyList<QuarantineCount>> CountAsync(Lake lake, LakeQuery query, TableId id, TableId table, CancellationToken cancellationToken)
    {
        var quarantine = await LakeInventory.OpenAsync(lake, id, cancellationToken);
        const string Wanted = "unnest(string_split(_rules, ',')) AS rule, _held, _older, _quarantined_at";
        var rows = query.Rows($"""
            SELECT rule, count(*), count(*) FILTER (_held), count(_older), min(_quarantined_at), max(_quarantined_at)
            FROM (SELECT {Wanted} FROM ({await QuarantineQuery.RowsAsync(lake, query, quarantine, table, Wanted, cancellationToken)}) AS r) AS by_rule
            GROUP BY rule ORDER BY rule
            """, quarantine);
        return [.. rows.Select(row => new QuarantineCount(table, (string)row[0]!, Number(row[1]), Number(row[2]), Number(row[3]), Time(row[4]), Time(row[5])))];
    }

    private static long Number(object? value) => Convert.ToInt64(value, CultureInfo.InvariantCulture);

    private static DateTimeOffset Time(object? value) => new(DateTime.SpecifyKind((DateTime)value!, DateTimeKind.Utc));
}
