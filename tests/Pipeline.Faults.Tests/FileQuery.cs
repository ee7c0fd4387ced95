using DuckDB.NET.Data;

namespace Pipeline.Faults.Tests;

/// <summary>Asks DuckDB about data files, without the product's code.</summary>
internal static class FileQuery
{
    /// <summary>One text for each row of the newest version of a table.</summary>
    public static async Task<IReadOnlyList<string>> ColumnAsync(LogReplay table, string expression, CancellationToken cancellationToken) =>
        table.Files.Count == 0 ? []
            : [.. (await RowsAsync($"SELECT {expression} FROM {Relation(table.Files)}", cancellationToken)).Select(row => (string)row[0]!)];

    public static async Task<IReadOnlyList<object?[]>> RowsAsync(string sql, CancellationToken cancellationToken)
    {
        await using var duck = new DuckDBConnection("DataSource=:memory:");
        await duck.OpenAsync(cancellationToken);
        await using var query = duck.CreateCommand();
        query.CommandText = sql;
        await using var reader = await query.ExecuteReaderAsync(cancellationToken);
        var rows = new List<object?[]>();
        while (await reader.ReadAsync(cancellationToken))
            rows.Add([.. Enumerable.Range(0, reader.FieldCount).Select(i => reader.IsDBNull(i) ? null : reader.GetValue(i))]);
        return rows;
    }

    /// <summary>The rows of files of one table, with the column <c>filename</c>; columns that a file lacks are null.</summary>
    public static string Relation(IEnumerable<string> files) =>
        $"read_parquet([{string.Join(", ", files.Select(file => $"'{file}'"))}], filename = true, union_by_name = true)";
}
