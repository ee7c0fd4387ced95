using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Delta;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Tests;

namespace Pipeline.DuckDb.Tests;

public sealed class ParquetCopySpec : IDisposable
{
    private const int Rows = 40_000;
    private const int TextBytes = 4096;

    private static readonly Schema Columns = new([new Field("id", Int64Type.Default, nullable: true), new Field("body", StringType.Default, nullable: true)], null);

    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData(Codec.Snappy)]
    [InlineData(Codec.Zstd)]
    public async Task Files_are_compressed_and_named_as_configured(Codec codec)
    {
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "table", Columns, [], TestTables.NoConfiguration, TimeProvider.System, Cancel);
        using var duck = DuckDbSession.Open(new DuckDbSettings(64L << 20, Threads: 1, _scratch.Root) { Compression = codec }, Cancel);

        var file = Assert.Single(await ParquetCopy.WriteAsync(duck, table, [.. Columns.FieldsList], "SELECT 1 AS id, 'a' AS body", TimeProvider.System.GetUtcNow(), Cancel));

        Assert.EndsWith($".{codec.Name()}.parquet", file.Path, StringComparison.Ordinal);
        Assert.Equal(2, duck.Count($"SELECT count(*) FROM parquet_metadata('{_scratch.Store().LocalPath("table")}/{file.Path}') WHERE lower(compression) = '{codec.Name()}'"));
    }

    [Fact]
    public async Task Rows_of_a_size_that_memory_does_not_hold_are_written_in_groups_bounded_by_bytes()
    {
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "wide", Columns, [], TestTables.NoConfiguration, TimeProvider.System, Cancel);
        using var duck = DuckDbSession.Open(new DuckDbSettings(128L << 20, Threads: 2, _scratch.Root), Cancel);

        var files = await ParquetCopy.WriteAsync(duck, table, [.. Columns.FieldsList], $"SELECT i AS id, repeat(chr(97 + (i % 26)::INT), {TextBytes}) AS body FROM range({Rows}) r(i)",
            TimeProvider.System.GetUtcNow(), Cancel);

        Assert.Equal(Rows, files.Sum(file => file.RowCount));
        foreach (var file in files)
            Assert.InRange(duck.Count($"SELECT max(row_group_num_rows) FROM parquet_metadata('{_scratch.Store().LocalPath("wide")}/{file.Path}')"), 1, Rows / 4);
    }
}
