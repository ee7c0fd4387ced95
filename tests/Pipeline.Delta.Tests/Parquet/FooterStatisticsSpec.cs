using Apache.Arrow;
using Apache.Arrow.Types;
using DuckDB.NET.Data;
using ParquetSharp;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Maintenance;
using Pipeline.DuckDb;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Reading;
using Pipeline.Delta.Schemas;
using Pipeline.Delta.Tests.Storage;
using Encoding = System.Text.Encoding;

namespace Pipeline.Delta.Tests.Parquet;

/// <summary>Whoever writes a file: a column that is marked in the table has no bounds in its footer.</summary>
public sealed class FooterStatisticsSpec : IDisposable
{
    private const int Rows = 300_000;

    private static readonly Schema Columns = new(
    [
        new Field("key", Int64Type.Default, nullable: true),
        new Field("text", StringType.Default, nullable: true, TableColumns.WithoutStatistics),
        new Field("pair", new StructType([new Field("n", Int64Type.Default, nullable: true), new Field("s", StringType.Default, nullable: true)]), nullable: true,
            TableColumns.WithoutStatistics),
        new Field("dotted.name", DoubleType.Default, nullable: true),
    ], null);

    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private DuckDbSettings Engine => new(256L << 20, 2, _scratch.Root);

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData("query")]
    [InlineData("compaction")]
    [InlineData("z-order")]
    public async Task Marked_columns_have_none_and_the_rows_are_all_there(string writer)
    {
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "t", Columns, [], TestTables.NoConfiguration, TimeProvider.System, Cancel);
        await CopyAsync(table, $"SELECT i AS key, 'a' || i AS text, {{'n': i, 's': 'x' || i}} AS pair, i / 2 AS \"dotted.name\" FROM range({Rows}) r(i)");
        await CopyAsync(table, "SELECT -1 AS key, 'z0' AS text, NULL AS pair, 0.5 AS \"dotted.name\"");
        if (writer == "compaction") await Compaction.RunAsync(table, new CompactionOptions(new DataFileOptions()), Cancel);
        if (writer == "z-order") await ZOrder.RunAsync(table, new ZOrderOptions(["key"], new DataFileOptions(), Engine), Cancel);

        Assert.Equal(writer == "query" ? 2 : 1, table.Current.FilesByPath.Count);
        Assert.Equal(["dotted.name", "key"], WithBounds(table));
        // Two readers that share no code: each reads every page.
        Assert.Equal([(Rows + 1L, Rows - 1L, Rows * (Rows - 1L) / 2)], DuckDbRows.Query(table, table.Current,
            "SELECT count(*), max(substr(text, 2)::BIGINT) FILTER (key >= 0), sum(pair.n)::BIGINT FROM files", row => (row.GetInt64(0), row.GetInt64(1), row.GetInt64(2))));
        var read = 0L;
        await foreach (var batch in TableReader.ReadAsync(table, table.Current, new ReadOptions(), Cancel))
        {
            using (batch) read += batch.Length;
        }

        Assert.Equal(Rows + 1, read);
        Assert.All(table.Current.Files, file => Assert.Equal(file.Size, new FileInfo(table.Store.LocalPath($"t/{file.Path}")!).Length));
    }

    /// <summary>Spark writes bounds twice, and cannot leave out either.</summary>
    [Theory]
    [InlineData(true, 2)]
    [InlineData(false, 2)]
    [InlineData(true, 0)]
    public async Task A_page_index_goes_with_the_bounds_and_the_rows_stay(bool isRemote, int rowGroups)
    {
        var path = Path.Combine(_scratch.Root, "indexed.parquet");
        using (var properties = new WriterPropertiesBuilder().EnableWritePageIndex().DisableDictionary().Compression(Compression.Zstd).Build())
        {
            using var writer = new ParquetFileWriter(path, [new Column<string>("text"), new Column<long?>("key")], properties);
            for (var group = 0; group < rowGroups; group++)
            {
                using var rows = writer.AppendRowGroup();
                using (var text = rows.NextColumn().LogicalWriter<string>()) text.WriteBatch([.. Enumerable.Range(0, 2_000).Select(i => $"{(char)('a' + group)}-private-{i:D5}")]);
                using (var key = rows.NextColumn().LogicalWriter<long?>()) key.WriteBatch([.. Enumerable.Range(0, 2_000).Select(i => i % 7 == 0 ? (long?)null : i)]);
            }

            writer.Close();
        }

        var before = await File.ReadAllBytesAsync(path, Cancel);
        var columns = new HashSet<string>(StringComparer.Ordinal) { "text" };

        var size = await RemoveAsync();

        var after = await File.ReadAllBytesAsync(path, Cancel);
        Assert.Equal(size, after.Length);
        if (rowGroups == 0) return;
        // Compressed pages do not show the last value as it is; footer and page index did.
        Assert.True(Occurrences(before, "b-private-01999") >= 2);
        Assert.Equal(0, Occurrences(after, "b-private-01999"));
        Assert.Equal(size, await RemoveAsync());
        using var reader = new ParquetFileReader(path);
        using (var group = reader.RowGroup(1))
        {
            Assert.True(group.MetaData.GetColumnChunkMetaData(0).Statistics is null or { HasMinMax: false });
            Assert.True(group.MetaData.GetColumnChunkMetaData(1).Statistics is { HasMinMax: true, NullCount: 286 });
            using var text = group.Column(0).LogicalReader<string>();
            Assert.Equal("b-private-01999", text.ReadAll(2_000)[^1]);
        }

        async ValueTask<long> RemoveAsync()
        {
            if (!isRemote) return FooterStatistics.Remove(path, columns);
            var store = new MemoryStore();
            await store.PutAsync("indexed.parquet", await File.ReadAllBytesAsync(path, Cancel), Cancel);
            var bytes = await FooterStatistics.RemoveAsync(store, "indexed.parquet", columns, Cancel);
            await File.WriteAllBytesAsync(path, (await store.TryGetAsync("indexed.parquet", Cancel))!, Cancel);
            return bytes;
        }
    }

    private static int Occurrences(byte[] bytes, string text)
    {
        var (wanted, count) = (Encoding.UTF8.GetBytes(text), 0);
        for (var at = 0; bytes.AsSpan(at).IndexOf(wanted) is var next and >= 0; at += next + 1) count++;
        return count;
    }

    [Theory]
    [InlineData("PAR1 no footer PAR2")]
    [InlineData("PAR1\u0019\u0019\u0019\u0004\0\0\0PAR1")]
    public async Task What_is_no_Parquet_file_is_damage(string content)
    {
        var path = Path.Combine(_scratch.Root, "x.parquet");
        await File.WriteAllBytesAsync(path, Encoding.Latin1.GetBytes(content), Cancel);

        var error = Assert.Throws<PipelineException>(() => FooterStatistics.Remove(path, new HashSet<string>(StringComparer.Ordinal) { "text" }));

        Assert.Equal(FaultKind.Damaged, error.Kind);
        Assert.Equal(content.Length, new FileInfo(path).Length);
    }

    private async Task CopyAsync(DeltaTable table, string query)
    {
        using var session = DuckDbSession.Open(Engine, Cancel);
        var files = await ParquetCopy.WriteAsync(session, table, Columns.FieldsList, query, DateTimeOffset.UnixEpoch, Cancel);
        await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Adds = [.. files] });
    }

    /// <summary>The top-level columns with a bound in any row group of any file, by DuckDB's own look into footers.</summary>
    private static List<string> WithBounds(DeltaTable table)
    {
        using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        using var query = connection.CreateCommand();
        query.CommandText = $"""
            SELECT DISTINCT split_part(path_in_schema, ', ', 1) AS name
            FROM parquet_metadata([{string.Join(", ", table.Current.Files.Select(file => $"'{table.Store.LocalPath($"t/{file.Path}")}'"))}])
            WHERE coalesce(stats_min, stats_max, stats_min_value, stats_max_value) IS NOT NULL ORDER BY 1
            """;
        using var reader = query.ExecuteReader();
        List<string> names = [];
        while (reader.Read()) names.Add(reader.GetString(0));
        return names;
    }
}
