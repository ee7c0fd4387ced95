using DuckDB.NET.Data;
using Pipeline.Delta.Log;

namespace Pipeline.Delta.Tests;

/// <summary>An independent reader of data files: DuckDB over the files that a snapshot names.</summary>
internal static class DuckDbRows
{
    public static IReadOnlyList<long> Keys(DeltaTable table, Snapshot snapshot) =>
        [.. Query(table, snapshot, "SELECT key FROM files ORDER BY key", reader => reader.GetInt64(0))];

    public static IReadOnlyList<T> Query<T>(DeltaTable table, Snapshot snapshot, string sql, Func<DuckDBDataReader, T> read)
    {
        if (snapshot.FilesByPath.Count == 0) return [];
        var files = string.Join(", ", snapshot.Files.Select(file => $"'{table.Store.LocalPath($"{table.Path}/{file.Path}")}'"));
        using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"WITH files AS (FROM read_parquet([{files}], hive_partitioning = false, union_by_name = true)) {sql}";
        using var reader = command.ExecuteReader();
        List<T> rows = [];
        while (reader.Read()) rows.Add(read(reader));
        return rows;
    }
}
