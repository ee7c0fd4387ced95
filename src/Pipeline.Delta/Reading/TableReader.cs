using System.Runtime.CompilerServices;
using Apache.Arrow;
using ParquetSharp.Arrow;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Table;

namespace Pipeline.Delta.Reading;

/// <summary>What to read and how.</summary>
/// <param name="Columns">Top-level columns, in the order wanted; null for all.</param>
/// <param name="PartitionTimeZone">
/// The zone of timestamps in partition values that do not say one: what the writer's session had. Null: UTC.
/// </param>
public sealed record ReadOptions(IReadOnlyList<string>? Columns = null, TimeZoneInfo? PartitionTimeZone = null);

/// <summary>
/// Reads a snapshot's rows as Arrow batches in the table's schema: partition columns from the log, columns that a file
/// lacks as null, and the physical types that other writers choose brought to the table's.
/// </summary>
/// <remarks>While rows are read, vacuum in this process leaves the snapshot's files alone. Memory is a few column chunks of one row group at a time.</remarks>
public static class TableReader
{
    /// <summary>Rows of all files, file by file. The consumer disposes each batch.</summary>
    /// <exception cref="PipelineException">A data file is missing or damaged; or a column is unknown.</exception>
    public static IAsyncEnumerable<RecordBatch> ReadAsync(DeltaTable table, Snapshot snapshot, ReadOptions options,
        CancellationToken cancellationToken) => ReadAsync(table, snapshot, snapshot.Files, options, cancellationToken);

    /// <summary>Rows of some of the snapshot's files.</summary>
    public static async IAsyncEnumerable<RecordBatch> ReadAsync(DeltaTable table, Snapshot snapshot, IEnumerable<AddFile> files,
        ReadOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var schema = options.Columns is null ? snapshot.Schema : Select(table, snapshot.Schema, options.Columns);
        var mapping = ColumnMapping.Of(snapshot.Metadata);
        using var pin = table.Pin(snapshot);
        foreach (var file in files)
        {
            await foreach (var batch in ReadFileAsync(table, snapshot, file, schema, mapping, options, cancellationToken)) yield return batch;
        }
    }

    private static async IAsyncEnumerable<RecordBatch> ReadFileAsync(DeltaTable table, Snapshot snapshot, AddFile file, Schema schema,
        ColumnMapping mapping, ReadOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var what = $"version {snapshot.Version} of table {table.Path}";
        var path = TableFilePath.In(table.Store, table.Path, file.Path);
        using var source = await ParquetSource.OpenAsync(table.Store, path, what, cancellationToken);
        var reader = source.Reader;
        var shape = new FileShape(schema, snapshot.Metadata.PartitionColumns, file, mapping, options.PartitionTimeZone ?? TimeZoneInfo.Utc);
        var columns = Columns(reader, shape);
        // Batches end with their row group: they hold what the writer held, however large the rows are.
        for (var group = 0; group < reader.NumRowGroups; group++)
        {
            using var batches = Guard(() => reader.GetRecordBatchReader([group], columns));
            while (await NextAsync(batches) is { } batch) yield return Guard(() => shape.Fit(batch));
        }

        async ValueTask<RecordBatch?> NextAsync(Apache.Arrow.Ipc.IArrowArrayStream batches)
        {
            try
            {
                return await batches.ReadNextRecordBatchAsync(cancellationToken);
            }
            catch (Exception e) when (ParquetSource.IsDamage(e))
            {
                throw source.Explain(e);
            }
        }

        T Guard<T>(Func<T> read)
        {
            try
            {
                return read();
            }
            catch (Exception e) when (ParquetSource.IsDamage(e))
            {
                throw source.Explain(e);
            }
        }
    }

    /// <summary>The Parquet columns below the top-level columns wanted.</summary>
    private static int[] Columns(FileReader reader, FileShape shape)
    {
        using var metadata = reader.ParquetReader.FileMetaData;
        var schema = metadata.Schema;
        int[] wanted = [.. Enumerable.Range(0, schema.NumColumns).Where(i => shape.Needs(schema.Column(i).Path.ToDotVector()[0]))];
        // With no columns there are no batches, and so no count of rows: read one.
        return wanted.Length == 0 && schema.NumColumns > 0 ? [0] : wanted;
    }

    private static Schema Select(DeltaTable table, Schema schema, IReadOnlyList<string> columns) =>
        new(columns.Select(column => schema.GetFieldIndex(column, StringComparer.Ordinal) is var index and >= 0
            ? schema.GetFieldByIndex(index)
            : throw new PipelineException(FaultKind.Invalid, $"Table {table.Path}", $"it has no column {column}",
                $"Choose from: {string.Join(", ", schema.FieldsList.Select(field => field.Name))}.")), null);
}
