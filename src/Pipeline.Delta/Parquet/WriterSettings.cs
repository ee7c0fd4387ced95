using Apache.Arrow;
using Apache.Arrow.Types;
using ParquetSharp;

namespace Pipeline.Delta.Parquet;

/// <summary>The native writer's settings for a data file.</summary>
internal static class WriterSettings
{
    private const long PageBytes = 256L << 10;

    /// <param name="chosen">How columns are best written that the options do not name.</param>
    public static WriterProperties Build(Schema schema, DataFileOptions options, IReadOnlyDictionary<string, ColumnEncoding> chosen)
    {
        using var builder = new WriterPropertiesBuilder();
        builder.Compression(options.Compression.Codec == Codec.Zstd ? Compression.Zstd : Compression.Snappy);
        if (options.Compression.Level is { } level) builder.CompressionLevel(level);
        // Arrow's own allocator keeps what a closed file has used, for each thread: with a file open for every table that is
        // more than a hundred MiB.
        builder.MemoryPool(MemoryPool.SystemMemoryPool());
        // A page is copied and compressed while it is in the processor's cache: the writer's own choice of 1 MiB is not.
        builder.DataPagesize(PageBytes);
        // As Spark writes decimals of up to 18 digits; smaller and faster than fixed-length bytes.
        builder.EnableStoreDecimalAsInteger();
        // Rows are bounded by bytes already: the default limit of a million rows would only add small row groups.
        builder.MaxRowGroupLength(long.MaxValue);
        foreach (var field in schema.FieldsList)
        {
            var encoding = EncodingOf(field, options, chosen);
            foreach (var (path, type) in Leaves(field.DataType, field.Name))
            {
                if (encoding != ColumnEncoding.Dictionary) builder.DisableDictionary(path);
                if (encoding == ColumnEncoding.Differences) builder.Encoding(path, Encoding.DeltaBinaryPacked);
                // Personal data must not come back through the footer of the file. Of texts the log has the bounds of the whole file,
                // and those of a row group took the writer a third of its time for them.
                if (options.NoStatistics?.Contains(field.Name) == true || type is StringType or BinaryType) builder.DisableStatistics(path);
            }
        }

        return builder.Build();
    }

    private static ColumnEncoding EncodingOf(Field field, DataFileOptions options, IReadOnlyDictionary<string, ColumnEncoding> chosen)
    {
        if (options.Differences?.Contains(field.Name) == true && EncodingChoice.AreIntegers(field.DataType)) return ColumnEncoding.Differences;
        var encoding = chosen.GetValueOrDefault(field.Name);
        return encoding == ColumnEncoding.Dictionary && options.NoDictionary?.Contains(field.Name) == true ? ColumnEncoding.Plain : encoding;
    }

    // Parquet's own names for the levels inside of lists and maps.
    private static IEnumerable<(string Path, IArrowType Type)> Leaves(IArrowType type, string path) => type switch
    {
        StructType structure => structure.Fields.SelectMany(field => Leaves(field.DataType, $"{path}.{field.Name}")),
        ListType list => Leaves(list.ValueDataType, $"{path}.list.element"),
        MapType map => Leaves(map.KeyField.DataType, $"{path}.key_value.key").Concat(Leaves(map.ValueField.DataType, $"{path}.key_value.value")),
        _ => [(path, type)],
    };
}
