using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.DuckDb;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.DeadLetters;

/// <summary>Asks about the dead letters of a lake, from the lake alone: what they are, and which have been re-driven.</summary>
internal sealed class DeadLetterQuery(Lake lake, LakeQuery query, CancellationToken cancellationToken)
{
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

    /// <summary>Runs <c>SELECT <paramref name="select"/> FROM letters <paramref name="rest"/></c>; a letter's <c>_redriven</c> says whether it was.</summary>
    public async Task<IReadOnlyList<object?[]>> RowsAsync(string source, string select, string rest)
    {
        var letters = await LakeInventory.OpenAsync(lake, TableId.DeadLetter(source), cancellationToken);
        return query.Rows($"""
            WITH redriven AS ({await RedrivenAsync(source)}),
            letters AS (
              SELECT *, (_table, _split, _position) IN (SELECT (_table, _split, _position) FROM redriven) AS _redriven
              FROM ({await query.RelationAsync(letters, letters.Current, [.. letters.Current.FilesByPath.Keys])}) AS l)
            SELECT {select} FROM letters {rest}
            """);
    }

    /// <summary>Table, split and position of every re-driven row of a source.</summary>
    private async Task<string> RedrivenAsync(string source)
    {
        var parts = new List<string> { "SELECT '' AS _table, '' AS _split, 0::BIGINT AS _position WHERE false" };
        await foreach (var id in LakeInventory.TablesAsync(lake, cancellationToken))
        {
            if (id.Source != source || await lake.TryOpenAsync(id, cancellationToken) is not { } table) continue;
            string[] files = [.. table.Current.FilesWith(BronzeColumns.RedrivenFrom).Select(file => file.Path)];
            if (files.Length == 0) continue;
            parts.Add($"""
                SELECT {Sql.Text(id.Name)}, {BronzeColumns.RedrivenFrom}, {BronzeColumns.Position}
                FROM ({await query.RelationAsync(table, table.Current, files)}) AS t WHERE {BronzeColumns.RedrivenFrom} IS NOT NULL
                """);
        }

        return string.Join(" UNION ALL ", parts);
    }
}
