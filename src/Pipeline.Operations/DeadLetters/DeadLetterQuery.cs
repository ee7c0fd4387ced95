using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.DuckDb;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.DeadLetters;

/// <summary>Asks about the dead letters of a lake, from the lake alone: what they are, and which have been re-driven.</summary>
internal sealed class DeadLetterQuery(Lake lake, LakeQuery query, CancellationToken cancellationToken)
{
    private const string NoRows = "SELECT '' AS _table, '' AS _split, 0::BIGINT AS _position, 0 AS epoch WHERE false";

    private readonly List<FailedTable> _failed = [];

    /// <summary>The tables that could not be read of those that were asked.</summary>
    public IReadOnlyList<FailedTable> Failed => _failed;

    /// <summary>The sources that have a dead-letter table, in order.</summary>
    /// <param name="only">One source, or null for all.</param>
    /// <exception cref="PipelineException">The lake has nothing of that source.</exception>
    public async Task<IReadOnlyList<string>> SourcesAsync(string? only)
    {
        var (known, dead) = (new SortedSet<string>(StringComparer.Ordinal), new List<string>());
        await foreach (var id in LakeInventory.TablesAsync(lake, cancellationToken))
        {
            if (id.Source is null) continue;
            known.Add(id.Source);
            if (id.Name == TableId.DeadLetterName && (only ?? id.Source) == id.Source) dead.Add(id.Source);
        }

        if (only is null || known.Contains(only)) return dead;
        throw new PipelineException(FaultKind.Missing, $"Source {only}", $"the lake {lake.Store.Location} has no tables of it",
            $"See 'pipeline tables' for those it has{SettingsReader.Nearest(only, known)}");
    }

    /// <summary>
    /// Runs <c>SELECT <paramref name="select"/> FROM letters <paramref name="rest"/></c>; a letter's <c>_redriven</c> says whether it
    /// was, and is null when its table cannot be read; <c>_of_epoch</c> is the epoch of the table in which it was read. Nothing when the letters cannot be.
    /// </summary>
    public async Task<IReadOnlyList<object?[]>> RowsAsync(string source, string select, string rest)
    {
        var (redriven, unknown) = await RedrivenAsync(source);
        var (rows, failed) = await LakeInventory.TryAsync(TableId.DeadLetter(source), async () =>
        {
            var letters = await LakeInventory.OpenAsync(lake, TableId.DeadLetter(source), cancellationToken);
            var own = $"_table, _split, _position, {RowEpochSql.ReadOf(letters.Current.Schema)}";
            return query.Rows($"""
                WITH redriven AS ({redriven}),
                letters AS (
                  SELECT *, CASE WHEN {unknown} THEN NULL ELSE ({own}) IN (SELECT (_table, _split, _position, epoch) FROM redriven) END AS _redriven, {RowEpochSql.ReadOf(letters.Current.Schema)} AS _of_epoch
                  FROM ({await query.RelationAsync(letters, letters.Current, [.. letters.Current.FilesByPath.Keys], $"{own}, {select} {rest}")}) AS l)
                SELECT {select} FROM letters {rest}
                """, letters);
        });
        if (failed is not null) _failed.Add(failed);
        return rows ?? [];
    }

    /// <summary>
    /// A SELECT of table, split, position and epoch of every re-driven row of a source, and a condition that is true of the letters of
    /// tables that cannot be read.
    /// </summary>
    private async Task<(string Redriven, string Unknown)> RedrivenAsync(string source)
    {
        var (parts, unknown) = (new List<string> { NoRows }, new List<string> { "false" });
        await foreach (var id in LakeInventory.TablesAsync(lake, cancellationToken))
        {
            if (id.Source != source || id.Name == TableId.DeadLetterName) continue;
            var (part, failed) = await LakeInventory.TryAsync(id, () => RedrivenAsync(id));
            if (part is not null)
            {
                parts.Add(part);
                continue;
            }

            _failed.Add(failed!);
            unknown.Add($"_table = {Sql.Text(id.Name)}");
        }

        return (string.Join(" UNION ALL ", parts), string.Join(" OR ", unknown));
    }

    /// <summary>Of one table, read here and now: a file of it that is damaged is no other table's.</summary>
    private async Task<string> RedrivenAsync(TableId id)
    {
        var table = await LakeInventory.OpenAsync(lake, id, cancellationToken);
        string[] files = [.. table.Current.FilesWith(BronzeColumns.RedrivenFrom).Select(file => file.Path)];
        if (files.Length == 0) return NoRows;
        var rows = Sql.Name($"redriven of {id}");
        var own = $"{BronzeColumns.RedrivenFrom} AS _split, {BronzeColumns.Position} AS _position, {RowEpochSql.ReadOf(table.Current.Schema)} AS epoch";
        query.Rows($"""
            CREATE OR REPLACE TEMP TABLE {rows} AS SELECT {Sql.Text(id.Name)} AS _table, {own}
            FROM ({await query.RelationAsync(table, table.Current, files, own)}) AS t WHERE {BronzeColumns.RedrivenFrom} IS NOT NULL
            """, table);
        return $"SELECT * FROM {rows}";
    }
}
