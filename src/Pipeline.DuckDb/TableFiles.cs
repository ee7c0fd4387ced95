using Apache.Arrow;
using Pipeline.Core;
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

    private const int DownloadBytes = 8 << 20;

    /// <summary>
    /// A SELECT over the files with the columns of <paramref name="columns"/> exactly: those a file lacks are null.
    /// Partition columns are not in data files and so not available. Files of a remote store are copied into the
    /// session's scratch directory first.
    /// </summary>
    /// <param name="withOrigin">Adds <see cref="File"/> and <see cref="FileRow"/>.</param>
    public static async ValueTask<string> RelationAsync(DuckDbSession session, IObjectStore store, string tablePath,
        IReadOnlyList<Field> columns, IReadOnlyCollection<string> files, bool withOrigin, CancellationToken cancellationToken)
    {
        var names = Sql.Names(columns.Select(column => column.Name));
        var origin = withOrigin ? $", NULL::VARCHAR AS {File}, NULL::BIGINT AS {FileRow}" : "";
        var empty = Sql.Empty(columns).Replace(" WHERE false", $"{origin} WHERE false", StringComparison.Ordinal);
        if (files.Count == 0) return empty;

        var paths = new List<string>(files.Count);
        foreach (var file in files)
        {
            // Rows are told apart by the file's path: one that the log calls otherwise than it lies cannot be.
            if (withOrigin && TableFilePath.TryBelow(store, tablePath, file) != file) throw TableFilePath.Outside(tablePath, file);
            paths.Add(await LocalPathAsync(session, store, TableFilePath.In(store, tablePath, file), cancellationToken));
        }

        var scan = $"read_parquet([{string.Join(", ", paths.Select(path => Sql.Text(Literal(path))))}], union_by_name = true, hive_partitioning = false";
        if (!withOrigin) return $"SELECT {names} FROM ({empty} UNION ALL BY NAME SELECT * FROM {scan}))";

        // Relative paths are the same on every machine; DuckDB reports where it read.
        var prefix = (store.LocalPath(tablePath) ?? CopyOf(session, tablePath)).TrimEnd('/') + "/";
        return $"""
            SELECT {names}, {File}, {FileRow} FROM ({empty} UNION ALL BY NAME
              SELECT * EXCLUDE ("{Read}", file_row_number), substr("{Read}", {prefix.Length + 1}) AS {File}, file_row_number AS {FileRow}
              FROM {scan}, filename = '{Read}', file_row_number = true))
            """;
    }

    /// <summary>A path as DuckDB takes it for itself: what it would match other files by stands in brackets.</summary>
    public static string Literal(string path) =>
        path.AsSpan().ContainsAny("*?[") ? string.Concat(path.Select(c => c is '*' or '?' or '[' ? $"[{c}]" : c.ToString())) : path;

    private static string CopyOf(DuckDbSession session, string path) => Path.Combine(session.ScratchDirectory, "files", path);

    private static async ValueTask<string> LocalPathAsync(DuckDbSession session, IObjectStore store, string path, CancellationToken cancellationToken)
    {
        if (store.LocalPath(path) is { } local) return local;
        var copy = CopyOf(session, path);
        if (System.IO.File.Exists(copy)) return copy;

        var size = (await store.TryStatAsync(path, cancellationToken))?.Size ?? throw new PipelineException(FaultKind.Damaged,
            $"Data file {store.Location}/{path}", "the table lists it but it does not exist", "Restore it from a backup or remove it from the table.");
        Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
        await using var target = new FileStream(copy + ".part", FileMode.Create, FileAccess.Write);
        for (long at = 0; at < size; at += DownloadBytes)
            await target.WriteAsync(await store.GetRangeAsync(path, at, (int)Math.Min(DownloadBytes, size - at), cancellationToken), cancellationToken);
        await target.DisposeAsync();
        System.IO.File.Move(copy + ".part", copy);
        return copy;
    }
}
