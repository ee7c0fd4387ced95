using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Maintenance;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Reading;
using Pipeline.Delta.Storage;

namespace Pipeline.DuckDb;

/// <summary>How a table is clustered.</summary>
/// <param name="Columns">One to four top-level columns; they need statistics, or readers have nothing to skip by.</param>
/// <param name="Files">How the new files are written; columns without statistics must be named again.</param>
/// <param name="Engine">What sorts: memory beyond its limit goes to its temporary directory.</param>
/// <param name="TargetBytes">About the size of the new files.</param>
public sealed record ZOrderOptions(IReadOnlyList<string> Columns, DataFileOptions Files, DuckDbSettings Engine, long TargetBytes = 128L << 20);

/// <summary>
/// Sorts the rows of each partition along a curve through several columns, so that each file holds a small range of all
/// of them. Rows do not change (<c>dataChange=false</c>); appenders go on beside it; each partition is a commit. Running
/// it again sorts again.
/// </summary>
public static class ZOrder
{
    private const int ColumnsMax = 4;

    /// <exception cref="PipelineException">A column cannot be clustered by, or a data file is damaged.</exception>
    public static async ValueTask<CompactionResult> RunAsync(DeltaTable table, ZOrderOptions options, CancellationToken cancellationToken)
    {
        var snapshot = await table.RefreshAsync(cancellationToken);
        ProtocolSupport.CheckWritable(table.Path, snapshot);
        var columns = DataColumns(table, snapshot, options.Columns);
        using var pin = table.Pin(snapshot);
        var parameters = ActionReader.NoStrings.Add("zOrderBy", string.Join(",", options.Columns));
        var result = new CompactionResult(0, 0, 0, 0, 0, snapshot.Version);
        foreach (var partition in snapshot.Files.GroupBy(CompactionBins.PartitionKey, StringComparer.Ordinal))
        {
            List<AddFile> old = [.. partition];
            var added = await RewriteAsync(table, snapshot, columns, old, options, cancellationToken);
            result = await RearrangeCommit.TryAsync(table, snapshot, "OPTIMIZE", old, added, parameters, cancellationToken) switch
            {
                { } version => result with
                {
                    FilesRemoved = result.FilesRemoved + old.Count,
                    FilesAdded = result.FilesAdded + added.Count,
                    BytesRemoved = result.BytesRemoved + old.Sum(file => file.Size),
                    BytesAdded = result.BytesAdded + added.Sum(file => file.Size),
                    Version = version,
                },
                null => result with { BinsSkipped = result.BinsSkipped + 1 },
            };
        }

        return result;
    }

    private static List<Field> DataColumns(DeltaTable table, Snapshot snapshot, IReadOnlyList<string> wanted)
    {
        List<Field> columns = [.. snapshot.Schema.FieldsList.Where(field => !snapshot.Metadata.PartitionColumns.Contains(field.Name, StringComparer.Ordinal))];
        if (wanted.Count is 0 or > ColumnsMax)
            throw new PipelineException(FaultKind.Invalid, $"Table {table.Path}", $"it cannot be clustered by {Plural.Of(wanted.Count, "column")}", $"Name one to {ColumnsMax}.");
        var unknown = wanted.FirstOrDefault(name => columns.All(column => column.Name != name || column.DataType is NestedType));
        return unknown is null ? columns : throw new PipelineException(FaultKind.Invalid, $"Table {table.Path}",
            $"it cannot be clustered by {unknown}", $"Choose from: {string.Join(", ", columns.Where(column => column.DataType is not NestedType).Select(column => column.Name))}.");
    }

    private static async ValueTask<IReadOnlyList<AddFile>> RewriteAsync(DeltaTable table, Snapshot snapshot, List<Field> columns, List<AddFile> old,
        ZOrderOptions options, CancellationToken cancellationToken)
    {
        using var session = DuckDbSession.Open(options.Engine, cancellationToken);
        var rows = await TableFiles.RelationAsync(session, table.Store, table.Path, columns, [.. old.Select(file => file.Path)], withOrigin: false, cancellationToken);
        var sorted = Path.Combine(session.ScratchDirectory, "sorted.parquet");
        ZOrderSql.Sort(session, rows, columns, options.Columns, sorted);
        return await SplitAsync(table, new Schema(columns, null), sorted, old[0], options, cancellationToken);
    }

    /// <summary>Copies a sorted file into data files of the target size.</summary>
    private static async ValueTask<IReadOnlyList<AddFile>> SplitAsync(DeltaTable table, Schema schema, string sorted, AddFile like, ZOrderOptions options,
        CancellationToken cancellationToken)
    {
        var scratch = new LocalObjectStore(Path.GetDirectoryName(sorted)!);
        using var source = await ParquetSource.OpenAsync(scratch, Path.GetFileName(sorted), "the sorted copy of the table", cancellationToken);
        using var batches = source.Reader.GetRecordBatchReader();
        var shape = new FileShape(schema, [], like, ColumnMapping.Of(table.Current.Metadata), TimeZoneInfo.Utc);
        List<AddFile> files = [];
        DataFileWriter? writer = null;
        try
        {
            while (await batches.ReadNextRecordBatchAsync(cancellationToken) is { } batch)
            {
                using (batch)
                {
                    writer ??= await table.OpenDataFileAsync(schema, like.PartitionValues, options.Files, cancellationToken);
                    writer.Write(shape.Fit(batch));
                }

                if (writer.Bytes < options.TargetBytes) continue;
                files.Add(await writer.CompleteAsync(cancellationToken));
                await writer.DisposeAsync();
                writer = null;
            }

            if (writer is not null) files.Add(await writer.CompleteAsync(cancellationToken));
            return files;
        }
        finally
        {
            if (writer is not null) await writer.DisposeAsync();
        }
    }
}

/// <summary>Sorting along the curve, in DuckDB's SQL.</summary>
internal static class ZOrderSql
{
    /// <summary>Each column's values fall into 2^Bits ranges of about equally many rows.</summary>
    private const int Bits = 6;

    /// <summary>Rows from which the ranges are taken.</summary>
    private const int SampleRows = 50_000;

    /// <param name="rows">A SELECT.</param>
    /// <param name="target">The Parquet file to write.</param>
    public static void Sort(DuckDbSession session, string rows, IReadOnlyList<Field> columns, IReadOnlyList<string> by, string target)
    {
        session.Execute($"CREATE TEMP TABLE z_sample AS SELECT {Sql.Names(by)} FROM ({rows}) USING SAMPLE reservoir({SampleRows} ROWS)");
        for (var i = 0; i < by.Count; i++)
        {
            var name = Sql.Name(by[i]);
            session.Execute($"""
                CREATE TEMP TABLE z_bounds_{i} AS
                SELECT min({name}) AS low, range_number - 1 AS range_number
                FROM (SELECT {name}, ntile({1 << Bits}) OVER (ORDER BY {name}) AS range_number FROM z_sample WHERE {name} IS NOT NULL)
                GROUP BY range_number
                """);
        }

        // The first differing bit of any column decides: bits of all columns take turns, the highest first.
        var place = string.Join(" | ", by.SelectMany((_, i) => Enumerable.Range(0, Bits).Select(bit =>
            $"(((coalesce(z{i}.range_number, 0)::BIGINT >> {bit}) & 1) << {(bit * by.Count) + (by.Count - 1 - i)})")));
        var joins = string.Concat(by.Select((name, i) => $" ASOF LEFT JOIN z_bounds_{i} AS z{i} ON t.{Sql.Name(name)} >= z{i}.low"));
        session.Execute($"""
            COPY (
              SELECT {string.Join(", ", columns.Select((column, i) => IsInexact(column.DataType) ? $"{FromBits(BitsOf(i), column.DataType)} AS {Sql.Name(column.Name)}" : "t." + Sql.Name(column.Name)))}
              FROM (SELECT *{string.Concat(columns.Select((column, i) => IsInexact(column.DataType) ? $", {ToBits(Sql.Name(column.Name), column.DataType)} AS {BitsOf(i)}" : ""))} FROM ({rows})) AS t{joins}
              ORDER BY {place}, {string.Join(", ", by.Select(name => "t." + Sql.Name(name)))}
            ) TO {Sql.Text(target)} (FORMAT parquet, {ParquetCopy.Compressed(session)}, {ParquetCopy.NoDictionaries})
            """);
    }

    /// <summary>
    /// Floating-point numbers pass the sort as their bits: what is sorted by comes back with one zero and one NaN for all. The file that they are written to
    /// has no dictionaries, which take one zero for the other too.
    /// </summary>
    private static bool IsInexact(IArrowType type) => type is FloatType or DoubleType || (type is ListType { ValueDataType: FloatType or DoubleType });

    private static string BitsOf(int column) => $"\"=bits{column}\"";

    private static string ToBits(string value, IArrowType type) => type switch
    {
        ListType list => $"list_transform({value}, x -> {ToBits("x", list.ValueDataType)})",
        FloatType => $"CAST(CAST({value} AS BIT) AS INTEGER)",
        _ => $"CAST(CAST({value} AS BIT) AS BIGINT)",
    };

    private static string FromBits(string bits, IArrowType type) => type switch
    {
        ListType list => $"list_transform({bits}, x -> {FromBits("x", list.ValueDataType)})",
        FloatType => $"CAST(CAST({bits} AS BIT) AS FLOAT)",
        _ => $"CAST(CAST({bits} AS BIT) AS DOUBLE)",
    };
}
