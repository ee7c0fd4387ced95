using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using DuckDB.NET.Data;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Maintenance;
using Pipeline.DuckDb;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Reading;
using Pipeline.Delta.Schemas;

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
            WHERE coalesce(stats_min, stats_max, stats_min_value, stats_max_value, stats_null_count::VARCHAR) IS NOT NULL ORDER BY 1
            """;
        using var reader = query.ExecuteReader();
        List<string> names = [];
        while (reader.Read()) names.Add(reader.GetString(0));
        return names;
    }
}
