using System.Collections.Immutable;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Schemas;

namespace Pipeline.Delta.Table;

/// <summary>Names and opens new data files.</summary>
internal static class DataFiles
{
    private static readonly System.Buffers.SearchValues<char> SafeInDirectory = System.Buffers.SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._");

    /// <exception cref="PipelineException">The partition values are not those of the table's partition columns.</exception>
    public static async ValueTask<DataFileWriter> OpenAsync(TableHandle table, Schema schema, IReadOnlyDictionary<string, string?> partitionValues,
        DataFileOptions options, CancellationToken cancellationToken)
    {
        var metadata = table.Current.Metadata;
        if (!metadata.PartitionColumns.ToHashSet(StringComparer.Ordinal).SetEquals(partitionValues.Keys))
            throw new PipelineException(FaultKind.Invalid, $"Table {table.Path}",
                $"it is partitioned by ({string.Join(", ", metadata.PartitionColumns)}), and the file by ({string.Join(", ", partitionValues.Keys)})",
                "Give a value for each partition column.");

        string[] withoutStatistics = [.. options.NoStatistics ?? [], .. WithoutStatistics(table.Current.Schema)];
        var columns = new Schema(schema.FieldsList.Where(field => !partitionValues.ContainsKey(field.Name)), null);
        var path = PartitionDirectory(metadata.PartitionColumns, partitionValues)
            + $"part-00000-{Guid.NewGuid()}.c000.{options.Compression.Codec.Name()}.parquet";
        var upload = await table.Store.OpenUploadAsync(PathIn(table.Path, path), cancellationToken);
        try
        {
            return new ArrowDataFileWriter(path, columns, ActionReader.NoValues.AddRange(partitionValues),
                options with { NoStatistics = withoutStatistics },
                IndexedColumns.Of(metadata), upload, table.Time);
        }
        catch
        {
            await upload.DisposeAsync();
            throw;
        }
    }

    /// <summary>The columns that the table itself marks, so that no writer can forget.</summary>
    private static IEnumerable<string> WithoutStatistics(Schema schema) => schema.FieldsList
        .Where(field => !TableColumns.HasStatistics(field))
        .Select(field => field.Name);

    /// <summary>Below the store's root.</summary>
    public static string PathIn(string table, string path) => table.Length == 0 ? path : $"{table}/{path}";

    /// <summary>
    /// <c>name=value/</c> for each column, whose name it is to the letter: some readers take values from there. Nothing when one of them
    /// would need escaping, about which engines disagree. Directories mean nothing to the protocol.
    /// </summary>
    private static string PartitionDirectory(ImmutableArray<string> columns, IReadOnlyDictionary<string, string?> values)
    {
        var directory = "";
        foreach (var column in columns)
        {
            if (values[column] is not { Length: > 0 } value || value.AsSpan().ContainsAnyExcept(SafeInDirectory)
                || column is ['.', ..] || column.AsSpan().ContainsAnyExcept(SafeInDirectory)) return "";
            directory += $"{column}={value}/";
        }

        return directory;
    }
}
