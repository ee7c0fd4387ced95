using System.Collections;
using System.Collections.Immutable;
using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Schemas;
using Pipeline.Delta.Storage;

namespace Pipeline.DuckDb;

/// <summary>A data file that a query became.</summary>
/// <param name="Name">Without its directory.</param>
/// <param name="Checksum">As <see cref="FileChecksum"/>: DuckDB has no way to take one while it writes, so it is taken of what has just been written.</param>
/// <param name="Reported">What DuckDB says of its columns.</param>
public sealed record WrittenFile(string Name, long Size, long Rows, uint Checksum, IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> Reported);

/// <summary>Writes the result of a query as data files of a table: Parquet that Spark, Delta readers and DuckDB agree on.</summary>
public static class ParquetCopy
{
    /// <summary>A data file is closed when it has reached this many bytes.</summary>
    private const long FileBytesMax = 128_000_000;

    /// <summary>
    /// A row group ends at this many bytes in memory, for each thread that writes: wide rows would make it as large as they like. A column's
    /// part of it is one page, of which a thread that reads holds two, each in a buffer of up to twice its size.
    /// </summary>
    private const string RowGroupBytesMax = "4MB";

    /// <summary>An option of COPY: without Spark's version in the footer Spark takes old dates for those of the Julian calendar.</summary>
    public const string Footer = "KV_METADATA {'org.apache.spark.version': '3.5.0'}";

    /// <summary>Of a file without dictionaries: DuckDB's take one zero for the other, and one NaN for all.</summary>
    public const string NoDictionaries = "DICTIONARY_SIZE_LIMIT 0";

    /// <summary>The options of COPY that compress a file as the session does.</summary>
    internal static string Compressed(DuckDbSession session) =>
        $"COMPRESSION {session.Compression.Codec.Name()}{(session.Compression.Level is { } level ? string.Create(CultureInfo.InvariantCulture, $", COMPRESSION_LEVEL {level}") : "")}";

    /// <summary>The option that keeps the bits of floating-point numbers, as it follows others; empty where there are none.</summary>
    public static string Exactly(IEnumerable<Field> columns) => columns.Any(column => IsInexact(column.DataType)) ? $", {NoDictionaries}" : "";

    private static bool IsInexact(IArrowType type) => type is FloatType or DoubleType || (type is NestedType nested && nested.Fields.Any(field => IsInexact(field.DataType)));

    /// <summary>
    /// Runs <paramref name="query"/> and writes its rows, cast to <paramref name="columns"/>. The files are durable but
    /// not part of the table until committed. No rows, no files. Columns without statistics have none in the log, nor in
    /// the footers of the files.
    /// </summary>
    public static async ValueTask<IReadOnlyList<AddFile>> WriteAsync(DuckDbSession session, DeltaTable table, IReadOnlyList<Field> columns,
        string query, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var indexed = IndexedColumns.Of(table.Current.Metadata).Among(columns);
        var written = await ToFilesAsync(session, table.Store, table.Path, columns, query, [], FileBytesMax, cancellationToken);
        return [.. written.Select(file => new AddFile(file.Name, ImmutableDictionary<string, string?>.Empty, file.Size, now, DataChange: true,
            FileStatistics.ToDelta(file.Rows, indexed, file.Reported), FileChecksum.TagsOf(file.Checksum)))];
    }

    /// <summary>The same into a directory, which is made.</summary>
    /// <param name="order">Columns that rows are sorted by; none: any order.</param>
    /// <param name="fileBytesMax">A file is closed when it has reached this many bytes.</param>
    public static async ValueTask<IReadOnlyList<WrittenFile>> ToFilesAsync(DuckDbSession session, IObjectStore store, string directory, IReadOnlyList<Field> columns,
        string query, IReadOnlyCollection<string> order, long fileBytesMax, CancellationToken cancellationToken)
    {
        var local = store.LocalPath(directory);
        var target = local ?? Path.Combine(session.ScratchDirectory, "out-" + Guid.NewGuid().ToString("N"));
        Durable.CreateDirectory(target);
        var rowsToWrite = $"""
            SELECT {string.Join(", ", columns.Select(c => $"CAST({Sql.Name(c.Name)} AS {Sql.Type(c.DataType)}) AS {Sql.Name(c.Name)}"))} FROM (
            {query}
            )
            """;
        var written = order.Count > 0 ? OrderedFiles(session, target, rowsToWrite, columns, order, fileBytesMax) : session.Rows($"""
            COPY ({rowsToWrite})
            TO {Sql.Text(target)} (FORMAT parquet, {Compressed(session)}, APPEND, FILE_SIZE_BYTES {fileBytesMax}, ROW_GROUP_SIZE_BYTES '{RowGroupBytesMax}',
              FILENAME_PATTERN 'part-00000-{"{uuid}"}.c000.{session.Compression.Codec.Name()}', {Footer}{Exactly(columns)}, RETURN_STATS)
            """);

        var personal = columns.Where(column => !TableColumns.HasStatistics(column)).Select(column => column.Name).ToHashSet(StringComparer.Ordinal);
        var flags = columns.Where(column => column.DataType is BooleanType && TableColumns.HasStatistics(column)).Select(column => column.Name).ToList();
        var files = new List<WrittenFile>();
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
            var checksum = Flush(path);
            var said = Reported(reported);
            if (flags.Count > 0 && said.Count > 0) AddFlags(session, path, flags, said);
            if (local is null) await UploadAsync(store, path, $"{directory}/{name}", cancellationToken);
            files.Add(new WrittenFile(name, bytes, rows, checksum, said));
        }

        if (local is not null && files.Count > 0) Durable.SyncDirectory(target);
        if (files.Count == 0 && !Directory.EnumerateFileSystemEntries(target).Any()) Directory.Delete(target);
        return files;
    }

    /// <summary>
    /// Writes rows in order, in files of ranges of it. DuckDB keeps an order within one file alone: the rows become one, of which each
    /// file is a range.
    /// </summary>
    /// <returns>What a COPY reports of each file, without its columns.</returns>
    private static List<object?[]> OrderedFiles(DuckDbSession session, string target, string rows, IReadOnlyList<Field> columns, IReadOnlyCollection<string> order, long fileBytesMax)
    {
        var options = $"(FORMAT parquet, {Compressed(session)}, ROW_GROUP_SIZE_BYTES '{RowGroupBytesMax}', PRESERVE_ORDER true, {Footer}{Exactly(columns)})";
        var sorted = Path.Combine(session.ScratchDirectory, $"sorted-{Guid.NewGuid():N}.parquet");
        session.Execute($"COPY (SELECT * FROM ({rows}) AS typed ORDER BY {Sql.Names(order)}) TO {Sql.Text(sorted)} {options}");
        var (count, bytes) = (session.Count($"SELECT count(*) FROM read_parquet({Sql.Text(sorted)})"), new FileInfo(sorted).Length);
        var files = new List<object?[]>();
        var rowsAFile = Math.Max(1, (long)Math.Ceiling(count / Math.Max(1, Math.Ceiling((double)bytes / fileBytesMax))));
        for (long from = 0; from < count; from += rowsAFile)
        {
            var path = Path.Combine(target, $"part-00000-{Guid.NewGuid()}.c000.{session.Compression.Codec.Name()}.parquet");
            session.Execute($"COPY (SELECT * EXCLUDE (file_row_number) FROM read_parquet({Sql.Text(sorted)}, file_row_number = true) WHERE file_row_number BETWEEN {from} AND {from + rowsAFile - 1} ORDER BY file_row_number) TO {Sql.Text(path)} {options}");
            files.Add([path, Math.Min(rowsAFile, count - from), new FileInfo(path).Length, null, new Dictionary<string, object?>(StringComparer.Ordinal)]);
        }

        File.Delete(sorted);
        return files;
    }

    /// <summary>Writes the rows of a query, which is computed twice, as one file; null: there are none, and no file.</summary>
    public static async ValueTask<WrittenFile?> ToFileAsync(DuckDbSession session, IObjectStore store, string path, string query, CancellationToken cancellationToken)
    {
        var local = store.LocalPath(path);
        var target = local ?? Path.Combine(session.ScratchDirectory, Guid.NewGuid().ToString("N"));
        var rows = session.Count($"SELECT count(*) FROM ({query})");
        if (rows == 0) return null;
        Durable.CreateDirectory(Path.GetDirectoryName(target)!);
        session.Execute($"COPY ({query}) TO {Sql.Text(target)} (FORMAT parquet, {Compressed(session)}, {Footer})");
        var checksum = Flush(target);
        var bytes = new FileInfo(target).Length;
        if (local is null) await UploadAsync(store, target, path, cancellationToken);
        return new WrittenFile(Path.GetFileName(path), bytes, rows, checksum, new Dictionary<string, IReadOnlyDictionary<string, string>>(StringComparer.Ordinal));
    }

    /// <summary>What DuckDB leaves out of its report: the bounds of booleans.</summary>
    private static void AddFlags(DuckDbSession session, string path, List<string> flags, Dictionary<string, IReadOnlyDictionary<string, string>> reported)
    {
        var row = session.Rows($"SELECT {string.Join(", ", flags.Select(flag => $"min({Sql.Name(flag)}), max({Sql.Name(flag)})"))} FROM read_parquet({Sql.Text(path)})").Single();
        for (var i = 0; i < flags.Count; i++)
        {
            if (row[2 * i] is not bool min || row[(2 * i) + 1] is not bool max || !reported.TryGetValue(flags[i], out var known)) continue;
            reported[flags[i]] = new Dictionary<string, string>(known, StringComparer.Ordinal) { ["min"] = min ? "true" : "false", ["max"] = max ? "true" : "false" };
        }
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
    /// <returns>The checksum of the file, which the cache still has.</returns>
    private static uint Flush(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        var checksum = FileChecksums.Read(file);
        Durable.SyncFile(file);
        return checksum;
    }

    private static async ValueTask UploadAsync(IObjectStore store, string from, string to, CancellationToken cancellationToken)
    {
        await using (var source = File.OpenRead(from))
        {
            await using var upload = await store.OpenUploadAsync(to, cancellationToken);
            await source.CopyToAsync(upload.Content, cancellationToken);
            await upload.CompleteAsync(cancellationToken);
        }

        File.Delete(from);
    }
}
