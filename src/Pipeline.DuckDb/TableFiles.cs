using Apache.Arrow;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Table;

namespace Pipeline.DuckDb;

/// <summary>Data files of a table as a DuckDB relation.</summary>
public static class TableFiles
{
    /// <summary>Column of <see cref="RelationAsync"/> with the path of a row's file, relative to the table.</summary>
    public const string File = "_file";

    /// <summary>Column of <see cref="RelationAsync"/> with a row's number in its file, from 0.</summary>
    public const string FileRow = "_file_row";

    /// <summary>DuckDB's column of where it read a row, under a name that no column of a table has: <c>filename</c> may be one.</summary>
    private const string Read = "=read";

    /// <summary>
    /// A SELECT over the files with the columns of <paramref name="columns"/> exactly: those a file lacks are null.
    /// Partition columns are not in data files and so not available. Of files of a remote store these columns are copied into
    /// the session's scratch directory first.
    /// </summary>
    /// <param name="withOrigin">Adds <see cref="File"/> and <see cref="FileRow"/>.</param>
    public static async ValueTask<string> RelationAsync(DuckDbSession session, IObjectStore store, string tablePath,
        IReadOnlyList<Field> columns, IReadOnlyCollection<string> files, bool withOrigin, CancellationToken cancellationToken)
    {
        var names = Sql.Names(columns.Select(column => column.Name));
        var origin = withOrigin ? $", NULL::VARCHAR AS {File}, NULL::BIGINT AS {FileRow}" : "";
        var empty = Sql.Empty(columns).Replace(" WHERE false", $"{origin} WHERE false", StringComparison.Ordinal);
        if (files.Count == 0) return empty;

        // DuckDB takes two names for one that differ in case only.
        var wanted = columns.Select(column => column.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var paths = new List<string>(files.Count);
        foreach (var file in files)
        {
            // Rows are told apart by the file's path: one that the log calls otherwise than it lies cannot be.
            if (withOrigin && TableFilePath.TryBelow(store, tablePath, file) != file) throw TableFilePath.Outside(tablePath, file);
            var path = TableFilePath.In(store, tablePath, file);
            paths.Add(store.LocalPath(path) ?? await session.Copies.GetAsync(store, path, wanted, cancellationToken));
        }

        var scan = $"read_parquet([{string.Join(", ", paths.Select(path => Sql.Text(Literal(path))))}], union_by_name = true, hive_partitioning = false";
        if (!withOrigin) return $"SELECT {names} FROM ({empty} UNION ALL BY NAME SELECT * FROM {scan}))";

        // Relative paths are the same on every machine; DuckDB reports where it read.
        var prefix = (store.LocalPath(tablePath) ?? session.Copies.PathOf(tablePath)).TrimEnd('/') + "/";
        return $"""
            SELECT {names}, {File}, {FileRow} FROM ({empty} UNION ALL BY NAME
              SELECT * EXCLUDE ("{Read}", file_row_number), substr("{Read}", {prefix.Length + 1}) AS {File}, file_row_number AS {FileRow}
              FROM {scan}, filename = '{Read}', file_row_number = true))
            """;
    }

    /// <summary>A path as DuckDB takes it for itself: what it would match other files by stands in brackets.</summary>
    public static string Literal(string path) =>
        path.AsSpan().ContainsAny("*?[") ? string.Concat(path.Select(c => c is '*' or '?' or '[' ? $"[{c}]" : c.ToString())) : path;
}
