using System.Collections;
using System.Collections.Immutable;
using Apache.Arrow;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Schemas;

namespace Pipeline.DuckDb;

/// <summary>Writes the result of a query as data files of a table: Parquet that Spark, Delta readers and DuckDB agree on.</summary>
public static class ParquetCopy
{
    /// <summary>A data file is closed when it has reached this many bytes.</summary>
    private const string FileBytesMax = "128MB";

    /// <summary>A row group ends at this many bytes in memory, for each thread that writes: wide rows would make it as large as they like.</summary>
    private const string RowGroupBytesMax = "16MB";

    /// <summary>
    /// Runs <paramref name="query"/> and writes its rows, cast to <paramref name="columns"/>. The files are durable but
    /// not part of the table until committed. No rows, no files. Columns without statistics have none in the log, nor in
    /// the footers of the files.
    /// </summary>
    public static async ValueTask<IReadOnlyList<AddFile>> WriteAsync(DuckDbSession session, DeltaTable table, IReadOnlyList<Field> columns,
        string query, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var local = table.Store.LocalPath(table.Path);
        var directory = local ?? Path.Combine(session.ScratchDirectory, "out-" + Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(directory);
        // Without Spark's version in the footer Spark takes old dates for those of the Julian calendar.
        var written = session.Rows($"""
            COPY (SELECT {string.Join(", ", columns.Select(c => $"CAST({Sql.Name(c.Name)} AS {Sql.Type(c.DataType)}) AS {Sql.Name(c.Name)}"))} FROM (
            {query}
            ))
            TO {Sql.Text(directory)} (FORMAT parquet, COMPRESSION {session.Compression.Name()}, APPEND, FILE_SIZE_BYTES '{FileBytesMax}', ROW_GROUP_SIZE_BYTES '{RowGroupBytesMax}',
              FILENAME_PATTERN 'part-00000-{"{uuid}"}.c000.{session.Compression.Name()}', KV_METADATA {"{"}'org.apache.spark.version': '3.5.0'{"}"}, RETURN_STATS)
            """);

        var personal = columns.Where(column => !TableColumns.HasStatistics(column)).Select(column => column.Name).ToHashSet(StringComparer.Ordinal);
        var indexedColumns = TableProperties.IndexedColumns(table.Current.Metadata);
        var files = new List<AddFile>();
        foreach (var row in written)
        {
            var (path, rows, bytes, reported) = ((string)row[0]!, Convert.ToInt64(row[1]), Convert.ToInt64(row[2]), (IDictionary)row[4]!);
            if (rows == 0)
            {
                File.Delete(path);
                continue;
            }

            var name = Path.GetFileName(path);
            if (personal.Count > 0) bytes = FooterStatistics.Remove(path, personal);
            if (local is null) await UploadAsync(table, path, name, cancellationToken);
            else Flush(path);
            files.Add(new AddFile(name, ImmutableDictionary<string, string?>.Empty, bytes, now, DataChange: true,
                FileStatistics.ToDelta(rows, columns, indexedColumns, Reported(reported))));
        }

        return files;
    }

    /// <summary>DuckDB's map of maps, by column; it reports names as quoted identifiers.</summary>
    private static Dictionary<string, IReadOnlyDictionary<string, string>> Reported(IDictionary columns)
    {
        var byColumn = new Dictionary<string, IReadOnlyDictionary<string, string>>(StringComparer.Ordinal);
        foreach (DictionaryEntry column in columns)
        {
            var values = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (DictionaryEntry value in (IDictionary)column.Value!) values[(string)value.Key] = (string)value.Value!;
            byColumn[((string)column.Key)[1..^1].Replace("\"\"", "\"", StringComparison.Ordinal)] = values;
        }

        return byColumn;
    }

    /// <summary>DuckDB leaves its files to the page cache; a commit must not outlive what it names.</summary>
    private static void Flush(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
        file.Flush(flushToDisk: true);
    }

    private static async ValueTask UploadAsync(DeltaTable table, string from, string name, CancellationToken cancellationToken)
    {
        await using (var source = File.OpenRead(from))
        {
            await using var upload = await table.Store.OpenUploadAsync($"{table.Path}/{name}", cancellationToken);
            await source.CopyToAsync(upload.Content, cancellationToken);
            await upload.CompleteAsync(cancellationToken);
        }

        File.Delete(from);
    }
}
